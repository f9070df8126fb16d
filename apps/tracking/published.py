"""What tracking tells the outside: the topic ``positions``, and the events of what was found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.contrib.gis.db.models import PointField
from django.db.models import Func, QuerySet

from apps.core.types import Feature, Fix
from apps.events.registry import EventType, Topic, register_type, topics
from apps.events.rules import feature_object, instant
from apps.incidents.types import AssetSnapshot, FindingKind, ZoneSnapshot
from apps.tracking.models import Presence
from apps.tracking.types import Fact

FINDING_TYPES: Final = {kind: f"watchfloor.finding.{kind.value}.v1" for kind in FindingKind}
CORRECTED: Final = "watchfloor.finding.corrected.v1"

_SAID: Final = {
    FindingKind.ENTERED: "An asset came into a zone.",
    FindingKind.LEFT: "An asset left a zone, or the zone ceased to be in force around it.",
    FindingKind.DWELT: "An asset stayed in a zone for as long as the zone says.",
    FindingKind.LOST_CONTACT: "Nothing was heard of an asset for as long as its kind says.",
    FindingKind.REGAINED_CONTACT: "A lost asset was heard of again.",
    FindingKind.INTRUDED: "An asset came into a volume of somebody else's operation while that runs.",
    FindingKind.WITHDREW: "An asset is no longer in a volume of somebody else's operation.",
}
_TEXT: Final = {"type": "string"}
_TEXT_OR_NONE: Final = {"type": ["string", "null"]}
_INSTANT_OR_NONE: Final = {"type": ["string", "null"], "format": "date-time"}
_FINDING: Final = {
    "type": "object",
    "required": ["id", "organisation_id", "version", "geometry", "properties"],
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "organisation_id": {"type": "string", "format": "uuid"},
        "version": {"const": 0},
        "geometry": {"type": ["object", "null"]},
        "properties": {
            "type": "object",
            "required": ["finding", "asset", "zone_id", "zone", "effective_at", "since"],
            "properties": {
                "finding": {"enum": [kind.value for kind in FindingKind]},
                "asset": _TEXT,
                "zone_id": {"type": ["string", "null"], "format": "uuid"},
                "zone": _TEXT_OR_NONE,
                "operation_id": {"type": ["string", "null"], "format": "uuid"},
                "operation": _TEXT_OR_NONE,
                "effective_at": {"type": "string", "format": "date-time"},
                "since": _INSTANT_OR_NONE,
            },
        },
    },
}
_ASSET_ID: Final = UUID("0197c5a2-7d41-7a3e-8f5b-2c1d9e0a4b66")
_OWNER_ID: Final = UUID("0197c5a2-6b0c-7f12-9d3e-51a8c7e4f012")
_ZONE_ID: Final = "0197c5a2-9f20-7b1d-a4c7-3f6e8d2b5a90"
_OPERATION_ID: Final = "0197c5a2-a3b1-7c44-9e0d-6b2f8a1c7d35"


class MakePoint(Func):
    """The place of a presence as a geometry; the table keeps plain numbers."""

    template = "ST_SetSRID(ST_MakePoint(%(expressions)s), 4326)"
    output_field = PointField(srid=4326)


def published_positions() -> QuerySet[Presence]:
    """Return every presence that has a fix, with its owner and its place."""
    found = Presence.objects.filter(fixed_at__isnull=False).select_related("asset")
    return found.annotate(location=MakePoint("lon", "lat"))


def position_feature(presence: Presence) -> Feature:
    """Return where an asset is now, as the positions lane says it too; ``fixed_at`` is its version."""
    return Feature(
        id=presence.asset_id,
        organisation_id=presence.asset.organisation_id,
        version=0,
        geometry={"type": "Point", "coordinates": [presence.lon, presence.lat]},
        properties={
            "fixed_at": instant(presence.fixed_at) if presence.fixed_at else None,
            "altitude_m": presence.altitude_m,
            "speed_mps": presence.speed_mps,
            "course_deg": presence.course_deg,
            "heading_deg": presence.heading_deg,
            "connectivity": presence.connectivity,
        },
    )


def finding_object(asset: AssetSnapshot, zone: ZoneSnapshot | None, fact: Fact, fix: Fix | None) -> dict[str, object]:
    """Return a finding as it stands in its event: the asset's id, the place of the fix that shows it."""
    feature = Feature(
        id=asset.id,
        organisation_id=asset.organisation_id,
        version=0,
        geometry={"type": "Point", "coordinates": [fix.lon, fix.lat]} if fix else None,
        properties={
            "finding": fact.kind.value,
            "asset": asset.name,
            "zone_id": str(fact.zone_id) if fact.zone_id else None,
            "zone": zone.name if zone else None,
            "operation_id": str(fact.operation.id) if fact.operation else None,
            "operation": fact.operation.title if fact.operation else None,
            "effective_at": instant(fact.at),
            "since": instant(fact.since) if fact.since else None,
        },
    )
    return feature_object(feature)


