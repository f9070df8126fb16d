"""What the admin of a noun with a lifecycle is made of: the state, buttons for what is allowed now, the timeline."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.decorators import display

from apps.access.queries import permits
from apps.access.staff import actor_of_staff
from apps.access.types import Actor
from apps.access.veils import STATE
from apps.core import clock
from apps.core.types import WatchfloorError
from apps.lifecycle import queries, services
from apps.lifecycle.models import Call, Stateful, Transition
from apps.lifecycle.registry import definition_of, lifecycle_of
from apps.lifecycle.rules.asking import fields_of, read_answers, typed_again
from apps.lifecycle.rules.drawing import draw
from apps.lifecycle.types import AllowedTransition, CallState, Category, Cause, Move, State, Tone

# What stands before the name of a field of a transition's form.
ANSWER = "answer-"
# Where the session keeps what was typed and refused, until the page is shown again; no more of it than that.
TYPED = "lifecycle-typed"
LONGEST_TYPED = 20_000
BY = {
    Cause.HAND: "by hand",
    Cause.RULE: "by rule",
    Cause.TIMER: "by the clock",
    Cause.EVENT: "by an event",
    Cause.CONDITION: "by its condition",
    Cause.SERVICE: "by a service",
    Cause.MIGRATION: "by a change of its lifecycle",
}


CALL_TONES = {
    **dict.fromkeys((CallState.WAITING, CallState.RUNNING, CallState.AWAITING, CallState.COMPENSATING), Tone.NOTICE),
    **dict.fromkeys((CallState.FAILED, CallState.STUCK), Tone.ALERT),
    **dict.fromkeys((CallState.SKIPPED, CallState.COMPENSATED), Tone.DONE),
}
MOST_CALLS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """One thing that happened to an object, as the timeline tells it."""

    at: datetime
    title: str
    who: str
    how: str = ""
    text: str = ""
    tone: Tone | None = None


class OverFilter(admin.SimpleListFilter):
    """Whether anything is still to be done: for a noun whose last states are of the category ``done``."""

    title = "still to be done"
    parameter_name = "over"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the choices."""
        return [("no", "Yes"), ("yes", "No, it is over")]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        """Return the rows that are over, or those that are not."""
        match self.value():
            case "yes":
                return queryset.filter(state_category=Category.DONE)
            case "no":
                return queryset.exclude(state_category=Category.DONE)
        return queryset


class LifecycleAdminMixin:
    """Mixed into the ``GuardedAdmin`` of a noun with a lifecycle.

    Above the form stand the state, a button for every transition that this person may make now, and the timeline.
    A transition goes through ``lifecycle.services.advance``, like everywhere; a noun for which more belongs to a move
    names the service that makes it.
    """

    move: Any = staticmethod(services.advance)

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
        settle = self.admin_site.admin_view(require_POST(self.call_view))  # type: ignore[attr-defined]
        calls = path("<path:object_id>/call/", settle, name=self._url_name("call"))
        return [own, calls, *super().get_urls()]  # type: ignore[misc]  # ModelAdmin

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
        allowed = queries.allowed(row, actor_of_staff(request))
        typed = _typed_before(request, row)
        return {
            "state": queries.state_of(row),
            "since": row.state_since,
            "allowed": [each for each in allowed if each.form is None],
            "asking": [_asking(each, each.form, typed) for each in allowed if each.form],
            "typed": typed,
            "diagram": draw(definition_of(row)),
            "ways": [
                {"label": way.label, "says": queries.says(way)}
                for way in queries.ways_out(row, actor_of_staff(request))
            ],
            "given_up": queries.given_up(row),
            "due": [{"label": moves[each.transition].label, "at": each.due_at} for each in queries.timers(row)],
            "transition_url": reverse(f"admin:{self._url_name('transition')}", args=[row.pk]),
            "reason_length": services.LONGEST_REASON,
            "calls": self._calls(row, actor_of_staff(request)),
            "may_settle": permits(actor_of_staff(request), f"{lifecycle_of(row).noun}.settle_calls", row),
            "call_url": reverse(f"admin:{self._url_name('call')}", args=[row.pk]),
            # The latest first, also of what happened at one instant.
            "timeline": sorted(self.timeline(row, actor_of_staff(request)), key=lambda entry: entry.at)[::-1],
        }

    def transition_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Make the transition whose button was pressed, and say what became of it."""
        row = self.visible_or_404(request, object_id)
        transition, reason = request.POST.get("transition", ""), request.POST.get("reason", "")
        try:
            moved = self.move(
                row,
                transition,
                actor=actor_of_staff(request),
                at=clock.now(),
                reason=reason,
                answers=_answers(row, transition, request.POST.dict()),
            )
        except WatchfloorError as error:
            # What is wrong with an answer stands at its question.
            others = [each.detail for each in error.errors if not each.pointer.startswith("/answers/")]
            messages.error(request, " ".join([error.message, *others]))
            _keep_typed(request, row, error)
        else:
            state = queries.state_of(moved)
            messages.success(request, f"{moved} is now {state.label.lower() if state else moved.state}.")
        return self.back_to(row)

    def call_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Try a call again, or give it up, as the button says."""
        row = self.visible_or_404(request, object_id)
        does = {"retry": services.retry_call, "give_up": services.give_up_call}.get(request.POST.get("do", ""))
        call_id, shown = _uuid(request.POST.get("call", "")), queries.visible_calls(row, actor_of_staff(request))
        if does is None or call_id is None or not shown.filter(pk=call_id).exists():
            raise Http404
        try:
            does(call_id, actor=actor_of_staff(request), at=clock.now())
        except WatchfloorError as error:
            messages.error(request, error.message)
        else:
            messages.success(request, "It is tried again." if does is services.retry_call else "It was given up.")
        return self.back_to(row)

    def _calls(self, row: Stateful, actor: Actor) -> list[dict[str, Any]]:
        is_told_in_part = queries.is_told_in_part(lifecycle_of(row).noun, actor)
        moves = definition_of(row).moves
        return [
            call_shown(call, moves.get(call.saga.transition), is_told=not is_told_in_part)
            for call in queries.visible_calls(row, actor)[:MOST_CALLS]
        ]

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


