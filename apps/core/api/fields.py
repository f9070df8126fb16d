"""Serializer fields that DRF has too lenient or not at all: finite numbers, seconds, instants, polygons."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

from django.utils.dateparse import parse_datetime
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from shapely import MultiPolygon

from apps.core.geometry import parse_multipolygon, to_geojson
from apps.core.types import Invalid

LONGEST = timedelta(days=365)


class FiniteFloatField(serializers.FloatField):
    """A number as JSON has it: no text that looks like one, no boolean, no infinity."""

    def to_internal_value(self, data: Any) -> float:
        """Return the number."""
        if isinstance(data, bool) or not isinstance(data, int | float):
            self.fail("invalid")
        try:
            number = float(data)
        except OverflowError:
            self.fail("invalid")
        if not math.isfinite(number):
            self.fail("invalid")
        return number


@extend_schema_field({"type": "number", "exclusiveMinimum": 0, "maximum": LONGEST.total_seconds()})
class SecondsField(serializers.Field[timedelta, Any, float, Any]):
    """A duration as a number of seconds, above zero and a year at most."""

    default_error_messages = {"invalid": "Expected a number of seconds above zero, a year at most."}

    def to_internal_value(self, data: Any) -> timedelta:
        """Return the duration."""
        is_number = isinstance(data, int | float) and not isinstance(data, bool)
        if not is_number or not 0 < data <= LONGEST.total_seconds():
            self.fail("invalid")
        duration = timedelta(seconds=data)
        if not duration:
            self.fail("invalid")
        return duration

    def to_representation(self, value: timedelta) -> float:
        """Return the seconds."""
        return value.total_seconds()


class InstantField(serializers.DateTimeField):
    """An instant with its offset from UTC (RFC 3339); without one it could be any of a day's hours."""

    default_error_messages = {"no_offset": "Say the offset from UTC, as in 2026-07-01T12:00:00Z."}

    def to_internal_value(self, value: Any) -> datetime:
        """Return the instant, aware UTC."""
        try:
            naive = isinstance(value, str) and (parsed := parse_datetime(value)) is not None and parsed.tzinfo is None
        except ValueError:
            naive = False
        if naive:
            self.fail("no_offset")
        return super().to_internal_value(value)


@extend_schema_field(
    {
        "type": "object",
        "required": ["type", "coordinates"],
        "properties": {
            "type": {"type": "string", "enum": ["Polygon", "MultiPolygon"]},
            "coordinates": {"type": "array", "items": {}},
        },
        "description": "GeoJSON (RFC 7946), WGS 84, lon lat, 10,000 vertices at most.",
    }
)
class MultiPolygonField(serializers.Field[MultiPolygon, Any, dict[str, object], Any]):
    """A GeoJSON Polygon or MultiPolygon, checked as ``core.geometry`` does."""

    def to_internal_value(self, data: Any) -> MultiPolygon:
        """Return the polygons; every fault is told with its place below the field."""
        try:
            return parse_multipolygon(data, pointer="")
        except Invalid as error:
            raise serializers.ValidationError(nested(error)) from error

    def to_representation(self, value: MultiPolygon) -> dict[str, object]:
        """Return GeoJSON."""
        return to_geojson(value)


def nested(error: Invalid) -> dict[str, Any]:
    """Return field errors as DRF nests them, so that pointers survive: ``/coordinates/0/3``."""
    detail: dict[str, Any] = {}
    for each in error.errors:
        place = detail
        for step in each.pointer.split("/")[1:]:
            place = place.setdefault(step, {})
        place.setdefault("non_field_errors", []).append(serializers.ErrorDetail(each.detail, code=each.code))
    return detail
