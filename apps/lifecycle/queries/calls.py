"""Calls of services: what is wrong with one in a definition, and those of an object as they are shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from django.db.models import QuerySet

from apps.access.queries import allowed_actions, is_limited, parts_of
from apps.access.types import Actor
from apps.filters.types import FilterError
from apps.lifecycle.models import Call, Service, Stateful
from apps.lifecycle.registry import event_predicate, event_queryables, find_lifecycle, lifecycle_of
from apps.lifecycle.rules.calling import CALL, duration_of, placeholders
from apps.lifecycle.types import Awaits, Definition, Move

# The event type whose schema says what is published of a noun.
TRANSITIONED: Final = "transitioned"


def visible_calls(row: Stateful, actor: Actor) -> QuerySet[Call]:
    """Return the calls about an object, the latest first; none for an actor who may not see what services are told.

    They show all that is published of the object. Where anything of objects like it may be hidden from the actor, what
    was asked and answered is left out by ``is_told_in_part``.
    """
    noun = lifecycle_of(row).noun
    calls = Call.objects.filter(saga__noun=noun, saga__object_id=row.pk).select_related("saga", "service")
    if f"{noun}.view_calls" not in allowed_actions(actor, row):
        return calls.none()
    return parts_of(calls, row, actor, f"{noun}.view_calls", instant="recorded_at").order_by("-pk")


def is_told_in_part(noun: str, actor: Actor) -> bool:
    """Say whether an actor may have to be shown less of objects than services were told."""
    return any(is_limited(actor, f"{noun}.{verb}") for verb in ("view", "view_calls"))


def call_faults(params: Mapping[str, Any], move: Move, definition: Definition) -> Iterable[str]:
    """Yield what is wrong with a call that its schema cannot say."""
    if "service" not in params:
        return
    if not Service.objects.filter(key=params["service"]).exists():
        yield f"No service is registered as «{params['service']}»."
    yield from _duration_faults(params)
    yield from _template_faults(params, definition)
    yield from _answer_faults(params)
    yield from _outcome_faults(params, move, definition)


def _duration_faults(params: Mapping[str, Any]) -> Iterable[str]:
    for name in ("answer_within", "within", "first", "longest"):
        try:
            duration_of(params, name)
        except ValueError as error:
            yield str(error)


def _template_faults(params: Mapping[str, Any], definition: Definition) -> Iterable[str]:
    about = find_lifecycle(definition.noun)
    if about is None:
        return
    known = {*event_queryables(about.event_type(TRANSITIONED)).names, "call_id"}
    for name in placeholders([params.get("path"), params.get("body"), params.get("compensate")]):
        if name.partition(".")[0] not in known:
            yield f"{definition.noun} publish no «{name}»."


def _answer_faults(params: Mapping[str, Any]) -> Iterable[str]:
    awaited, event = params.get("await", Awaits.ANSWER), params.get("event")
    if (awaited == Awaits.EVENT) != (event is not None):
        yield "An event is what it awaits: say «await: event», and which."
    elif event is not None and event["type"].startswith("watchfloor."):
        yield "No service sends events that are called watchfloor."
    elif event is not None and "match" in event:
        try:
            event_predicate(event["type"], event["match"])
        except FilterError as error:
            yield error.errors[0].detail


def _outcome_faults(params: Mapping[str, Any], move: Move, definition: Definition) -> Iterable[str]:
    for name in ("on_success", "on_failure"):
        outcome = definition.moves.get(params.get(name, ""))
        if name in params and outcome is None:
            yield f"There is no transition «{params[name]}»."
        elif outcome is not None and move.target not in outcome.sources:
            yield f"«{outcome.name}» does not start from «{move.target}»."
    calls = [each.params for each in move.effects if each.kind == CALL]
    if len({(each.get("on_success"), each.get("on_failure")) for each in calls}) > 1:
        yield "All calls of one transition have the same outcome: say the same on_success and on_failure."
    if len(calls) > 1 and "compensate" not in params:
        yield "One of several calls says how it is undone; «compensate: nothing» where it need not be."
