"""Reading definitions and deciding moves. Pure: no database, no clock.

A definition is checked completely when it is read, so that the engine never meets one that makes no sense.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import jsonschema

from apps.lifecycle.types import Definition, DefinitionError, EffectRule, Move, State, TimerRule, Tone

FIRST_PAUSE: Final = timedelta(seconds=2)
LONGEST_PAUSE: Final = timedelta(hours=1)

_NAME = {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,39}$"}
_NAMES = {"type": "array", "items": _NAME, "minItems": 1, "uniqueItems": True}
_KIND = {"type": "string", "pattern": "^[a-z][a-z-]{0,39}$"}
_LABEL = {"type": "string", "minLength": 1, "maxLength": 60}
SCHEMA: Final[Mapping[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "additionalProperties": False,
    "required": ["noun", "version", "initial", "states", "transitions"],
    "properties": {
        "noun": {"type": "string", "pattern": "^[a-z][a-z-]{0,39}$"},
        "version": {"type": "integer", "minimum": 1, "maximum": 32767},
        "initial": _NAME,
        "states": {
            "type": "object",
            "minProperties": 1,
            "propertyNames": _NAME,
            "additionalProperties": {
                "type": "object",
                "additionalProperties": False,
                "required": ["label", "tone"],
                "properties": {"label": _LABEL, "tone": {"enum": [each.value for each in Tone]}, "stamps": _NAME},
            },
        },
        "transitions": {
            "type": "object",
            "propertyNames": _NAME,
            "additionalProperties": {
                "type": "object",
                "additionalProperties": False,
                "required": ["label", "from", "to", "action"],
                "properties": {
                    "label": _LABEL,
                    "from": _NAMES,
                    "to": _NAME,
                    "action": {"type": "string", "pattern": r"^[a-z][a-z-]*\.[a-z_]+$"},
                    "guard": _NAME,
                    "reason": {"enum": ["optional", "required"]},
                    "clears": _NAMES,
                    "effects": {
                        "type": "array",
                        "items": {"type": "object", "required": ["kind"], "properties": {"kind": _KIND}},
                    },
                    "timer": {
                        "type": "object",
                        "additionalProperties": False,
                        "required": ["in"],
                        "oneOf": [{"required": ["after"]}, {"required": ["field"]}],
                        "properties": {"in": _NAMES, "after": {"type": "string"}, "field": _NAME},
                    },
                },
            },
        },
    },
}
_DURATION = re.compile(r"^P(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$")


def parse_definition(document: object, *, source: str) -> Definition:
    """Return the definition that a parsed YAML document describes; raises ``DefinitionError`` naming the place."""
    error = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(SCHEMA).iter_errors(document))
    if error is not None:
        raise DefinitionError(f"{source}: {'.'.join(map(str, error.absolute_path)) or 'document'}: {error.message}")
    definition = _read(document, source)  # type: ignore[arg-type]  # the schema has just said that it is a mapping
    for mistake in mistakes(definition):
        raise DefinitionError(f"{source}: {mistake}")
    return definition


def mistakes(definition: Definition) -> Iterator[str]:
    """Yield what the schema cannot say: names that lead nowhere, states that nothing leads to, timers that clash."""
    stamps = {state.stamps for state in definition.states.values() if state.stamps}
    yield from _unknown("initial", [definition.initial], definition)
    for move in definition.moves.values():
        place = f"transitions.{move.name}"
        yield from _unknown(place, [*move.sources, move.target], definition)
        if unknown := set(move.clears) - stamps:
            yield f"{place}.clears: no state stamps {', '.join(sorted(unknown))}"
        if move.timer and (outside := set(move.timer.states) - set(move.sources)):
            yield f"{place}.timer: it does not start from {', '.join(sorted(outside))}"
    if unreached := set(definition.states) - reachable(definition):
        yield f"states: nothing leads to {', '.join(sorted(unreached))}"


def reachable(definition: Definition) -> set[str]:
    """Return the states that an object can come to, the first one included."""
    reached: set[str] = set()
    frontier = {definition.initial}
    while frontier:
        reached |= frontier
        frontier = {move.target for move in definition.moves.values() if reached & set(move.sources)} - reached
    return reached


def parse_duration(text: str) -> timedelta:
    """Return an ISO 8601 duration of days, hours, minutes and seconds; years and months have no fixed length."""
    found = _DURATION.match(text)
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups()) if found else (0, 0, 0, 0)
    duration = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    if not duration:
        raise DefinitionError(f"«{text}» is no duration above zero, such as PT5M or P1DT12H.")
    return duration


def timers_in(definition: Definition, state: str, since: datetime, fields: Mapping[str, object]) -> dict[str, datetime]:
    """Return which transitions the clock owes an object that entered a state, and when each is due.

    ``fields`` holds the durations of the object that the definition names; ``None`` there means never.
    """
    due: dict[str, datetime] = {}
    for move in definition.moves.values():
        if move.timer is None or state not in move.timer.states:
            continue
        after = move.timer.after if move.timer.field is None else fields.get(move.timer.field)
        if isinstance(after, timedelta):
            due[move.name] = since + after
    return due


def timer_fields(definition: Definition) -> frozenset[str]:
    """Return the fields of the object that its timers are computed from."""
    return frozenset(move.timer.field for move in definition.moves.values() if move.timer and move.timer.field)


def stamp_fields(definition: Definition) -> frozenset[str]:
    """Return the columns that entering a state stamps or a move clears."""
    return frozenset(state.stamps for state in definition.states.values() if state.stamps)


def moves_from(definition: Definition, state: str) -> list[Move]:
    """Return the moves out of a state, in the order of the definition."""
    return [move for move in definition.moves.values() if state in move.sources]


def pause_after(attempts: int) -> timedelta:
    """Return how long a timer rests after so many failures: doubling, up to an hour."""
    return min(FIRST_PAUSE * int(2 ** min(attempts - 1, 20)), LONGEST_PAUSE)


def _read(document: Mapping[str, Any], source: str) -> Definition:
    states = {
        name: State(name=name, label=state["label"], tone=Tone(state["tone"]), stamps=state.get("stamps"))
        for name, state in document["states"].items()
    }
    return Definition(
        noun=document["noun"],
        version=document["version"],
        initial=document["initial"],
        states=states,
        moves={name: _read_move(name, move, source) for name, move in document["transitions"].items()},
    )


def _read_move(name: str, move: Mapping[str, Any], source: str) -> Move:
    return Move(
        name=name,
        label=move["label"],
        sources=tuple(move["from"]),
        target=move["to"],
        action=move["action"],
        guard=move.get("guard"),
        timer=_read_timer(move["timer"], f"{source}: transitions.{name}.timer") if "timer" in move else None,
        clears=tuple(move.get("clears", ())),
        needs_reason=move.get("reason") == "required",
        effects=tuple(_read_effect(effect) for effect in move.get("effects", ())),
    )


def _read_effect(effect: Mapping[str, Any]) -> EffectRule:
    return EffectRule(kind=effect["kind"], params={name: value for name, value in effect.items() if name != "kind"})


def _read_timer(timer: Mapping[str, Any], place: str) -> TimerRule:
    try:
        after = parse_duration(timer["after"]) if "after" in timer else None
    except DefinitionError as error:
        raise DefinitionError(f"{place}: {error.message}") from None
    return TimerRule(states=tuple(timer["in"]), after=after, field=timer.get("field"))


def _unknown(place: str, states: list[str], definition: Definition) -> Iterator[str]:
    for state in states:
        if state not in definition.states:
            yield f"{place}: there is no state «{state}»"
