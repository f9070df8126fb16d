"""What zones tells the outside: features, event types and the topic. One shape for snapshot, event and feed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import QuerySet

from apps.core.geometry import to_geojson
from apps.core.types import Feature
from apps.events import registry
from apps.events.changes import register_changes
from apps.events.registry import Topic
from apps.events.rules import instant
from apps.lifecycle.types import Category
from apps.zones.models import Zone, ZoneKind, ZoneShape
from apps.zones.types import Constraint

_TEXT: Final = {"type": "string"}
_TEXT_OR_NULL: Final = {"type": ["string", "null"]}
_HEIGHT: Final = {"type": ["number", "null"]}
_DATUM: Final = {"enum": ["AMSL", "WGS84", "AGL", "BARO", None]}
_INSTANT: Final = {"type": ["string", "null"], "format": "date-time"}
ZONE_PROPERTIES: Final = {
    "name": _TEXT,
    "kind": _TEXT,
    "description": _TEXT,
    "lower_m": _HEIGHT,
    "lower_datum": _DATUM,
    "upper_m": _HEIGHT,
    "upper_datum": _DATUM,
    "valid_from": _INSTANT,
    "valid_to": _INSTANT,
    "dwell_after_s": {"type": ["number", "null"], "exclusiveMinimum": 0},
    "is_active": {"type": "boolean"},
    "state": _TEXT_OR_NULL,
    "state_category": {"enum": [*(each.value for each in Category), None]},
}
ZONE_KIND_PROPERTIES: Final = {
    "slug": _TEXT,
    "name": _TEXT,
    "label": _TEXT,
    "colour": _TEXT,
    "lifecycle": _TEXT,
    "constraint": {"enum": [each.value for each in Constraint]},
}
EXAMPLE_ZONE: Final = Feature(
    id=UUID("0197c5a2-9f20-7b1d-a4c7-3f6e8d2b5a90"),
    organisation_id=UUID("0197c5a2-6b0c-7f12-9d3e-51a8c7e4f012"),
    version=2,
    geometry={
        "type": "MultiPolygon",
        "coordinates": [[[[-74.05, 40.45], [-74.0, 40.45], [-74.0, 40.5], [-74.05, 40.5], [-74.05, 40.45]]]],
    },
    properties={
        "name": "Naval depot piers",
        "kind": "security_zone",
        "description": "33 CFR 165.130",
        "lower_m": None,
        "lower_datum": None,
        "upper_m": 150.0,
        "upper_datum": "AMSL",
        "valid_from": "2026-07-01T00:00:00Z",
        "valid_to": None,
        "dwell_after_s": 300.0,
        "is_active": True,
        "state": "in_force",
        "state_category": "active",
    },
)
EXAMPLE_MOVE: Final[Mapping[str, object]] = {
    "transition": "enact",
    "from": "proposed",
    "to": "in_force",
    "cause": "hand",
    "reason": "",
    "effective_at": "2026-07-01T00:00:00Z",
}
EXAMPLE_ZONE_KIND: Final = Feature(
    id=UUID("0197c5a2-8a37-7e55-8c02-6d4b1f9e0c28"),
    organisation_id=None,
    version=1,
    properties={
        "slug": "security_zone",
        "name": "Security zone",
        "label": "SEC",
        "colour": "#dc2626",
        "lifecycle": "",
        "constraint": "prohibited",
    },
)


def zone_feature(zone: Zone) -> Feature:
    """Return a zone as the outside sees it. Reads ``kind``; a list brings it along (``published_zones``)."""
    return Feature(
        id=zone.id,
        organisation_id=zone.organisation_id,
        version=zone.version,
        properties={
            "kind": zone.kind.slug,
            **shape_properties(zone),
            "state": zone.state or None,
            "state_category": zone.state_category or None,
        },
        geometry=to_geojson(zone.area),
    )


def shape_properties(shape: ZoneShape) -> dict[str, object]:
    """Return what a zone or one of its versions says of itself, kind and area apart."""
    return {
        "name": shape.name,
        "description": shape.description,
        "lower_m": shape.lower_m,
        "lower_datum": shape.lower_datum or None,
        "upper_m": shape.upper_m,
        "upper_datum": shape.upper_datum or None,
        "valid_from": _instant(shape.validity.lower),
        "valid_to": _instant(shape.validity.upper),
        "dwell_after_s": _seconds(shape.dwell_after),
        "is_active": shape.is_active,
    }


def zone_kind_feature(kind: ZoneKind) -> Feature:
    """Return a kind of zone as the outside sees it."""
    return Feature(
        id=kind.id,
        organisation_id=None,
        version=kind.version,
        properties={
            "slug": kind.slug,
            "name": kind.name,
            "label": kind.label,
            "colour": kind.colour,
            "lifecycle": kind.lifecycle,
            "constraint": kind.constraint,
        },
    )


def published_zones() -> QuerySet[Zone]:
    """Return all zones with what their features need: one statement."""
    return Zone.objects.select_related("kind")


def zone_features(zones: QuerySet[Zone]) -> Iterator[Feature]:
    """Yield the features of a queryset of ``published_zones``."""
    return map(zone_feature, zones.iterator(chunk_size=500))


def register_published() -> None:
    """Register the topic and the event types with the log."""
    registry.topics.register(
        Topic(
            name="zones",
            noun="zones",
            view_action="zones.view",
            queryset=published_zones,
            features=zone_features,
            bbox_lookup="area__intersects",
        )
    )
    register_changes("zone", a_thing="A zone", properties=ZONE_PROPERTIES, example=EXAMPLE_ZONE, move=EXAMPLE_MOVE)
    register_changes("zone_kind", a_thing="A kind of zone", properties=ZONE_KIND_PROPERTIES, example=EXAMPLE_ZONE_KIND)


def _instant(at: datetime | None) -> str | None:
    return None if at is None else instant(at)


def _seconds(duration: timedelta | None) -> float | None:
    return None if duration is None else duration.total_seconds()
