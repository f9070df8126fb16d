"""What may be asked about an event: its type's JSON Schema says which properties there are, and of what type."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from apps.core.types import Feature
from apps.events.registry import event_types
from apps.filters.queries import compile_predicate, parse
from apps.filters.types import Predicate, Queryable, Queryables, Type, queryables

if TYPE_CHECKING:
    from apps.events.models import Event

OURS: Final = "watchfloor."
SENT: Final = "sent"
# Of the move that an event tells of, beside the object: name in a filter, and in ``data.lifecycle``.
MOVE: Final = {"transition": "transition", "from_state": "from", "to_state": "to", "signal": "signal"}
_OF_FORMAT: Final = {"uuid": Type.UUID, "date-time": Type.INSTANT}
_OF_TYPE: Final = {
    "string": Type.STRING,
    "number": Type.NUMBER,
    "integer": Type.INTEGER,
    "boolean": Type.BOOLEAN,
    "array": Type.STRING_ARRAY,
    "object": Type.ANY,
}


def event_queryables(event_type: str) -> Queryables:
    """Return what a match may ask about events of a type; raises ``LookupError`` for one of ours that there is not.

    What others send is theirs: below ``sent`` every member may be asked for.
    """
    if not event_type.startswith(OURS):
        told = (Queryable(name=SENT, type=Type.ANY), Queryable(name="source", type=Type.STRING))
        return queryables(event_type, Queryable(name="id", type=Type.UUID, read="id"), *told, open_properties=(SENT,))
    schema = event_types.get(event_type).schema
    properties = _properties(schema)
    asked = [Queryable(name=name, type=_type_of(each)) for name, each in properties.items()]
    moves = [Queryable(name=name, type=Type.STRING) for name in MOVE if name not in properties]
    return queryables(
        event_type,
        Queryable(name="id", type=Type.UUID, read="id"),
        Queryable(name="organisation_id", type=Type.UUID, read="organisation_id"),
        Queryable(name="geometry", type=Type.GEOMETRY, read="geometry"),
        *asked,
        *moves,
        open_properties=tuple(each.name for each in asked if each.type is Type.ANY),
    )


def event_feature(event: Event) -> Feature:
    """Return an event as a match sees it: the object that it tells of, or was about, and its move."""
    data = event.data
    told: Mapping[str, Any] = data.get("object") or data.get("previous") or {}
    move: Mapping[str, Any] = data.get("lifecycle") or {}
    properties = {name: move.get(key) for name, key in MOVE.items()} | dict(told.get("properties") or {})
    if event.source is not None:
        properties |= {SENT: data.get("sent"), "source": event.source}
    return Feature(
        id=event.object_id,
        organisation_id=event.organisation_id,
        version=told.get("version", 0),
        properties=properties,
        geometry=told.get("geometry"),
    )


@lru_cache(maxsize=4096)
def event_predicate(event_type: str, text: str) -> Predicate:
    """Return a match, compiled; raises ``FilterError``."""
    return compile_predicate(parse(text, queryables=event_queryables(event_type)))


def _properties(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schemas of the properties of the object that a type tells of, or of what it was before."""
    parts = schema.get("properties", {})
    for name in ("object", "previous"):
        found: Mapping[str, Any] = parts.get(name, {}).get("properties", {}).get("properties", {}).get("properties", {})
        if found:
            return found
    return {}


def _type_of(schema: Mapping[str, Any]) -> Type:
    if schema.get("format") in _OF_FORMAT:
        return _OF_FORMAT[schema["format"]]
    if "enum" in schema:
        values = [value for value in schema["enum"] if value is not None]
        return Type.INTEGER if values and all(isinstance(value, int) for value in values) else Type.STRING
    named = schema.get("type", "string")
    kinds = [each for each in ([named] if isinstance(named, str) else named) if each != "null"]
    return _OF_TYPE[kinds[0]] if kinds else Type.STRING
