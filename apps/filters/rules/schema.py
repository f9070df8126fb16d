"""What may be asked about a noun, as JSON Schema (OGC API Features Part 3, queryables)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from apps.filters.types import Queryable, Queryables, Type

_SCHEMAS: Final[Mapping[Type, Mapping[str, object]]] = {
    Type.STRING: {"type": "string"},
    Type.NUMBER: {"type": "number"},
    Type.INTEGER: {"type": "integer"},
    Type.BOOLEAN: {"type": "boolean"},
    Type.INSTANT: {"type": "string", "format": "date-time"},
    Type.DATE: {"type": "string", "format": "date"},
    Type.INTERVAL: {
        "type": "array",
        "items": {"type": ["string", "null"], "format": "date-time"},
        "x-ogc-role": "interval",
    },
    Type.STRING_ARRAY: {"type": "array", "items": {"type": "string"}},
    Type.UUID: {"type": "string", "format": "uuid"},
    Type.ANY: {"type": "object", "additionalProperties": True},
}


def json_schema(found: Queryables, *, address: str) -> dict[str, Any]:
    """Return the schema of the queryables, which says of itself where it is."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": address,
        "type": "object",
        "title": found.noun,
        "properties": {name: _schema(found, found.by_name[name]) for name in found.names},
        "additionalProperties": False,
    }


def _schema(found: Queryables, queryable: Queryable) -> dict[str, object]:
    schema: dict[str, object] = {"title": queryable.title or queryable.name.replace("_", " ").capitalize()}
    if queryable.description:
        schema["description"] = queryable.description
    if queryable.type is Type.GEOMETRY:
        role = "primary-geometry" if queryable.name == found.place else "geometry"
        schema |= {"format": f"geometry-{queryable.geometry}", "x-ogc-role": role}
    else:
        schema |= _SCHEMAS[queryable.type]
    if queryable.enum:
        schema["enum"] = list(queryable.enum)
    if queryable.unit:
        schema["x-ogc-unit"] = queryable.unit
    if queryable.name == found.valid_time and queryable.type is Type.INSTANT:
        schema["x-ogc-role"] = "primary-instant"
    if queryable.is_sortable:
        schema["x-watchfloor-sortable"] = True
    return schema