def register_published(*, past: Callable[[Mapping[UUID, datetime]], Mapping[UUID, Feature]]) -> None:
    """Register the topic and the types of findings; ``past`` tells where things were before an instant each."""
    topics.register(
        Topic(
            name="positions",
            noun="positions",
            view_action="assets.track",
            queryset=published_positions,
            features=_features,
            bbox_lookup="location__intersects",
            past=past,
            moved_at="fixed_at",
        )
    )
    for kind, said in _SAID.items():
        register_type(_type_of(kind, said))
    register_type(
        EventType(
            type=CORRECTED,
            description="A late fix showed that a finding was of another instant, or never was (object is null).",
            schema=_schema({"oneOf": [_FINDING, {"type": "null"}]}, _FINDING),
            example={
                "change": "found",
                "object": _example(FindingKind.ENTERED, "2026-07-01T11:58:30Z", None),
                "previous": _example(FindingKind.ENTERED, "2026-07-01T12:00:00Z", None),
                "lifecycle": None,
            },
        )
    )


def _features(presences: QuerySet[Any]) -> Iterator[Feature]:
    return (position_feature(presence) for presence in presences.iterator(chunk_size=2_000))


def _type_of(kind: FindingKind, said: str) -> EventType:
    since = None if kind is FindingKind.ENTERED else "2026-07-01T11:30:00Z"
    shown = _example(kind, "2026-07-01T12:00:00Z", since)
    return EventType(
        type=FINDING_TYPES[kind],
        description=said,
        schema=_schema(_FINDING, {"type": "null"}),
        example={"change": "found", "object": shown, "previous": None, "lifecycle": None},
    )


def _schema(shown: object, previous: object) -> dict[str, object]:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "required": ["change", "object", "previous", "lifecycle"],
        "properties": {
            "change": {"const": "found"},
            "object": shown,
            "previous": previous,
            "lifecycle": {"type": "null"},
        },
    }


def _example(kind: FindingKind, effective_at: str, since: str | None) -> dict[str, object]:
    is_about_operation = kind in {FindingKind.INTRUDED, FindingKind.WITHDREW}
    is_about_zone = kind in {FindingKind.ENTERED, FindingKind.LEFT, FindingKind.DWELT}
    return {
        "id": str(_ASSET_ID),
        "organisation_id": str(_OWNER_ID),
        "version": 0,
        "geometry": {"type": "Point", "coordinates": [-74.02, 40.47]},
        "properties": {
            "finding": kind.value,
            "asset": "Harbour tug 7",
            "zone_id": _ZONE_ID if is_about_zone else None,
            "zone": "Naval depot piers" if is_about_zone else None,
            "operation_id": _OPERATION_ID if is_about_operation else None,
            "operation": "Dredging off pier 9" if is_about_operation else None,
            "effective_at": effective_at,
            "since": since,
        },
    }
