"""History, timers and effects, raw, for those who look after the system. Effects can be tried again."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from apps.access.staff import GuardedAdmin, do_to_each
from apps.lifecycle import services
from apps.lifecycle.models import Effect, MigrationRun, Timer, Transition
from apps.lifecycle.types import EffectStatus


class FailingFilter(admin.SimpleListFilter):
    """Timers whose transition has failed at least once."""

    title = "failing"
    parameter_name = "failing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the one choice."""
        return [("yes", "Yes")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Timer]) -> QuerySet[Timer]:
        """Return the timers that fail."""
        return queryset.filter(claimed_until__isnull=False, attempts__gt=0) if self.value() else queryset


@admin.register(Transition)
class TransitionAdmin(GuardedAdmin):
    """Every transition that was made."""

    list_display = ("recorded_at", "noun", "name", "from_state", "to_state", "cause", "actor_label", "effective_at")
    list_filter = ("noun", "name", "cause")
    search_fields = ("=object_id", "actor_label", "reason")
    date_hierarchy = "recorded_at"
    ordering = ("-id",)
    fields = (
        ("noun", "object_id"),
        ("name", "from_state", "to_state"),
        ("cause", "actor_label", "actor_id"),
        "reason",
        ("effective_at", "recorded_at"),
    )


@admin.register(Timer)
class TimerAdmin(GuardedAdmin):
    """Every transition that the clock still owes."""

    list_display = ("due_at", "noun", "object_id", "transition", "claimed_until", "attempts", "error")
    list_filter = ("noun", "transition", FailingFilter)
    search_fields = ("=object_id",)
    actions = ("retry",)
    fields = (
        ("noun", "object_id", "transition"),
        ("due_at", "claimed_until"),
        ("attempts", "last_error"),
        "recorded_at",
    )

    @display(description="Last error")  # type: ignore[untyped-decorator]  # unfold
    def error(self, timer: Timer) -> str:
        """Return the beginning of what went wrong."""
        return timer.last_error[:80]

    @admin.action(description="Try again now")
    def retry(self, request: HttpRequest, queryset: QuerySet[Timer]) -> None:
        """Let what rests after a failure be tried now."""
        do_to_each(request, queryset, services.retry_timer, "{} timers are tried again.")


@admin.register(MigrationRun)
class MigrationRunAdmin(GuardedAdmin):
    """Every migration that ran, or runs, in the background."""

    list_display = ("asked_at", "key", "from_version", "to_version", "asked_by", "status", "moved", "total", "failed")
    list_filter = ("status", "key")
    search_fields = ("key", "asked_by")
    fields = (
        ("key", "from_version", "to_version"),
        ("states", "timers"),
        ("status", "moved", "total", "failed"),
        ("asked_by", "asked_at", "ended_at"),
        ("due_at", "claims"),
        "last_error",
    )


@admin.register(Effect)
class EffectAdmin(GuardedAdmin):
    """Everything that transitions have brought about, or still owe."""

    list_display = ("recorded_at", "kind", "transition", "noun", "object_id", "status", "due_at", "attempts", "error")
    list_filter = ("status", "kind", "noun", "transition")
    search_fields = ("=object_id", "=id")
    ordering = ("-seq",)
    actions = ("retry",)
    fields = (
        ("kind", "status"),
        ("noun", "object_id"),
        ("transition", "from_state", "to_state", "effective_at"),
        "params",
        ("due_at", "attempts", "claims"),
        "last_error",
        ("recorded_at", "done_at"),
    )

    @display(description="Last error")  # type: ignore[untyped-decorator]  # unfold
    def error(self, effect: Effect) -> str:
        """Return the beginning of what went wrong."""
        return effect.last_error[:80]

    @admin.action(description="Try again now")
    def retry(self, request: HttpRequest, queryset: QuerySet[Effect]) -> None:
        """Let what is dead or rests be tried again."""
        do_to_each(
            request, queryset.exclude(status=EffectStatus.DONE), services.retry_effect, "{} effects are tried again."
        )
