"""How incidents and rules look over REST. Serializers read bodies and describe the schema; functions write answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.contrib.gis.geos import Point
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.access.judging import Obligations
from apps.access.veils import snap
from apps.core.api.fields import LONGEST, SecondsField
from apps.core.geometry import SRID, parse_point
from apps.core.types import Invalid
from apps.incidents.models import Incident, Rule
from apps.incidents.published import incident_feature, rule_feature
from apps.incidents.types import FindingKind, Severity
from apps.lifecycle.types import Category

FINDINGS = [each.value for each in FindingKind]


@extend_schema_field({"type": "number", "minimum": 0, "maximum": LONGEST.total_seconds()})
class SpanField(SecondsField):
    """A duration as a number of seconds; zero is allowed."""

    default_error_messages = {"invalid": "Expected a number of seconds, zero or more, a year at most."}

    def to_internal_value(self, data: Any) -> timedelta:
        """Return the duration."""
        is_zero = data == 0 and not isinstance(data, bool)
        return timedelta(0) if is_zero else super().to_internal_value(data)


@extend_schema_field(
    {
        "type": "object",
        "required": ["type", "coordinates"],
        "properties": {
            "type": {"type": "string", "enum": ["Point"]},
            "coordinates": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 3},
        },
        "description": "GeoJSON (RFC 7946), WGS 84, lon lat.",
    }
)
class PointField(serializers.Field[Point, Any, Any, Any]):
    """A GeoJSON point, checked as ``core.geometry`` does."""

    def to_internal_value(self, data: Any) -> Point:
        """Return the point."""
        try:
            point = parse_point(data, pointer="")
        except Invalid as error:
            faults = [serializers.ErrorDetail(each.detail, code=each.code) for each in error.errors]
            raise serializers.ValidationError(faults) from error
        return Point(point.x, point.y, srid=SRID)

    def to_representation(self, value: Any) -> Any:
        """Return what the feature holds already."""
        return value


class RowSerializer(serializers.Serializer[Any]):
    """What every row shows of itself."""

    id = serializers.UUIDField(read_only=True)
    version = serializers.IntegerField(read_only=True, help_text="Also the ETag.")
    recorded_at = serializers.DateTimeField(read_only=True)
    changed_at = serializers.DateTimeField(read_only=True)


class IncidentChangeSerializer(RowSerializer):
    """What can be changed of an incident."""

    title = serializers.CharField(max_length=300)
    description = serializers.CharField(max_length=20_000, allow_blank=True, default="")
    severity = serializers.ChoiceField(choices=Severity.choices, default=Severity.MODERATE)
    escalate_after_s = SecondsField(
        allow_null=True, default=None, help_text="Escalates by itself if nobody acts for so long; null is never."
    )


class IncidentSerializer(IncidentChangeSerializer):
    """Something that people must deal with."""

    organisation_id = serializers.UUIDField(help_text="Who owns it: the owner of what it is about.")
    location = PointField(allow_null=True, default=None, help_text="Where it was first found.")
    state = serializers.CharField(read_only=True)
    state_category = serializers.ChoiceField(choices=[each.value for each in Category], read_only=True)
    state_since = serializers.DateTimeField(read_only=True)
    finding = serializers.ChoiceField(choices=FINDINGS, read_only=True, allow_null=True)
    rule_id = serializers.UUIDField(read_only=True, allow_null=True)
    asset_id = serializers.UUIDField(read_only=True, allow_null=True)
    asset_name = serializers.CharField(read_only=True)
    zone_id = serializers.UUIDField(read_only=True, allow_null=True)
    zone_name = serializers.CharField(read_only=True)
    assignee_id = serializers.UUIDField(read_only=True, allow_null=True)
    evidence_count = serializers.IntegerField(read_only=True)
    opened_at = serializers.DateTimeField(read_only=True)
    last_found_at = serializers.DateTimeField(read_only=True, allow_null=True)
    acknowledged_at = serializers.DateTimeField(read_only=True, allow_null=True)
    escalated_at = serializers.DateTimeField(read_only=True, allow_null=True)
    resolved_at = serializers.DateTimeField(read_only=True, allow_null=True)
    closed_at = serializers.DateTimeField(read_only=True, allow_null=True)


class AssigneeSerializer(serializers.Serializer[Any]):
    """In whose hands an incident is."""

    user_id = serializers.UUIDField(allow_null=True, help_text="null is nobody's.")


class CommentSerializer(serializers.Serializer[Any]):
    """What somebody said."""

    id = serializers.UUIDField(read_only=True)
    author_id = serializers.UUIDField(read_only=True, allow_null=True)
    author = serializers.CharField(source="author_label", read_only=True)
    text = serializers.CharField(max_length=20_000)
    said_at = serializers.DateTimeField(read_only=True)


class EvidenceSerializer(serializers.Serializer[Any]):
    """What was found, as it was then."""

    id = serializers.UUIDField()
    finding = serializers.ChoiceField(choices=FINDINGS)
    effective_at = serializers.DateTimeField(help_text="When it became true.")
    since = serializers.DateTimeField(allow_null=True, help_text="When what it speaks of began.")
    asset = serializers.JSONField()
    zone = serializers.JSONField(allow_null=True)
    operation = serializers.JSONField(allow_null=True)
    fix = serializers.JSONField(allow_null=True)
    recorded_at = serializers.DateTimeField()


class RuleSerializer(RowSerializer):
    """Which findings open which incidents."""

    organisation_id = serializers.UUIDField(help_text="It applies to what belongs to it, and to what lies below.")
    name = serializers.CharField(max_length=200)
    finding = serializers.ChoiceField(choices=FINDINGS)
    zone_kind_id = serializers.UUIDField(allow_null=True, default=None)
    zone_id = serializers.UUIDField(allow_null=True, default=None)
    asset_kind_id = serializers.UUIDField(allow_null=True, default=None)
    severity = serializers.ChoiceField(choices=Severity.choices, default=Severity.MODERATE)
    hysteresis_s = SpanField(default=timedelta(0), help_text="How long the finding must stay true first.")
    dedupe_window_s = SpanField(
        default=timedelta(minutes=10), help_text="How long after the last finding a further one joins the same."
    )
    escalate_after_s = SecondsField(allow_null=True, default=None, help_text="null is never.")
    title_template = serializers.CharField(max_length=200, default="{asset} {finding} {zone}")
    lifecycle = serializers.CharField(
        max_length=40, allow_blank=True, default="", help_text="What its incidents follow; empty is the shipped one."
    )
    is_enabled = serializers.BooleanField(default=True)


def incident_body(incident: Incident) -> dict[str, object]:
    """Return an incident as REST shows it."""
    feature = incident_feature(incident)
    return _row(incident, {**feature.properties, "location": feature.geometry})


def rule_body(rule: Rule) -> dict[str, object]:
    """Return a rule as REST shows it."""
    return _row(rule, rule_feature(rule).properties)


def _row(row: Incident | Rule, properties: Mapping[str, object]) -> dict[str, object]:
    return {
        "id": row.id,
        "version": row.version,
        "recorded_at": row.recorded_at,
        "changed_at": row.changed_at,
        "organisation_id": row.organisation_id,
        **properties,
    }


def kept_evidence(body: Mapping[str, Any], owed: Obligations) -> dict[str, Any]:
    """Return evidence without what is to be kept of its incident: its place, and the names in it."""
    kept = dict(body)
    for field, part in (
        ("geometry", "fix"),
        ("asset_name", "asset"),
        ("zone_name", "zone"),
        ("zone_name", "operation"),
    ):
        if field in owed.hidden:
            kept.pop(part, None)
    if owed.coarsen_m and kept.get("fix"):
        lon, lat = snap(kept["fix"]["lon"], kept["fix"]["lat"], owed.coarsen_m)
        kept["fix"] = {**kept["fix"], "lon": lon, "lat": lat}
    return kept
