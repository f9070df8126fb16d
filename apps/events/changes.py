"""The three event types of a noun that is created, updated and deleted, made from one example of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from apps.core.types import Feature
from apps.events.registry import EventType, register_type
from apps.events.rules import feature_object

CHANGES: Final = ("created", "updated", "deleted")
_OBJECT: Final = ("id", "organisation_id", "version", "geometry", "properties")


def register_changes(word: str, *, a_thing: str, properties: Mapping[str, object], example: Feature) -> None:
    """Register ``watchfloor.<word>.created.v1`` and its siblings.

    ``properties`` are the JSON Schemas of the feature's properties, every one of them always present; ``a_thing`` is
    how a person calls it: "A zone".
    """
    for change in CHANGES:
        register_type(
            EventType(
                type=f"watchfloor.{word}.{change}.v1",
                description=f"{a_thing} was {change}.",
                schema=_data_schema(change, properties),
                example=_data_example(change, example),
            )
        )


def _data_schema(change: str, properties: Mapping[str, object]) -> dict[str, object]:
    nothing: dict[str, object] = {"type": "null"}
    thing = _object_schema(properties)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "required": ["change", "object", "previous", "lifecycle"],
        "properties": {
            "change": {"const": change},
            "object": nothing if change == "deleted" else thing,
            "previous": nothing if change == "created" else thing,
            "lifecycle": nothing,
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


def _data_example(change: str, example: Feature) -> dict[str, object]:
    shown = feature_object(example)
    return {
        "change": change,
        "object": None if change == "deleted" else shown,
        "previous": None if change == "created" else shown,
        "lifecycle": None,
    }
