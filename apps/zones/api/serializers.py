"""How zones look over REST. Serializers read bodies and describe the schema; plain functions write answers.

Areas leave the database as GeoJSON text and stand in the answer as they are: making Python objects of every vertex
only to write them again costs fifty times as much.
"""

from __future__ import annotations

from typing import Any, TypeVar

import orjson
from django.contrib.gis.db.models.functions import AsGeoJSON
from django.db.models import QuerySet
from rest_framework import serializers

from apps.core.api.fields import FiniteFloatField, InstantField, MultiPolygonField, SecondsField
from apps.core.api.rows import RowSerializer, row_body
from apps.core.types import Datum
from apps.zones.models import Zone, ZoneKind, ZoneVersion
from apps.zones.published import shape_properties, zone_kind_feature
from apps.zones.types import Change

M = TypeVar("M", Zone, ZoneVersion)

# PostGIS then writes the shortest text that reads back as the same number.
EVERY_DIGIT = 15


class ZoneKindChangeSerializer(RowSerializer):
    """What can be changed of a kind of zone."""

    name = serializers.CharField(max_length=120)
    label = serializers.CharField(  # type: ignore[assignment]  # the metaclass takes fields out of the class
        max_length=24, allow_blank=True, default="", help_text="Written into the zone."
    )
    colour = serializers.CharField(max_length=7, default="#3b82f6", help_text="`#rrggbb`")


class ZoneKindSerializer(ZoneKindChangeSerializer):
    """A kind of zone."""

    slug = serializers.CharField(max_length=64, help_text="Its name in addresses and filters; stays for ever.")


class ShapeSerializer(serializers.Serializer[Any]):
    """What a zone, or a version of one, says of itself."""

    name = serializers.CharField(max_length=200)
    description = serializers.CharField(max_length=10_000, allow_blank=True, default="")
    area = MultiPolygonField()
    lower_m = FiniteFloatField(allow_null=True, default=None, help_text="Lowest height inside; null is open.")
    lower_datum = serializers.ChoiceField(choices=list(Datum), allow_null=True, default=None)
    upper_m = FiniteFloatField(allow_null=True, default=None, help_text="Highest height inside; null is open.")
    upper_datum = serializers.ChoiceField(choices=list(Datum), allow_null=True, default=None)
    valid_from = InstantField(allow_null=True, default=None, help_text="In force from this instant on.")
    valid_to = InstantField(allow_null=True, default=None, help_text="No longer in force at this instant.")
    dwell_after_s = SecondsField(allow_null=True, default=None, help_text="Who stays inside this long has dwelt.")
    is_active = serializers.BooleanField(default=True, help_text="Nobody is ever inside an inactive zone.")


class ZoneSerializer(RowSerializer, ShapeSerializer):
    """An area with an altitude band and a validity."""

    organisation_id = serializers.UUIDField(help_text="Who owns it.")
    kind = serializers.CharField(max_length=64, help_text="The slug of its kind.")


class ZoneVersionSerializer(ShapeSerializer):
    """A zone as it was from `recorded_at` until the next version."""

    version = serializers.IntegerField()
    change = serializers.ChoiceField(choices=[each.value for each in Change])
    organisation_id = serializers.UUIDField()
    kind_id = serializers.UUIDField()
    actor = serializers.CharField(help_text="Who made this version.")
    recorded_at = serializers.DateTimeField()


class FeatureCollectionSerializer(serializers.Serializer[Any]):
    """A GeoJSON FeatureCollection; what a property means is told in `docs/apps/zones.md`."""

    type = serializers.ChoiceField(choices=["FeatureCollection"])
    features = serializers.ListField(child=serializers.DictField(), min_length=1, max_length=10_000)


class ImportRowSerializer(serializers.Serializer[Any]):
    """What became of one feature."""

    index = serializers.IntegerField(help_text="Its place in the file, from 0.")
    name = serializers.CharField()
    zone_id = serializers.UUIDField(allow_null=True, help_text="The zone made of it; null in a dry run.")


class ImportReportSerializer(serializers.Serializer[Any]):
    """What an import did."""

    imported = serializers.IntegerField()
    is_dry_run = serializers.BooleanField()
    rows = ImportRowSerializer(many=True)


def with_geojson(rows: QuerySet[M]) -> QuerySet[M]:
    """Return zones or versions with their area as GeoJSON text in place of a geometry."""
    written: QuerySet[M] = rows.annotate(geojson=AsGeoJSON("area", precision=EVERY_DIGIT)).defer("area")
    return written


def zone_body(zone: Zone) -> dict[str, object]:
    """Return a zone of ``with_geojson`` as REST shows it."""
    shown = {"organisation_id": zone.organisation_id, "kind": zone.kind.slug, **_shape(zone)}
    return row_body(zone, shown)


def zone_version_body(version: ZoneVersion) -> dict[str, object]:
    """Return a version of ``with_geojson`` as REST shows it."""
    return {
        "version": version.version,
        "change": version.change,
        "organisation_id": version.organisation_id,
        "kind_id": version.kind_id,
        "actor": version.actor_label,
        "recorded_at": version.recorded_at,
        **_shape(version),
    }


def zone_kind_body(kind: ZoneKind) -> dict[str, object]:
    """Return a kind of zone as REST shows it."""
    return row_body(kind, zone_kind_feature(kind).properties)


def _shape(row: Any) -> dict[str, object]:
    return {**shape_properties(row), "area": orjson.Fragment(row.geojson)}
