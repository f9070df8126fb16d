"""How operations look over REST. Serializers read bodies and describe the schema; plain functions write answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.core.api.fields import LONGEST, FiniteFloatField, InstantField, MultiPolygonField, SecondsField, nested
from apps.core.api.rows import RowSerializer, row_body
from apps.core.types import Datum, Invalid
from apps.events.rules import instant
from apps.lifecycle.types import Category
from apps.operations.api.fields import ShapeField
from apps.operations.models import Approval, Operation, OperationKind, ReviewRule, Volume
from apps.operations.published import (
    approval_feature,
    operation_feature,
    operation_kind_feature,
    review_rule_feature,
)
from apps.operations.rules.intents import is_intent_volume, read_intent_volume
from apps.operations.types import Decision, Reason, Verdict


@extend_schema_field({"type": "number", "minimum": 0, "maximum": LONGEST.total_seconds()})
class SpanField(SecondsField):
    """A duration as a number of seconds; zero is allowed."""

    default_error_messages = {"invalid": "Expected a number of seconds, zero or more, a year at most."}

    def to_internal_value(self, data: Any) -> timedelta:
        """Return the duration."""
        is_zero = data == 0 and not isinstance(data, bool)
        return timedelta(0) if is_zero else super().to_internal_value(data)


class OperationKindChangeSerializer(RowSerializer):
    """What can be changed of a kind of operation."""

    name = serializers.CharField(max_length=120)
    colour = serializers.CharField(max_length=7, default="#7c3aed", help_text="`#rrggbb`")
    lifecycle = serializers.CharField(
        max_length=40, allow_blank=True, default="", help_text="What new ones follow; empty is the shipped one."
    )
    default_priority = serializers.IntegerField(
        min_value=0, max_value=100, default=0, help_text="The priority of those that name none; the higher goes first."
    )
    may_share = serializers.BooleanField(
        default=False, help_text="May share space with equals whose kind may do so too."
    )
    is_reviewed = serializers.BooleanField(
        default=False, help_text="Every organisation has to approve its own, beside what its review rules ask for."
    )
    tolerance_m = FiniteFloatField(default=0.0, help_text="So far outside its volumes an asset still conforms.")
    nonconforming_after_s = SpanField(
        default=timedelta(seconds=10), help_text="Outside for so long, it no longer conforms."
    )
    contingent_after_s = SecondsField(
        allow_null=True, default=None, help_text="Not conforming for so long, it is contingent; null is never."
    )


class OperationKindSerializer(OperationKindChangeSerializer):
    """A kind of operation."""

    slug = serializers.CharField(max_length=64, help_text="Its name in addresses and filters; stays for ever.")


class RecurrenceSerializer(serializers.Serializer[Any]):
    """How a volume recurs."""

    rule = serializers.CharField(
        max_length=200, help_text="Weekly, of RFC 5545, with an end: `FREQ=WEEKLY;BYDAY=MO,WE;COUNT=10`."
    )
    time_zone = serializers.CharField(max_length=64, help_text="By whose clocks, as in `America/New_York`.")


WORDS_HELP = "For review rules that ask about it; one that asks about what is not said is taken to hold."
VOLUMES_HELP = "Each as described, or as a `Volume4D` of ASTM F3548-21: `volume`, `time_start` and `time_end`."


class VolumeSerializer(serializers.Serializer[Any]):
    """An area, a band of heights and a time; all of their ends belong to them."""

    shape = ShapeField()
    lower_m = FiniteFloatField(allow_null=True, default=None, help_text="Lowest height; null is open.")
    lower_datum = serializers.ChoiceField(choices=list(Datum), allow_null=True, default=None)
    upper_m = FiniteFloatField(allow_null=True, default=None, help_text="Highest height; null is open.")
    upper_datum = serializers.ChoiceField(choices=list(Datum), allow_null=True, default=None)
    starts_at = InstantField(help_text="When it begins; where it recurs, the first time.")
    ends_at = InstantField()
    recurrence = RecurrenceSerializer(allow_null=True, default=None)

    def to_internal_value(self, data: Any) -> Any:
        """Return the volume, also of one that is written as F3548 writes it."""
        try:
            body = read_intent_volume(data) if is_intent_volume(data) else data
        except Invalid as error:
            raise serializers.ValidationError(nested(error)) from error
        return super().to_internal_value(body)


class OperationChangeSerializer(RowSerializer):
    """What can be changed of an operation."""

    title = serializers.CharField(max_length=200)
    description = serializers.CharField(max_length=20_000, allow_blank=True, default="")
    contact = serializers.CharField(
        max_length=200, allow_blank=True, default="", help_text="Told also to those in whose way it is."
    )
    priority = serializers.IntegerField(
        min_value=0, max_value=100, allow_null=True, default=None, help_text="null is that of its kind."
    )
    asset_ids = serializers.ListField(child=serializers.UUIDField(), default=list, help_text="Which assets take part.")
    volumes = serializers.ListField(child=VolumeSerializer(), min_length=1, max_length=50, help_text=VOLUMES_HELP)


class OperationSerializer(OperationChangeSerializer):
    """Something planned."""

    organisation_id = serializers.UUIDField(help_text="Who owns it.")
    kind = serializers.CharField(max_length=64, help_text="The slug of its kind; it stays.")
    area = MultiPolygonField(read_only=True, help_text="All of its footprints.")
    starts_at = serializers.DateTimeField(read_only=True, help_text="When the first of its volumes begins.")
    ends_at = serializers.DateTimeField(read_only=True, help_text="When the last of them ends.")
    state = serializers.CharField(read_only=True)
    state_category = serializers.ChoiceField(choices=[each.value for each in Category], read_only=True)
    state_since = serializers.DateTimeField(read_only=True)
    submitted_at = serializers.DateTimeField(read_only=True, allow_null=True)
    approved_at = serializers.DateTimeField(read_only=True, allow_null=True)
    closed_at = serializers.DateTimeField(read_only=True, allow_null=True)


class PlanSerializer(serializers.Serializer[Any]):
    """What somebody thinks of planning; for `:check`."""

    organisation_id = serializers.UUIDField(help_text="Who would own it.")
    kind = serializers.CharField(max_length=64, help_text="The slug of its kind.")
    priority = serializers.IntegerField(
        min_value=0, max_value=100, allow_null=True, default=None, help_text="null is that of the kind."
    )
    title = serializers.CharField(max_length=200, allow_blank=True, allow_null=True, default=None, help_text=WORDS_HELP)
    description = serializers.CharField(max_length=20_000, allow_blank=True, allow_null=True, default=None)
    contact = serializers.CharField(max_length=200, allow_blank=True, allow_null=True, default=None)
    volumes = serializers.ListField(child=VolumeSerializer(), min_length=1, max_length=50, help_text=VOLUMES_HELP)
    operation_id = serializers.UUIDField(
        allow_null=True, default=None, help_text="Of an operation that would be changed so: it is not in its own way."
    )


class BandSerializer(serializers.Serializer[Any]):
    """A band of heights; null is open."""

    lower_m = serializers.FloatField(allow_null=True)
    lower_datum = serializers.ChoiceField(choices=list(Datum), allow_null=True)
    upper_m = serializers.FloatField(allow_null=True)
    upper_datum = serializers.ChoiceField(choices=list(Datum), allow_null=True)


class ConflictVolumeSerializer(BandSerializer):
    """A piece of space that is held."""

    wanted = serializers.IntegerField(help_text="Which of the plan's volumes meets it, from 1.")
    starts_at = serializers.DateTimeField(allow_null=True, help_text="null also where it is masked.")
    ends_at = serializers.DateTimeField(allow_null=True)


class ConflictSerializer(serializers.Serializer[Any]):
    """What bears on a plan."""

    type = serializers.ChoiceField(choices=["operation", "zone"])
    verdict = serializers.ChoiceField(choices=[each.value for each in Verdict])
    comparable = serializers.BooleanField(help_text="False where heights above different datums tell nothing.")
    operation = serializers.DictField(allow_null=True, help_text="null where you may not see it.")
    zone = serializers.DictField(allow_null=True, help_text="null where you may not see it.")
    contact = serializers.CharField(help_text="Whom to ask.")
    volumes = ConflictVolumeSerializer(many=True)


class MovedVolumeSerializer(BandSerializer):
    """A volume of a plan, moved to where it is free; its shape stays."""

    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    recurrence = RecurrenceSerializer(allow_null=True)


class FreeSerializer(serializers.Serializer[Any]):
    """A way out: the same volumes later, or higher or lower."""

    later_s = serializers.FloatField(help_text="What recurs is moved by the clocks of its time zone.")
    higher_m = serializers.FloatField(help_text="Negative is lower.")
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    lower_m = serializers.FloatField(allow_null=True)
    upper_m = serializers.FloatField(allow_null=True)
    volumes = MovedVolumeSerializer(many=True, help_text="All of the plan's, in their order.")


class ReviewSerializer(serializers.Serializer[Any]):
    """Somebody who has to agree for what a plan is, whatever it meets."""

    organisation_id = serializers.UUIDField(help_text="Who is asked.")
    reason = serializers.ChoiceField(choices=[each.value for each in Reason], help_text="`organisation` or `rule`.")
    rule_name = serializers.CharField(help_text="Of the review rule that asks; empty where you may not see it.")


class CheckSerializer(serializers.Serializer[Any]):
    """What submitting a plan would meet."""

    accepted = serializers.BooleanField(help_text="False where something refuses it.")
    conflicts = ConflictSerializer(many=True)
    free = FreeSerializer(many=True)
    reviews = ReviewSerializer(many=True)


class OperationApprovalSerializer(serializers.Serializer[Any]):
    """An approval, as those see it who are waiting for it."""

    id = serializers.UUIDField()
    organisation_id = serializers.UUIDField(help_text="Who is asked.")
    reason = serializers.ChoiceField(choices=[each.value for each in Reason])
    rule_name = serializers.CharField(help_text="Of the review rule that asks; empty where you may not see it.")
    decision = serializers.ChoiceField(choices=[each.value for each in Decision])
    note = serializers.CharField()
    decided_at = serializers.DateTimeField(allow_null=True)


class ApprovalChangeSerializer(RowSerializer):
    """What somebody says who is asked."""

    decision = serializers.ChoiceField(choices=[each.value for each in Decision], default=Decision.OPEN.value)
    note = serializers.CharField(max_length=2_000, allow_blank=True, default="")


class ApprovalSerializer(ApprovalChangeSerializer):
    """An approval, as those see it who are asked for it."""

    organisation_id = serializers.UUIDField(read_only=True, help_text="Who is asked.")
    operation_id = serializers.UUIDField(read_only=True)
    operation_title = serializers.CharField(read_only=True)
    operator_id = serializers.UUIDField(read_only=True, help_text="The organisation that plans it.")
    contact = serializers.CharField(read_only=True)
    starts_at = serializers.DateTimeField(read_only=True)
    ends_at = serializers.DateTimeField(read_only=True)
    heights = BandSerializer(many=True, read_only=True, help_text="Between which heights it is planned, each once.")
    geometry = MultiPolygonField(read_only=True, help_text="Where it is planned.")
    reason = serializers.ChoiceField(choices=[each.value for each in Reason], read_only=True)
    zone_id = serializers.UUIDField(read_only=True, allow_null=True)
    zone_name = serializers.CharField(read_only=True)
    rule_id = serializers.UUIDField(read_only=True, allow_null=True, help_text="The review rule that asks.")
    rule_name = serializers.CharField(read_only=True, help_text="What it was called then.")
    other_id = serializers.UUIDField(read_only=True, allow_null=True, help_text="An operation of the one who is asked.")
    decided_by = serializers.CharField(read_only=True)
    decided_at = serializers.DateTimeField(read_only=True, allow_null=True)


class ReviewRuleChangeSerializer(RowSerializer):
    """What can be changed of a review rule."""

    name = serializers.CharField(max_length=200)
    description = serializers.CharField(max_length=20_000, allow_blank=True, default="")
    condition = serializers.CharField(
        max_length=8_192,
        allow_blank=True,
        default="",
        help_text="CQL2 text over what an operation says of itself, less how far it has come; empty is all.",
    )
    is_enabled = serializers.BooleanField(default=True)


class ReviewRuleSerializer(ReviewRuleChangeSerializer):
    """A rule by which an organisation reviews operations."""

    organisation_id = serializers.UUIDField(help_text="Who is asked, for its own and for those of all below it; stays.")


def operation_kind_body(kind: OperationKind) -> dict[str, object]:
    """Return a kind of operation as REST shows it."""
    return row_body(kind, operation_kind_feature(kind).properties)


def operation_body(operation: Operation, volumes: Sequence[Volume], asset_ids: Sequence[UUID]) -> dict[str, object]:
    """Return an operation as REST shows it."""
    feature = operation_feature(operation)
    return row_body(
        operation,
        {
            "organisation_id": operation.organisation_id,
            **feature.properties,
            "asset_ids": list(asset_ids),
            "area": feature.geometry,
            "volumes": [volume_body(each) for each in volumes],
        },
    )


def volume_body(volume: Volume) -> dict[str, object]:
    """Return a volume as it was planned, and as REST takes it."""
    return {
        "shape": volume.shape,
        "lower_m": volume.lower_m,
        "lower_datum": volume.lower_datum or None,
        "upper_m": volume.upper_m,
        "upper_datum": volume.upper_datum or None,
        "starts_at": instant(volume.starts_at),
        "ends_at": instant(volume.ends_at),
        "recurrence": {"rule": volume.rule, "time_zone": volume.time_zone} if volume.rule else None,
    }


def review_rule_body(rule: ReviewRule) -> dict[str, object]:
    """Return a review rule as REST shows it."""
    return row_body(rule, {"organisation_id": rule.organisation_id, **review_rule_feature(rule).properties})


def operation_approval_body(approval: Approval, *, is_named: bool) -> dict[str, object]:
    """Return an approval as REST shows it to those who wait; ``is_named`` where they may know by which rule."""
    return {
        "id": approval.pk,
        "organisation_id": approval.organisation_id,
        "reason": approval.reason,
        "rule_name": approval.rule_name if is_named else "",
        "decision": approval.decision,
        "note": approval.note,
        "decided_at": approval.decided_at,
    }


def approval_body(approval: Approval) -> dict[str, object]:
    """Return an approval as REST shows it to those who are asked."""
    feature = approval_feature(approval)
    shown: Mapping[str, object] = {
        "organisation_id": approval.organisation_id,
        **feature.properties,
        "geometry": feature.geometry,
    }
    return row_body(approval, shown)
