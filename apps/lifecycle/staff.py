"""What the admin of a noun with a lifecycle is made of: the state, buttons for what is allowed now, the timeline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.decorators import display

from apps.access.staff import actor_of_staff
from apps.access.types import Actor
from apps.access.veils import STATE
from apps.core import clock
from apps.core.types import WatchfloorError
from apps.lifecycle import queries, services
from apps.lifecycle.models import Stateful, Transition
from apps.lifecycle.registry import definition_of
from apps.lifecycle.rules.drawing import draw
from apps.lifecycle.types import Cause, State, Tone

BY = {
    Cause.HAND: "by hand",
    Cause.RULE: "by rule",
    Cause.TIMER: "by the clock",
    Cause.EVENT: "by an event",
    Cause.CONDITION: "by its condition",
    Cause.SERVICE: "by a service",
    Cause.MIGRATION: "by a change of its lifecycle",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """One thing that happened to an object, as the timeline tells it."""

    at: datetime
    title: str
    who: str
    how: str = ""
    text: str = ""
    tone: Tone | None = None


class LifecycleAdminMixin:
    """Mixed into the ``GuardedAdmin`` of a noun with a lifecycle.

    Above the form stand the state, a button for every transition that this person may make now, and the timeline.
    A transition goes through ``lifecycle.services.advance``, like everywhere.
    """

    change_form_outer_before_template = "lifecycle/above.html"

    class Media:
        css = {"all": ("lifecycle/lifecycle.css",)}

    @display(description="State", ordering="state")  # type: ignore[untyped-decorator]  # unfold
    def state_badge(self, row: Stateful) -> SafeString:
        """Return the state in its tone."""
        state = queries.state_of(row)
        return badge(state) if state else SafeString("")

    def timeline(self, row: Stateful, actor: Actor) -> Sequence[TimelineEntry]:
        """Return what the actor may see of what has happened to the object; a noun may add what else it knows."""
        states = definition_of(row).states
        return [_entry(step, states.get(step.to_state)) for step in queries.visible_history(row, actor)]

    def get_urls(self) -> list[URLPattern]:
        """Return the admin's addresses, and that of the buttons."""
        view = self.admin_site.admin_view(require_POST(self.transition_view))  # type: ignore[attr-defined]
        own = path("<path:object_id>/transition/", view, name=self._url_name("transition"))
        return [own, *super().get_urls()]  # type: ignore[misc]  # ModelAdmin

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the form, with the lifecycle around it."""
        row: Stateful | None = self.get_object(request, object_id)  # type: ignore[attr-defined]
        hidden = self.is_hidden(request, STATE)  # type: ignore[attr-defined]  # GuardedAdmin
        shows = row is not None and row.lifecycle_key and not hidden
        context = {"lifecycle": self.lifecycle_context(request, row)} if row is not None and shows else {}
        response: HttpResponse = super().change_view(  # type: ignore[misc]  # ModelAdmin
            request, object_id, form_url, {**context, **(extra_context or {})}
        )
        return response

    def lifecycle_context(self, request: HttpRequest, row: Stateful) -> dict[str, Any]:
        """Return what the templates show."""
        moves = definition_of(row).moves
        return {
            "state": queries.state_of(row),
            "since": row.state_since,
            "allowed": queries.allowed(row, actor_of_staff(request)),
            "diagram": draw(definition_of(row)),
            "ways": [
                {"label": way.label, "says": queries.says(way)}
                for way in queries.ways_out(row, actor_of_staff(request))
            ],
            "due": [{"label": moves[each.transition].label, "at": each.due_at} for each in queries.timers(row)],
            "transition_url": reverse(f"admin:{self._url_name('transition')}", args=[row.pk]),
            "reason_length": services.LONGEST_REASON,
            "timeline": sorted(self.timeline(row, actor_of_staff(request)), key=lambda entry: entry.at, reverse=True),
        }

    def transition_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Make the transition whose button was pressed, and say what became of it."""
        row = self.visible_or_404(request, object_id)
        transition, reason = request.POST.get("transition", ""), request.POST.get("reason", "")
        try:
            moved = services.advance(row, transition, actor=actor_of_staff(request), at=clock.now(), reason=reason)
        except WatchfloorError as error:
            messages.error(request, " ".join([error.message, *(each.detail for each in error.errors)]))
        else:
            state = queries.state_of(moved)
            messages.success(request, f"{moved} is now {state.label.lower() if state else moved.state}.")
        return self.back_to(row)

    def visible_or_404(self, request: HttpRequest, object_id: str) -> Any:
        """Return the object, if this person may see it."""
        row = self.get_object(request, object_id)  # type: ignore[attr-defined]
        if row is None:
            raise Http404
        return row

    def back_to(self, row: models.Model) -> HttpResponseRedirect:
        """Return to the object's page."""
        return HttpResponseRedirect(reverse(f"admin:{self._url_name('change')}", args=[row.pk]))

    def _url_name(self, what: str) -> str:
        options = self.opts  # type: ignore[attr-defined]
        return f"{options.app_label}_{options.model_name}_{what}"


def badge(state: State) -> SafeString:
    """Return a state as a coloured word; its tone names the colour."""
    return format_html('<span class="state" data-tone="{}">{}</span>', state.tone, state.label)


def _entry(step: Transition, state: State | None) -> TimelineEntry:
    return TimelineEntry(
        at=step.effective_at,
        title=state.label if state else step.to_state,
        who=step.actor_label,
        how=BY[Cause(step.cause)],
        text=step.reason,
        tone=state.tone if state else None,
    )
