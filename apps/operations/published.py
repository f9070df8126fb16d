"""What operations tells the outside: features, event types and the topic. One shape for snapshot, event and feed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import Prefetch, QuerySet, prefetch_related_objects

from apps.core.geometry import to_geojson
from apps.core.types import Datum, Feature
from apps.events import registry
from apps.events.changes import register_change, register_changes
from apps.events.registry import Topic
from apps.events.rules import instant
from apps.events.types import Change
from apps.lifecycle.types import Category
from apps.operations.models import Approval, Operation, OperationKind, ReviewRule, Volume
from apps.operations.types import Decision, Reason
from apps.zones.types import AltitudeBand

OVERRULED: Final = "watchfloor.operation.overruled.v1"

_TEXT: Final = {"type": "string"}
_FLAG: Final = {"type": "boolean"}
_ID: Final = {"type": "string", "format": "uuid"}
_ID_OR_NULL: Final = {"type": ["string", "null"], "format": "uuid"}
_INSTANT: Final = {"type": "string", "format": "date-time"}
_INSTANT_OR_NULL: Final = {"type": ["string", "null"], "format": "date-time"}
_SECONDS: Final = {"type": "number", "minimum": 0}
_METRES_OR_NULL: Final = {"type": ["number", "null"]}
_DATUM_OR_NULL: Final = {"enum": [*(each.value for each in Datum), None]}
_PRIORITY: Final = {"type": "integer", "minimum": 0, "maximum": 100}
OPERATION_PROPERTIES: Final[Mapping[str, object]] = {
    "title": _TEXT,
    "description": _TEXT,
    "kind": _TEXT,
    "contact": _TEXT,
    "priority": _PRIORITY,
    "starts_at": _INSTANT,
    "ends_at": _INSTANT,
    "state": _TEXT,
    "state_category": {"enum": [each.value for each in Category]},
    "state_since": _INSTANT,
    "submitted_at": _INSTANT_OR_NULL,
    "approved_at": _INSTANT_OR_NULL,
    "closed_at": _INSTANT_OR_NULL,
}
OPERATION_KIND_PROPERTIES: Final[Mapping[str, object]] = {
    "slug": _TEXT,
    "name": _TEXT,
    "colour": _TEXT,
    "lifecycle": _TEXT,
    "default_priority": _PRIORITY,
    "may_share": _FLAG,
    "is_reviewed": _FLAG,
    "tolerance_m": {"type": "number", "minimum": 0},
    "nonconforming_after_s": _SECONDS,
    "contingent_after_s": {"type": ["number", "null"], "exclusiveMinimum": 0},
}
APPROVAL_PROPERTIES: Final[Mapping[str, object]] = {
    "operation_id": _ID,
    "operation_title": _TEXT,
    "operator_id": _ID,
    "contact": _TEXT,
    "starts_at": _INSTANT,
    "ends_at": _INSTANT,
    "heights": {
        "type": "array",
        "description": "Between which heights it is planned, each band once; null is open.",
        "items": {
            "type": "object",
            "required": ["lower_m", "lower_datum", "upper_m", "upper_datum"],
            "properties": {
                "lower_m": _METRES_OR_NULL,
                "lower_datum": _DATUM_OR_NULL,
                "upper_m": _METRES_OR_NULL,
                "upper_datum": _DATUM_OR_NULL,
            },
            "additionalProperties": False,
        },
    },
    "reason": {"enum": [each.value for each in Reason]},
    "zone_id": _ID_OR_NULL,
    "zone_name": _TEXT,
    "rule_id": _ID_OR_NULL,
    "rule_name": _TEXT,
    "other_id": _ID_OR_NULL,
    "decision": {"enum": [each.value for each in Decision]},
    "note": _TEXT,
    "decided_by": _TEXT,
    "decided_at": _INSTANT_OR_NULL,
}
REVIEW_RULE_PROPERTIES: Final[Mapping[str, object]] = {
    "name": _TEXT,
    "description": _TEXT,
    "condition": _TEXT,
    "is_enabled": _FLAG,
}
_AREA: Final = {
    "type": "MultiPolygon",
    "coordinates": [[[[-74.02, 40.66], [-74.0, 40.66], [-74.0, 40.68], [-74.02, 40.68], [-74.02, 40.66]]]],
}
EXAMPLE_OPERATION: Final = Feature(
    id=UUID("0197c5a4-1d52-7c36-b0aa-8f3e6d1c9a71"),
    organisation_id=UUID("0197c5a2-6b0c-7f12-9d3e-51a8c7e4f012"),
    version=3,
    geometry=_AREA,
    properties={
        "title": "Bridge inspection, east tower",
        "description": "",
        "kind": "inspection",
        "contact": "Duty officer, +1 555 0100",
        "priority": 10,
        "starts_at": "2026-07-01T12:00:00Z",
        "ends_at": "2026-07-01T13:30:00Z",
        "state": "approved",
        "state_category": "active",
        "state_since": "2026-06-29T09:12:00Z",
        "submitted_at": "2026-06-28T16:40:00Z",
        "approved_at": "2026-06-29T09:12:00Z",
        "closed_at": None,
    },
)
EXAMPLE_MOVE: Final[Mapping[str, object]] = {
    "transition": "approve",
    "from": "in_review",
    "to": "approved",
    "cause": "rule",
    "reason": "",
    "effective_at": "2026-06-29T09:12:00Z",
}
EXAMPLE_OPERATION_KIND: Final = Feature(
    id=UUID("0197c5a4-0b77-7d5f-91c4-2e6a8b3d7f15"),
    organisation_id=None,
    version=1,
    properties={
        "slug": "inspection",
        "name": "Inspection by drone",
        "colour": "#7c3aed",
        "lifecycle": "",
        "default_priority": 10,
        "may_share": False,
        "is_reviewed": False,
        "tolerance_m": 5.0,
        "nonconforming_after_s": 10.0,
        "contingent_after_s": 120.0,
    },
)
EXAMPLE_APPROVAL: Final = Feature(
    id=UUID("0197c5a4-2c90-7a18-a3d7-6b1f4e8c0d52"),
    organisation_id=UUID("0197c5a2-6b0c-7f12-9d3e-51a8c7e4f012"),
    version=2,
    geometry=_AREA,
    properties={
        "operation_id": "0197c5a4-1d52-7c36-b0aa-8f3e6d1c9a71",
        "operation_title": "Bridge inspection, east tower",
        "operator_id": "0197c5a2-6b0c-7f12-9d3e-51a8c7e4f013",
        "contact": "Duty officer, +1 555 0100",
        "starts_at": "2026-07-01T12:00:00Z",
        "ends_at": "2026-07-01T13:30:00Z",
        "heights": [{"lower_m": 60.0, "lower_datum": "AMSL", "upper_m": 240.0, "upper_datum": "AMSL"}],
        "reason": "zone",
        "zone_id": "0197c5a2-9f20-7b1d-a4c7-3f6e8d2b5a90",
        "zone_name": "Naval depot piers",
        "rule_id": None,
        "rule_name": "",
        "other_id": None,
        "decision": "approved",
        "note": "Keep 50 m from the piers.",
        "decided_by": "alice",
        "decided_at": "2026-06-29T09:12:00Z",
    },
)
EXAMPLE_REVIEW_RULE: Final = Feature(
    id=UUID("0197c5a3-7e14-7b92-8d05-9c2f6a1b4e38"),
    organisation_id=UUID("0197c5a2-6b0c-7f12-9d3e-51a8c7e4f012"),
    version=1,
    properties={
        "name": "What goes before others",
        "description": "The harbour authority looks at whatever others have to give way to.",
        "condition": "priority >= 50",
        "is_enabled": True,
    },
)


def operation_feature(operation: Operation) -> Feature:
    """Return an operation as the outside sees it. Reads ``kind``; a list brings it along (``published_operations``)."""
    return Feature(
        id=operation.id,
        organisation_id=operation.organisation_id,
        version=operation.version,
        geometry=to_geojson(operation.area),
        properties={
            "title": operation.title,
            "description": operation.description,
            "kind": operation.kind.slug,
            "contact": operation.contact,
            "priority": operation.priority,
            "starts_at": instant(operation.starts_at),
            "ends_at": instant(operation.ends_at),
            "state": operation.state,
            "state_category": operation.state_category,
            "state_since": instant(operation.state_since),
            "submitted_at": _instant(operation.submitted_at),
            "approved_at": _instant(operation.approved_at),
            "closed_at": _instant(operation.closed_at),
        },
    )


def operation_kind_feature(kind: OperationKind) -> Feature:
    """Return a kind of operation as the outside sees it."""
    return Feature(
        id=kind.id,
        organisation_id=None,
        version=kind.version,
        properties={
            "slug": kind.slug,
            "name": kind.name,
            "colour": kind.colour,
            "lifecycle": kind.lifecycle,
            "default_priority": kind.default_priority,
            "may_share": kind.may_share,
            "is_reviewed": kind.is_reviewed,
            "tolerance_m": kind.tolerance_m,
            "nonconforming_after_s": kind.nonconforming_after.total_seconds(),
            "contingent_after_s": _seconds(kind.contingent_after),
        },
    )


def approval_feature(approval: Approval) -> Feature:
    """Return an approval as those see it who are asked for it, with what it is about.

    Reads ``operation`` and its volumes; a list brings them along (``published_approvals``).
    """
    operation = approval.operation
    return Feature(
        id=approval.id,
        organisation_id=approval.organisation_id,
        version=approval.version,
        geometry=to_geojson(operation.area),
        properties={
            "operation_id": str(operation.id),
            "operation_title": operation.title,
            "operator_id": str(operation.organisation_id),
            "contact": operation.contact,
            "starts_at": instant(operation.starts_at),
            "ends_at": instant(operation.ends_at),
            "heights": [
                {
                    "lower_m": band.lower_m,
                    "lower_datum": band.lower_datum,
                    "upper_m": band.upper_m,
                    "upper_datum": band.upper_datum,
                }
                for band in bands_of(operation)
            ],
            "reason": approval.reason,
            "zone_id": _id(approval.zone_id),
            "zone_name": approval.zone_name,
            "rule_id": _id(approval.rule_id),
            "rule_name": approval.rule_name,
            "other_id": _id(approval.other_id),
            "decision": approval.decision,
            "note": approval.note,
            "decided_by": approval.decided_by,
            "decided_at": _instant(approval.decided_at),
        },
    )


def bands_of(operation: Operation) -> list[AltitudeBand]:
    """Return between which heights an operation is planned, each once, in the order of its volumes."""
    prefetch_related_objects([operation], Prefetch("volumes", _bands()))
    return list(dict.fromkeys(volume.band for volume in operation.volumes.all()))


def review_rule_feature(rule: ReviewRule) -> Feature:
    """Return a review rule as the outside sees it."""
    return Feature(
        id=rule.id,
        organisation_id=rule.organisation_id,
        version=rule.version,
        properties={
            "name": rule.name,
            "description": rule.description,
            "condition": rule.condition,
            "is_enabled": rule.is_enabled,
        },
    )


def published_operations() -> QuerySet[Operation]:
    """Return all operations with what their features need: one statement."""
    return Operation.objects.select_related("kind")


def published_approvals() -> QuerySet[Approval]:
    """Return all approvals with what their features need: two statements."""
    return Approval.objects.select_related("operation").prefetch_related(Prefetch("operation__volumes", _bands()))


def operation_features(operations: QuerySet[Operation]) -> Iterator[Feature]:
    """Yield the features of a queryset of ``published_operations``."""
    return map(operation_feature, operations.iterator(chunk_size=500))


def register_published() -> None:
    """Register the topic and the event types with the log."""
    registry.topics.register(
        Topic(
            name="operations",
            noun="operations",
            view_action="operations.view",
            queryset=published_operations,
            features=operation_features,
            bbox_lookup="area__intersects",
        )
    )
    register_changes(
        "operation",
        a_thing="An operation",
        properties=OPERATION_PROPERTIES,
        example=EXAMPLE_OPERATION,
        move=EXAMPLE_MOVE,
    )
    register_change(
        "operation",
        "overruled",
        change=Change.UPDATED,
        description="What goes before it holds some of its space, or what it may not share that with any more; the "
        "operation itself did not change.",
        properties=OPERATION_PROPERTIES,
        example=EXAMPLE_OPERATION,
    )
    register_changes(
        "operation_kind",
        a_thing="A kind of operation",
        properties=OPERATION_KIND_PROPERTIES,
        example=EXAMPLE_OPERATION_KIND,
    )
    register_changes(
        "review_rule",
        a_thing="A review rule",
        properties=REVIEW_RULE_PROPERTIES,
        example=EXAMPLE_REVIEW_RULE,
    )
    register_changes("approval", a_thing="An approval", properties=APPROVAL_PROPERTIES, example=EXAMPLE_APPROVAL)


def _bands() -> QuerySet[Volume]:
    """Return volumes with their heights alone: a shape may have thousands of vertices."""
    return Volume.objects.order_by("number").only("operation", "lower_m", "lower_datum", "upper_m", "upper_datum")


def _id(key: UUID | None) -> str | None:
    return None if key is None else str(key)


def _instant(at: datetime | None) -> str | None:
    return None if at is None else instant(at)


def _seconds(duration: timedelta | None) -> float | None:
    return None if duration is None else duration.total_seconds()
