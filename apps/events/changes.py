"""The event types of a noun that is created, updated and deleted, and perhaps moves: made from one example of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from apps.core.types import Feature
from apps.events.registry import EventType, register_type
from apps.events.rules import feature_object
from apps.events.types import Change

CHANGES: Final = (Change.CREATED, Change.UPDATED, Change.DELETED)
_OBJECT: Final = ("id", "organisation_id", "version", "geometry", "properties")
_MOVES: Final = (Change.CREATED, Change.TRANSITIONED)
_NOTHING: Final[Mapping[str, object]] = {"type": "null"}
_MOVE: Final[Mapping[str, object]] = {
    "type": "object",
    "required": ["transition", "from", "to", "cause", "reason", "effective_at"],
    "properties": {
        "transition": {"type": "string"},
        "from": {"type": ["string", "null"]},
        "to": {"type": "string"},
        "cause": {"enum": ["hand", "rule", "timer", "event", "condition", "service", "migration"]},
        "reason": {"type": "string"},
        "effective_at": {"type": "string", "format": "date-time"},
    },
}


# Whether a new thing begins a lifecycle may depend on its kind.
_FIRST: Final[Mapping[str, object]] = {**_MOVE, "type": ["object", "null"]}
_SIGNAL: Final[Mapping[str, object]] = {
    "type": "object",
    "required": ["signal", "text", "transition", "from", "to", "effective_at"],
    "properties": {
        "signal": {"type": ["string", "null"]},
        "text": {"type": "string"},
        "transition": {"type": "string"},
        "from": {"type": ["string", "null"]},
        "to": {"type": "string"},
        "effective_at": {"type": "string", "format": "date-time"},
    },
}


_NOTICE: Final[Mapping[str, object]] = {"signal": None, "text": "The berth is free."}


@dataclass(frozen=True, slots=True)
class _Lifecycle:
    """What stands in ``data.lifecycle``: its schema, and an example."""

    schema: Mapping[str, object]
    example: Mapping[str, object]


def register_changes(
    word: str,
    *,
    a_thing: str,
    properties: Mapping[str, object],
    example: Feature,
    move: Mapping[str, object] | None = None,
) -> None:
    """Register ``watchfloor.<word>.created.v1`` and its siblings.

    ``properties`` are the JSON Schemas of the feature's properties, every one of them always present; ``a_thing`` is
    how a person calls it: "A zone". A noun with a lifecycle gives an example of a ``move``, and has three types more.
    """
    for change in (*CHANGES, Change.TRANSITIONED) if move else CHANGES:
        done = "moved along its lifecycle" if change is Change.TRANSITIONED else f"was {change}"
        register_change(
            word,
            change.value,
            change=change,
            description=f"{a_thing} {done}.",
            properties=properties,
            example=example,
            lifecycle=_Lifecycle(_FIRST if change is Change.CREATED else _MOVE, move)
            if move and change in _MOVES
            else None,
        )
    if move:
        _register_signals(word, a_thing=a_thing, properties=properties, example=example, move=move)


def register_change(
    word: str,
    what: str,
    *,
    change: Change,
    description: str,
    properties: Mapping[str, object],
    example: Feature,
    lifecycle: _Lifecycle | None = None,
) -> None:
    """Register ``watchfloor.<word>.<what>.v1``, whose data tell of one kind of change."""
    shown = feature_object(example)
    register_type(
        EventType(
            type=f"watchfloor.{word}.{what}.v1",
            description=description,
            schema=_data_schema(change, properties, lifecycle),
            example={
                "change": change.value,
                "object": None if change is Change.DELETED else shown,
                "previous": None if change is Change.CREATED else shown,
                "lifecycle": lifecycle.example if lifecycle else None,
            },
        )
    )


def _register_signals(
    word: str,
    *,
    a_thing: str,
    properties: Mapping[str, object],
    example: Feature,
    move: Mapping[str, object],
) -> None:
    """Register what an effect of a transition may tell: a signal for programs, a notice for people."""
    told = {name: move[name] for name in ("transition", "from", "to", "effective_at")}
    for what, said in (("signalled", {"signal": "berth-freed", "text": ""}), ("notified", _NOTICE)):
        register_change(
            word,
            what,
            change=Change.UPDATED,
            description=f"The lifecycle of {a_thing.lower()} told something; the thing itself did not change.",
            properties=properties,
            example=example,
            lifecycle=_Lifecycle(_SIGNAL, {**said, **told}),
        )


def _data_schema(change: Change, properties: Mapping[str, object], lifecycle: _Lifecycle | None) -> dict[str, object]:
    thing = _object_schema(properties)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "required": ["change", "object", "previous", "lifecycle"],
        "properties": {
            "change": {"const": change.value},
            "object": _NOTHING if change is Change.DELETED else thing,
            "previous": _NOTHING if change is Change.CREATED else thing,
            "lifecycle": lifecycle.schema if lifecycle else _NOTHING,
        },
    }


def _object_schema(properties: Mapping[str, object]) -> dict[str, object]:
    return {
        "type": "object",
        "required": list(_OBJECT),
        "properties": {
            "id": {"type": "string", "format": "uuid"},
            "organisation_id": {"type": ["string", "null"], "format": "uuid"},
            "version": {"type": "integer", "minimum": 1},
            "geometry": {"type": ["object", "null"]},
            "properties": {"type": "object", "required": sorted(properties), "properties": dict(properties)},
        },
    }