def call_shown(call: Call, move: Move | None, *, is_told: bool) -> dict[str, Any]:
    """Return a call as the object's page tells of it; without what was asked and answered, unless it may be told."""
    asked = f"{call.method} {call.path}"
    if call.body is not None:
        asked += "\n" + json.dumps(call.body, indent=2, ensure_ascii=False)
    return {
        "id": call.pk,
        "service": call.service.name,
        "state": call.get_state_display(),
        "tone": CALL_TONES.get(CallState(call.state), Tone.CALM).value,
        "transition": move.label if move else call.saga.transition,
        "attempts": call.attempts,
        "at": call.sent_at or call.recorded_at,
        "why": call.last_error,
        "due_at": call.due_at,
        "give_up_at": call.give_up_at,
        "asked": asked if is_told else "",
        "answer": call.answer if is_told else "",
        "decided": f"{call.decided.capitalize()} by {call.decided_by}" if call.decided else "",
        "is_open": call.due_at is not None or call.state == CallState.STUCK,
    }


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def badge(state: State) -> SafeString:
    """Return a state as a coloured word; its tone names the colour."""
    return format_html('<span class="state" data-tone="{}">{}</span>', state.tone, state.label)


def _answers(row: Stateful, transition: str, typed: Mapping[str, object]) -> dict[str, Any]:
    """Return the answers to the transition's form, if it has one."""
    move = definition_of(row).moves.get(transition) if row.lifecycle_key else None
    if move is None or move.form is None:
        return {}
    given = {name.removeprefix(ANSWER): str(value) for name, value in typed.items() if name.startswith(ANSWER)}
    return read_answers(move.form, given)


def _keep_typed(request: HttpRequest, row: Stateful, error: WatchfloorError) -> None:
    """Keep what was typed for the page that tells why it was refused."""
    typed = {name: str(value)[:LONGEST_TYPED] for name, value in request.POST.items()}
    request.session[TYPED] = {
        "object": str(row.pk),
        "transition": typed.get("transition", ""),
        "reason": typed.get("reason", ""),
        "answers": {name.removeprefix(ANSWER): each for name, each in typed.items() if name.startswith(ANSWER)},
        "wrong": {each.pointer.removeprefix("/answers/"): each.detail for each in error.errors},
    }


def _typed_before(request: HttpRequest, row: Stateful) -> dict[str, Any]:
    """Return what was typed and refused just before, once; nothing where it was about another object."""
    typed: dict[str, Any] = request.session.pop(TYPED, None) or {}
    return typed if typed.get("object") == str(row.pk) else {}


def _asking(transition: AllowedTransition, form: Mapping[str, Any], typed: Mapping[str, Any]) -> dict[str, Any]:
    """Return the form of a transition as the page shows it; open where it was refused just before."""
    is_again = typed.get("transition") == transition.name
    fields = fields_of(form)
    return {
        "transition": transition,
        "fields": typed_again(fields, typed["answers"], typed["wrong"]) if is_again else fields,
        "reason": typed["reason"] if is_again else "",
        "is_open": is_again,
    }


def _entry(step: Transition, state: State | None) -> TimelineEntry:
    return TimelineEntry(
        at=step.effective_at,
        title=state.label if state else step.to_state,
        who=step.actor_label,
        how=BY[Cause(step.cause)],
        text=step.reason,
        tone=state.tone if state else None,
    )
