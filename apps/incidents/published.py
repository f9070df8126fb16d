"""What incidents tell the outside: features, event types and the topic. One shape for snapshot, event and feed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import QuerySet

from apps.core.types import Feature
from apps.events import registry
from apps.events.changes import register_change, register_changes
from apps.events.registry import Topic
from apps.events.rules import instant
from apps.events.types import Change
from apps.incidents.models import Incident, Rule
from apps.incidents.types import FindingKind, Severity
from apps.lifecycle.types import Category

COMMENTED: Final = "watchfloor.incident.commented.v1"
UPDATED: Final = "watchfloor.incident.updated.v1"

_TEXT: Final = {"type": "string"}
_FLAG: Final = {"type": "boolean"}
_ID: Final = {"type": ["string", "null"], "format": "uuid"}
_INSTANT: Final = {"type": "string", "format": "date-time"}
_INSTANT_OR_NULL: Final = {"type": ["string", "null"], "format": "date-time"}
_SECONDS: Final = {"type": "number", "minimum": 0}
_SECONDS_OR_NULL: Final = {"type": ["number", "null"], "minimum": 0}
_FINDINGS: Final = [each.value for each in FindingKind]
_SEVERITY: Final = {"enum": list(Severity.values)}
INCIDENT_PROPERTIES: Final[Mapping[str, object]] = {
    "title": _TEXT,
    "description": _TEXT,
    "severity": _SEVERITY,
    "state": _TEXT,
    "state_category": {"enum": [each.value for each in Category]},
    "state_since": _INSTANT,
    "finding": {"enum": [*_FINDINGS, None]},
    "rule_id": _ID,
    "asset_id": _ID,
    "asset_name": _TEXT,
    "zone_id": _ID,
    "zone_name": _TEXT,
    "assignee_id": _ID,
    "escalate_after_s": _SECONDS_OR_NULL,
    "evidence_count": {"type": "integer", "minimum": 0},
    "opened_at": _INSTANT,
    "last_found_at": _INSTANT_OR_NULL,
    "acknowledged_at": _INSTANT_OR_NULL,
    "escalated_at": _INSTANT_OR_NULL,
    "resolved_at": _INSTANT_OR_NULL,
    "closed_at": _INSTANT_OR_NULL,
}
RULE_PROPERTIES: Final[Mapping[str, object]] = {
    "name": _TEXT,
    "finding": {"enum": _FINDINGS},
    "zone_kind_id": _ID,
    "zone_id": _ID,
    "asset_kind_id": _ID,
    "severity": _SEVERITY,
    "hysteresis_s": _SECONDS,
    "dedupe_window_s": _SECONDS,
    "escalate_after_s": _SECONDS_OR_NULL,
    "title_template": _TEXT,
    "lifecycle": _TEXT,
    "is_enabled": _FLAG,
}
EXAMPLE_INCIDENT: Final = Feature(
    id=UUID("0197c5a3-0b11-7d20-9a44-7e1f5c2d8b03"),
    organisation_id=UUID("0197c5a2-6b0c-7f12-9d3e-51a8c7e4f012"),
    version=2,
    geometry={"type": "Point", "coordinates": [-74.03, 40.47]},
    properties={
        "title": "Harbour tug 7 entered Naval depot piers",
        "description": "",
        "severity": 3,
        "state": "acknowledged",
        "state_category": "active",
        "state_since": "2026-07-01T08:32:10Z",
        "finding": "entered",
        "rule_id": "0197c5a2-c3d5-7a08-8e19-4b6a7f0d2c51",
        "asset_id": "0197c5a2-7d41-7a3e-8f5b-2c1d9e0a4b66",
        "asset_name": "Harbour tug 7",
        "zone_id": "0197c5a2-9f20-7b1d-a4c7-3f6e8d2b5a90",
        "zone_name": "Naval depot piers",
        "assignee_id": None,
        "escalate_after_s": 300.0,
        "evidence_count": 1,
        "opened_at": "2026-07-01T08:30:00Z",
        "last_found_at": "2026-07-01T08:30:00Z",
        "acknowledged_at": "2026-07-01T08:32:10Z",
        "escalated_at": None,
        "resolved_at": None,
        "closed_at": None,
    },
)
EXAMPLE_MOVE: Final[Mapping[str, object]] = {
    "transition": "acknowledge",
    "from": "open",
    "to": "acknowledged",
    "cause": "hand",
    "reason": "",
    "effective_at": "2026-07-01T08:32:10Z",
}
EXAMPLE_RULE: Final = Feature(
    id=UUID("0197c5a2-c3d5-7a08-8e19-4b6a7f0d2c51"),
    organisation_id=UUID("0197c5a2-6b0c-7f12-9d3e-51a8c7e4f012"),
    version=1,
    properties={
        "name": "Vessel in a security zone",
        "finding": "entered",
        "zone_kind_id": "0197c5a2-8a37-7e55-8c02-6d4b1f9e0c28",
        "zone_id": None,
        "asset_kind_id": None,
        "severity": 3,
        "hysteresis_s": 30.0,
        "dedupe_window_s": 600.0,
        "escalate_after_s": 300.0,
        "title_template": "{asset} {finding} {zone}",
        "lifecycle": "",
        "is_enabled": True,
    },
)


def incident_feature(incident: Incident) -> Feature:
    """Return an incident as the outside sees it, where it was first found. Reads the row and nothing else."""
    point = incident.location
    return Feature(
        id=incident.id,
        organisation_id=incident.organisation_id,
        version=incident.version,
        geometry={"type": "Point", "coordinates": [point.x, point.y]} if point else None,
        properties={
            "title": incident.title,
            "description": incident.description,
            "severity": incident.severity,
            "state": incident.state,
            "state_category": incident.state_category,
            "state_since": instant(incident.state_since),
            "finding": incident.finding or None,
            "rule_id": _id(incident.rule_id),
            "asset_id": _id(incident.asset_id),
            "asset_name": incident.asset_name,
            "zone_id": _id(incident.zone_id),
            "zone_name": incident.zone_name,
            "assignee_id": _id(incident.assignee_id),
            "escalate_after_s": _seconds(incident.escalate_after),
            "evidence_count": incident.evidence_count,
            "opened_at": instant(incident.opened_at),
            "last_found_at": _instant(incident.last_found_at),
            "acknowledged_at": _instant(incident.acknowledged_at),
            "escalated_at": _instant(incident.escalated_at),
            "resolved_at": _instant(incident.resolved_at),
            "closed_at": _instant(incident.closed_at),
        },
    )


def rule_feature(rule: Rule) -> Feature:
    """Return a rule as the outside sees it."""
    return Feature(
        id=rule.id,
        organisation_id=rule.organisation_id,
        version=rule.version,
        properties={
            "name": rule.name,
            "finding": rule.finding,
            "zone_kind_id": _id(rule.zone_kind_id),
            "zone_id": _id(rule.zone_id),
            "asset_kind_id": _id(rule.asset_kind_id),
            "severity": rule.severity,
            "hysteresis_s": rule.hysteresis.total_seconds(),
            "dedupe_window_s": rule.dedupe_window.total_seconds(),
            "escalate_after_s": _seconds(rule.escalate_after),
            "title_template": rule.title_template,
            "lifecycle": rule.lifecycle,
            "is_enabled": rule.is_enabled,
        },
    )


def published_incidents() -> QuerySet[Incident]:
    """Return all incidents; their features need nothing more."""
    return Incident.objects.all()


def incident_features(incidents: QuerySet[Incident]) -> Iterator[Feature]:
    """Yield the features of a queryset of ``published_incidents``."""
    return map(incident_feature, incidents.iterator(chunk_size=2000))


def register_published() -> None:
    """Register the topic and the event types with the log."""
    registry.topics.register(
        Topic(
            name="incidents",
            noun="incidents",
            view_action="incidents.view",
            queryset=published_incidents,
            features=incident_features,
            bbox_lookup="location__intersects",
        )
    )
    register_changes(
        "incident",
        a_thing="An incident",
        properties=INCIDENT_PROPERTIES,
        example=EXAMPLE_INCIDENT,
        move=EXAMPLE_MOVE,
    )
    register_change(
        "incident",
        "commented",
        change=Change.UPDATED,
        description="Somebody said something about an incident; the incident itself did not change.",
        properties=INCIDENT_PROPERTIES,
        example=EXAMPLE_INCIDENT,
    )
    register_changes("rule", a_thing="A rule", properties=RULE_PROPERTIES, example=EXAMPLE_RULE)


def _id(key: UUID | None) -> str | None:
    return None if key is None else str(key)


def _instant(at: datetime | None) -> str | None:
    return None if at is None else instant(at)


def _seconds(duration: timedelta | None) -> float | None:
    return None if duration is None else duration.total_seconds()
