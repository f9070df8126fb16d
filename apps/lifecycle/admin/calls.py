"""Services, and every call of them. The calls of one object stand on its own page as well."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from django.forms import ModelForm
from django.http import HttpRequest
from unfold.decorators import display
from unfold.widgets import UnfoldAdminPasswordWidget

from apps.access.staff import GuardedAdmin, GuardedInline, actor_of_staff, do_to_each, in_short
from apps.core import clock
from apps.lifecycle import services
from apps.lifecycle.models import Call, Saga, Service
from apps.lifecycle.services.known_services import FIELDS

TONES = {
    "succeeded": "success",
    "waiting": "info",
    "running": "info",
    "awaiting": "info",
    "calling": "info",
    "compensating": "warning",
    "undoing": "warning",
    "failed": "danger",
    "stuck": "danger",
}


class ServiceForm(ModelForm):  # type: ignore[type-arg]  # Django has no generic forms at run time
    """A service; its secret is written and never shown."""

    secret = forms.CharField(
        required=False,
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="Token, user:password, or the header's value. Empty leaves it; where the service moves, say it.",
    )

    class Meta:
        model = Service
        fields = ("key", *FIELDS)

    def _post_clean(self) -> None:
        """Leave judging to the service: the row is never saved by the form."""


@admin.register(Service)
class ServiceAdmin(GuardedAdmin):
    """The services that lifecycles may call, for those who look after them."""

    form = ServiceForm
    list_display = ("key", "name", "base_url", "circuit", "is_enabled", "concurrency", "timeout")
    list_filter = ("is_enabled",)
    search_fields = ("key", "name")
    readonly_fields = ("circuit",)
    fieldsets = (
        (None, {"fields": (("key", "name"), "base_url", ("is_enabled", "circuit"))}),
        ("Who we are", {"fields": (("auth", "header"), "secret")}),
        ("Limits", {"fields": (("timeout", "concurrency"), ("break_after", "break_for"))}),
    )

    def has_view_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Say yes to whoever may change services: where they are is nobody else's business."""
        return self.has_change_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: models.Model | None = None) -> Any:
        """Return what cannot be changed: the key, once definitions may name it."""
        return self.readonly_fields if obj is None else (*self.readonly_fields, "key")

    @display(description="Circuit", label={"closed": "success", "broken": "danger", "trying": "warning"})  # type: ignore[untyped-decorator]  # unfold
    def circuit(self, row: Service) -> tuple[str, str]:
        """Return whether it is called, and until when not."""
        if row.open_until is None or row.failures < row.break_after:
            return "closed", "closed"
        if row.open_until > clock.now():
            return "broken", f"broken until {row.open_until:%H:%M:%S}"
        return "trying", "trying one call"

    def save_through(self, request: HttpRequest, row: models.Model, form: ModelForm[Any], change: bool) -> models.Model:
        """Register the service, or change it."""
        given, actor, at = dict(form.cleaned_data), actor_of_staff(request), clock.now()
        if not change:
            return services.create_service(given, actor=actor, at=at)
        given.pop("key", None)
        return services.update_service(row.pk, given, expected_version=None, actor=actor, at=at)

    def delete_through(self, request: HttpRequest, row: models.Model) -> None:
        """Delete the service."""
        services.delete_service(row.pk, expected_version=None, actor=actor_of_staff(request), at=clock.now())


@admin.register(Call)
class CallAdmin(GuardedAdmin):
    """Everything that services were asked, raw; what is stuck is found by its state."""

    list_display = ("asked", "service", "about", "state_label", "attempts", "due_at", "last_error")
    list_filter = ("state", "service", "awaits")
    search_fields = ("=id", "=saga__object_id")
    list_select_related = ("service", "saga")
    ordering = ("-recorded_at",)
    actions = ("retry", "give_up")
    fields = (
        ("service", "saga", "place"),
        ("state", "attempts", "turn"),
        ("method", "path"),
        "body",
        "undo",
        ("awaits", "event_type", "event_match"),
        ("status", "last_error"),
        "answer",
        ("due_at", "claimed_until", "give_up_at"),
        ("sent_at", "recorded_at", "finished_at"),
        ("decided", "decided_by", "decided_at"),
    )

    @display(description="Asked")  # type: ignore[untyped-decorator]  # unfold
    def asked(self, row: Call) -> str:
        """Return what was asked, cut where it is long."""
        return f"{row.method} {row.path}"[:60]

    @display(description="About")  # type: ignore[untyped-decorator]  # unfold
    def about(self, row: Call) -> str:
        """Return the object that it was asked about."""
        return in_short(row.saga.noun, row.saga.object_id)

    @display(description="State", label=TONES)  # type: ignore[untyped-decorator]  # unfold
    def state_label(self, row: Call) -> tuple[str, str]:
        """Return what has become of it."""
        return str(row.state), str(row.get_state_display())

    @admin.action(description="Try again now")
    def retry(self, request: HttpRequest, queryset: models.QuerySet[Call]) -> None:
        """Let what rests or is stuck be tried again."""
        do_to_each(request, queryset, services.retry_call, "{} calls are tried again.")

    @admin.action(description="Give up")
    def give_up(self, request: HttpRequest, queryset: models.QuerySet[Call]) -> None:
        """Fail what is going on."""
        do_to_each(request, queryset, services.give_up_call, "{} calls were given up.")


class CallInline(GuardedInline):
    """The calls of a saga."""

    model = Call
    fields = ("place", "service", "state", "attempts", "due_at", "status", "last_error")
    readonly_fields = fields


@admin.register(Saga)
class SagaAdmin(GuardedAdmin):
    """What transitions have asked of services, all of it or nothing."""

    list_display = ("recorded_at", "noun", "object_id", "transition", "state_label", "reason", "finished_at")
    list_filter = ("state", "noun", "transition")
    search_fields = ("=object_id",)
    inlines = (CallInline,)
    fields = (
        ("noun", "object_id", "transition"),
        ("state", "reason"),
        ("on_success", "on_failure"),
        ("recorded_at", "finished_at"),
    )

    @display(description="State", label=TONES)  # type: ignore[untyped-decorator]  # unfold
    def state_label(self, row: Saga) -> tuple[str, str]:
        """Return how far it has come."""
        return str(row.state), str(row.get_state_display())
