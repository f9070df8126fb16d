"""How zones look over REST. Serializers read bodies and describe the schema; plain functions write answers.

Areas leave the database as GeoJSON text and stand in the answer as they are, and so do instants: making Python objects
of every vertex only to write them again costs fifty times as much, and model instances four times.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import orjson
from django.contrib.gis.db.models.functions import AsGeoJSON
from django.db.models import F, FloatField, Func, QuerySet, Value
from django.db.models.functions import NullIf
from rest_framework import serializers

from apps.core.api.bodies import KeptBodies, RowStamp
from apps.core.api.fields import FiniteFloatField, InstantField, MultiPolygonField, SecondsField
from apps.core.api.json import dumps
from apps.core.api.rows import Instant, RowSerializer, row_body
from apps.core.types import Datum
from apps.lifecycle.types import Category
from apps.zones.models import CONSTRAINTS, Zone, ZoneKind, ZoneVersion
from apps.zones.published import zone_kind_feature
from apps.zones.types import Change

# PostGIS then writes the shortest text that reads back as the same number.
EVERY_DIGIT = 15


class ZoneKindChangeSerializer(RowSerializer):
    """What can be changed of a kind of zone."""

    name = serializers.CharField(max_length=120)
    label = serializers.CharField(  # type: ignore[assignment]  # the metaclass takes fields out of the class
        max_length=24, allow_blank=True, default="", help_text="Written into the zone."
    )
    colour = serializers.CharField(max_length=7, default="#3b82f6", help_text="`#rrggbb`")
    lifecycle = serializers.CharField(
        max_length=40, allow_blank=True, default="", help_text="What new ones of this kind follow; empty is nothing."
    )
    constraint = serializers.ChoiceField(
        choices=CONSTRAINTS, allow_blank=True, default="", help_text="What planning an operation in such a zone meets."
    )


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
    external_id = serializers.CharField(read_only=True, help_text="What its source calls it; given by an import.")
    state = serializers.CharField(read_only=True, allow_null=True, help_text="Null where it follows no lifecycle.")
    state_category = serializers.ChoiceField(choices=[each.value for each in Category], read_only=True, allow_null=True)


class ZoneVersionSerializer(ShapeSerializer):
    """A zone as it was from `recorded_at` until the next version."""

    version = serializers.IntegerField()
    change = serializers.ChoiceField(choices=[each.value for each in Change])
    organisation_id = serializers.UUIDField()
    kind_id = serializers.UUIDField()
    state = serializers.CharField(allow_null=True, help_text="Null where it followed no lifecycle.")
    state_category = serializers.ChoiceField(choices=[each.value for each in Category], allow_null=True)
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
    zone_id = serializers.UUIDField(allow_null=True, help_text="Its zone; null in a dry run.")
    change = serializers.ChoiceField(
        choices=[Change.CREATED.value, Change.UPDATED.value], allow_null=True, help_text="Null: it was so already."
    )


class ImportReportSerializer(serializers.Serializer[Any]):
    """What an import did."""

    imported = serializers.IntegerField(help_text="How many zones were made.")
    updated = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    is_dry_run = serializers.BooleanField()
    rows = ImportRowSerializer(many=True)


class Seconds(Func):
    """A duration as a number of seconds."""

    template = "extract(epoch FROM %(expressions)s)::float8"
    output_field = FloatField()


# An annotation may not be called as a field is, so what is written otherwise than it is stored is marked.
MARK = "shown_"
SHAPE = {
    f"{MARK}area": AsGeoJSON("area", precision=EVERY_DIGIT),
    f"{MARK}lower_datum": NullIf("lower_datum", Value("")),
    f"{MARK}upper_datum": NullIf("upper_datum", Value("")),
    f"{MARK}valid_from": Instant(F("validity__startswith")),
    f"{MARK}valid_to": Instant(F("validity__endswith")),
    f"{MARK}dwell_after_s": Seconds("dwell_after"),
    f"{MARK}recorded_at": Instant("recorded_at"),
}
SHAPE_COLUMNS = ("version", "organisation_id", "name", "description", "lower_m", "upper_m", "is_active")

STATE = {
    f"{MARK}state": NullIf("state", Value("")),
    f"{MARK}state_category": NullIf("state_category", Value("")),
}

# What a page is made of before the zones themselves are read: what it may be sorted by, and the state of each row.
PAGE_COLUMNS: Final = ("id", "name")
_kept: Final = KeptBodies()


def zone_page_rows(zones: QuerySet[Zone]) -> QuerySet[Any, dict[str, Any]]:
    """Return zones as rows of which a page is made: which they are, and in which state."""
    rows: QuerySet[Any, dict[str, Any]] = zones.values(*PAGE_COLUMNS, stamp=RowStamp())
    return rows


def zone_page(page: Sequence[Mapping[str, Any]], zones: QuerySet[Zone]) -> list[orjson.Fragment]:
    """Return a page of ``zone_page_rows`` as REST shows it; ``zones`` is what the caller may see."""

    def write(ids: Sequence[UUID]) -> Iterator[tuple[str, bytes]]:
        for row in zone_rows(zones.filter(pk__in=ids)).annotate(stamp=RowStamp()):
            yield row.pop("stamp"), dumps(zone_body(row))

    return _kept.page([row["stamp"] for row in page], write)


def zone_rows(zones: QuerySet[Zone]) -> QuerySet[Any, dict[str, Any]]:
    """Return zones as rows that ``zone_body`` takes: what can be is written by the database, and no model is made."""
    rows: QuerySet[Any, dict[str, Any]] = zones.values(
        "id",
        "external_id",
        *SHAPE_COLUMNS,
        **SHAPE,
        **STATE,
        shown_changed_at=Instant("changed_at"),
        shown_kind=F("kind__slug"),
    )
    return rows


def zone_version_rows(versions: QuerySet[ZoneVersion]) -> QuerySet[Any, dict[str, Any]]:
    """Return versions as rows that ``zone_version_body`` takes."""
    rows: QuerySet[Any, dict[str, Any]] = versions.values(
        "id", "change", "kind_id", *SHAPE_COLUMNS, **SHAPE, **STATE, shown_actor=F("actor_label")
    )
    return rows


def zone_body(row: Mapping[str, Any]) -> dict[str, object]:
    """Return a row of ``zone_rows`` as REST shows it."""
    body = {name.removeprefix(MARK): value for name, value in row.items()}
    body["area"] = orjson.Fragment(body["area"])
    return body


def zone_version_body(row: Mapping[str, Any]) -> dict[str, object]:
    """Return a row of ``zone_version_rows`` as REST shows it; its id is the page's business only."""
    return {name: value for name, value in zone_body(row).items() if name != "id"}


def zone_kind_body(kind: ZoneKind) -> dict[str, object]:
    """Return a kind of zone as REST shows it."""
    return row_body(kind, zone_kind_feature(kind).properties)
