"""What the answers of tracking look like; they describe the schema, plain functions write the answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from apps.core.api.rows import Instant
from apps.core.api.texts import Number, Quoted, json_text
from apps.core.types import Feature
from apps.events.rules import instant
from apps.tracking.models import Presence
from apps.tracking.queries import Track, TrackPoint
from apps.tracking.types import Connectivity


class ReasonSerializer(serializers.Serializer[Any]):
    """Why one item was kept aside."""

    index = serializers.IntegerField(help_text="Its place in what was sent, from 0.")
    code = serializers.CharField()
    detail = serializers.CharField()


class IngestResultSerializer(serializers.Serializer[Any]):
    """What became of what was sent."""

    stored = serializers.IntegerField()
    duplicate = serializers.IntegerField(help_text="Fixes that were there already.")
    quarantined = serializers.IntegerField(help_text="Items that are no usable fix, kept aside.")
    reasons = ReasonSerializer(many=True)


class ReportSerializer(serializers.Serializer[Any]):
    """One fix of one asset."""

    asset = serializers.CharField(max_length=200, help_text="`scheme:value` (`mmsi:367000001`) or the asset's id.")
    fixed_at = serializers.DateTimeField(help_text="The sensor's instant, with its offset from UTC.")
    lon = serializers.FloatField(min_value=-180, max_value=180)
    lat = serializers.FloatField(min_value=-90, max_value=90)
    altitude_m = serializers.FloatField(required=False, allow_null=True)
    altitude_datum = serializers.ChoiceField(choices=["AMSL", "WGS84", "AGL", "BARO"], required=False, allow_null=True)
    speed_mps = serializers.FloatField(required=False, allow_null=True)
    course_deg = serializers.FloatField(required=False, allow_null=True)
    heading_deg = serializers.FloatField(required=False, allow_null=True)
    accuracy_m = serializers.FloatField(required=False, allow_null=True)
    attributes = serializers.DictField(required=False, allow_null=True)


class PlaceSerializer(serializers.Serializer[Any]):
    """What is known of an asset's latest fix."""

    fixed_at = serializers.DateTimeField()
    altitude_m = serializers.FloatField(allow_null=True)
    speed_mps = serializers.FloatField(allow_null=True)
    course_deg = serializers.FloatField(allow_null=True)
    heading_deg = serializers.FloatField(allow_null=True)
    connectivity = serializers.ChoiceField(choices=list(Connectivity))


class PositionSerializer(serializers.Serializer[Any]):
    """Where an asset is now. `id` is the asset's."""

    id = serializers.UUIDField()
    organisation_id = serializers.UUIDField()
    version = serializers.IntegerField()
    geometry = serializers.DictField(help_text="A GeoJSON point.")
    properties = PlaceSerializer()


class InsideSerializer(PositionSerializer):
    """An asset that is inside a zone now."""

    since = serializers.DateTimeField(help_text="When it came in.")
    dwelt_at = serializers.DateTimeField(allow_null=True, help_text="When it had stayed as long as the zone says.")


class TrackPropertiesSerializer(serializers.Serializer[Any]):
    """The fixes of a track, column by column, in the order of the coordinates."""

    asset_id = serializers.UUIDField()
    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    total = serializers.IntegerField(help_text="How many fixes there are.")
    shown = serializers.IntegerField(help_text="How many of them are in the geometry.")
    fixed_at = serializers.ListField(child=serializers.DateTimeField())
    speed_mps = serializers.ListField(child=serializers.FloatField(allow_null=True))
    course_deg = serializers.ListField(child=serializers.FloatField(allow_null=True))


class TrackSerializer(serializers.Serializer[Any]):
    """The track of one asset: a GeoJSON feature."""

    type = serializers.ChoiceField(choices=["Feature"])
    id = serializers.UUIDField()
    geometry = serializers.DictField(
        allow_null=True, help_text="A line; several where it crosses the antimeridian; a point if there is but one."
    )
    properties = TrackPropertiesSerializer()


def position_body(feature: Feature) -> dict[str, object]:
    """Return where an asset is now."""
    return {
        "id": feature.id,
        "organisation_id": feature.organisation_id,
        "version": feature.version,
        "geometry": feature.geometry,
        "properties": feature.properties,
    }


def position_texts(presences: QuerySet[Presence]) -> QuerySet[Any, Any]:
    """Return presences as rows with the ``text`` of what ``position_body`` says, written by the database."""
    text = json_text(
        {
            "id": Quoted("asset_id"),
            "organisation_id": Quoted("asset__organisation_id"),
            "version": "0",
            "geometry": {"type": '"Point"', "coordinates": [Number("lon"), Number("lat")]},
            "properties": {
                "fixed_at": Quoted(Instant("fixed_at")),
                **{name: Number(name) for name in ("altitude_m", "speed_mps", "course_deg", "heading_deg")},
                "connectivity": Quoted("connectivity"),
            },
        }
    )
    return presences.values("asset_id", text=text)


def track_geometry(points: Sequence[TrackPoint]) -> dict[str, object] | None:
    """Return a track as a GeoJSON geometry, cut where it crosses the antimeridian (RFC 7946, section 3.1.9)."""
    if not points:
        return None
    lines = [[_coordinates(point) for point in line] for line in _lines(points)]
    if len(points) == 1:
        return {"type": "Point", "coordinates": lines[0][0]}
    if len(lines) == 1:
        return {"type": "LineString", "coordinates": lines[0]}
    # A line needs two positions: a lone fix between two crossings is there twice.
    return {"type": "MultiLineString", "coordinates": [line if len(line) > 1 else line * 2 for line in lines]}


def track_columns(track: Track) -> dict[str, object]:
    """Return what is known of a track's fixes besides their place."""
    return {
        "total": track.total,
        "shown": len(track.points),
        "fixed_at": [instant(point.fixed_at) for point in track.points],
        "speed_mps": [point.speed_mps for point in track.points],
        "course_deg": [point.course_deg for point in track.points],
    }


def _lines(points: Sequence[TrackPoint]) -> Iterator[Sequence[TrackPoint]]:
    start = 0
    for place in range(1, len(points)):
        if abs(points[place].lon - points[place - 1].lon) > 180:
            yield points[start:place]
            start = place
    yield points[start:]


def _coordinates(point: TrackPoint) -> list[float]:
    place = [point.lon, point.lat]
    return place if point.altitude_m is None else [*place, point.altitude_m]
