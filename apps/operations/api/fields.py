"""Serializer fields of volumes: shapes."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.core.api.fields import nested
from apps.core.types import Invalid
from apps.operations.rules.shapes import read_shape
from apps.operations.types import Shape

_POSITION = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 3}
_AREA = {
    "type": "object",
    "required": ["type", "coordinates"],
    "properties": {
        "type": {"type": "string", "enum": ["Polygon", "MultiPolygon"]},
        "coordinates": {"type": "array", "items": {}},
    },
    "description": "GeoJSON (RFC 7946), WGS 84, lon lat, 10,000 vertices at most.",
}
_CIRCLE = {
    "type": "object",
    "required": ["type", "centre", "radius_m"],
    "properties": {
        "type": {"type": "string", "enum": ["Circle"]},
        "centre": _POSITION,
        "radius_m": {"type": "number", "minimum": 0.1, "maximum": 50_000},
    },
}
_CORRIDOR = {
    "type": "object",
    "required": ["type", "coordinates", "width_m"],
    "properties": {
        "type": {"type": "string", "enum": ["Corridor"]},
        "coordinates": {"type": "array", "items": _POSITION, "minItems": 2, "maxItems": 1_000},
        "width_m": {"type": "number", "minimum": 0.1, "maximum": 10_000},
    },
    "description": "Everything within half the width of a line of 200 km at most.",
}


@extend_schema_field({"oneOf": [_AREA, _CIRCLE, _CORRIDOR]})
class ShapeField(serializers.Field[Shape, Any, Any, Any]):
    """A shape: polygons, a circle or a corridor."""

    def to_internal_value(self, data: Any) -> Shape:
        """Return the shape; every fault is told with its place below the field."""
        try:
            return read_shape(data)
        except Invalid as error:
            raise serializers.ValidationError(nested(error)) from error

    def to_representation(self, value: Any) -> Any:
        """Return the shape as it was given."""
        return value
