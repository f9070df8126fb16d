"""What policies and attributes look like in JSON."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from rest_framework import serializers

from apps.access.api.serializers import RowSerializer, Shape
from apps.access.judging import Effect
from apps.access.models import Policy, UserAttribute
from apps.access.policies import ATTRIBUTE_NAME, ATTRIBUTE_TYPES, LARGEST_GRID_M
from apps.core.api.fields import FiniteFloatField, InstantField
from apps.core.geometry import to_geojson

EFFECTS = [each.value for each in Effect]
TYPES = f"One of {', '.join(ATTRIBUTE_TYPES)}."
MOST = 1_000


class PolicyChangeSerializer(Shape):
    """What may be changed of a policy."""

    name = serializers.CharField(max_length=100)
    description = serializers.CharField(required=False, allow_blank=True, max_length=2000)
    effect = serializers.ChoiceField(choices=EFFECTS)
    everybody = serializers.BooleanField(required=False, help_text="Or name users and groups.")
    user_ids = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=MOST)
    group_ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**31 - 1), required=False, max_length=MOST
    )
    actions = serializers.ListField(
        child=serializers.CharField(max_length=64), max_length=500, help_text="`assets.view`, `assets.*` or `*`."
    )
    condition = serializers.CharField(
        required=False, allow_blank=True, max_length=8192, help_text="CQL2 text; empty is always true."
    )
    hidden_fields = serializers.ListField(child=serializers.CharField(max_length=100), required=False, max_length=100)
    coarsen_m = FiniteFloatField(
        required=False, allow_null=True, min_value=1, max_value=LARGEST_GRID_M, help_text="Grid in metres."
    )
    delay_s = serializers.IntegerField(required=False, allow_null=True, min_value=0, max_value=31 * 24 * 3600)
    mandatory = serializers.BooleanField(required=False, help_text="A deny that binds superusers too.")
    is_enabled = serializers.BooleanField(required=False)
    begins_at = InstantField(required=False, allow_null=True)
    ends_at = InstantField(required=False, allow_null=True)


class PolicyWriteSerializer(PolicyChangeSerializer):
    """What is said to make a policy."""

    organisation_id = serializers.UUIDField(allow_null=True, help_text="Null is everything; for superusers.")


class PolicySerializer(RowSerializer):
    """A policy over what an organisation, and all below it, owns."""

    organisation_id = serializers.UUIDField(allow_null=True)
    name = serializers.CharField()
    description = serializers.CharField()
    effect = serializers.ChoiceField(choices=EFFECTS)
    everybody = serializers.BooleanField()
    user_ids = serializers.SerializerMethodField()
    group_ids = serializers.SerializerMethodField()
    actions = serializers.ListField(child=serializers.CharField())
    condition = serializers.CharField()
    hidden_fields = serializers.ListField(child=serializers.CharField())
    coarsen_m = serializers.FloatField(allow_null=True)
    delay_s = serializers.IntegerField(allow_null=True)
    mandatory = serializers.BooleanField()
    is_enabled = serializers.BooleanField()
    begins_at = serializers.DateTimeField(source="during.lower", allow_null=True)
    ends_at = serializers.DateTimeField(source="during.upper", allow_null=True)

    def get_user_ids(self, row: Policy) -> list[UUID]:
        """Return the users for whom it counts."""
        return sorted(user.pk for user in row.users.all())

    def get_group_ids(self, row: Policy) -> list[int]:
        """Return the groups for which it counts."""
        return sorted(group.pk for group in row.groups.all())


class AttributeDefinitionChangeSerializer(Shape):
    """What may be changed of an attribute."""

    description = serializers.CharField(allow_blank=True, max_length=2000)


class AttributeDefinitionWriteSerializer(Shape):
    """What is said to define an attribute."""

    name = serializers.RegexField(ATTRIBUTE_NAME, max_length=63, help_text="Policies ask for `${user.name}`.")
    type = serializers.CharField(max_length=12, help_text=TYPES)
    description = serializers.CharField(required=False, allow_blank=True, max_length=2000)


class AttributeDefinitionSerializer(RowSerializer):
    """One thing that may be known of users."""

    name = serializers.CharField()
    type = serializers.CharField(max_length=12, help_text=TYPES)
    description = serializers.CharField()


class AttributeValueSerializer(Shape):
    """What is known."""

    value = serializers.JSONField(help_text="By the attribute's type; a geometry as GeoJSON.")


class AttributeSerializer(AttributeValueSerializer):
    """One thing that is known of a user."""

    name = serializers.CharField()
    type = serializers.CharField(max_length=12, help_text=TYPES)


class AttributesSerializer(Shape):
    """All that is known of a user."""

    items = AttributeSerializer(many=True)


def attribute_body(row: UserAttribute) -> dict[str, Any]:
    """Return what is known of a user, as REST shows it."""
    value = row.value if row.area is None else to_geojson(row.area)
    return {"name": row.definition.name, "type": row.definition.type, "value": value}
