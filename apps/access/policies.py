"""The tables of policies and of what they may ask of a person: typed attributes."""

from __future__ import annotations

from typing import Final

from django.contrib.auth.models import Group
from django.contrib.gis.db.models import GeometryField
from django.contrib.postgres.fields import ArrayField, DateTimeRangeField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from apps.access.judging import Effect
from apps.access.models import Organisation, User, always
from apps.core.geometry import SRID
from apps.core.models import Row
from apps.filters.types import Type

ATTRIBUTE_NAME: Final = r"^[a-z][a-z0-9_]{0,62}$"
# The types that an attribute may have, as people call them, and as filters do.
ATTRIBUTE_TYPES: Final = {
    "text": Type.STRING,
    "number": Type.NUMBER,
    "boolean": Type.BOOLEAN,
    "instant": Type.INSTANT,
    "text-list": Type.STRING_ARRAY,
    "geometry": Type.GEOMETRY,
}
LARGEST_GRID_M: Final = 1_000_000


class AttributeDefinition(Row):
    """One thing that may be known of every user, such as their clearance; policies ask for ``${user.<name>}``."""

    name = models.CharField(max_length=63, unique=True)
    type = models.CharField(max_length=12, choices=[(each, each) for each in ATTRIBUTE_TYPES])
    description = models.TextField(blank=True)

    class Meta:
        verbose_name = "user attribute"
        ordering = ("name",)
        constraints = (
            models.CheckConstraint(condition=Q(name__regex=ATTRIBUTE_NAME), name="access_attribute_name_is_plain"),
            models.CheckConstraint(
                condition=~Q(name__in=["id", "organisation_id"]), name="access_attribute_name_is_free"
            ),
            models.CheckConstraint(condition=Q(type__in=list(ATTRIBUTE_TYPES)), name="access_attribute_type_is_known"),
        )

    def __str__(self) -> str:
        return self.name


class UserAttribute(Row):
    """What is known of one user: ``area`` for a geometry (WGS 84), ``value`` for everything else."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="attributes")
    definition = models.ForeignKey(AttributeDefinition, on_delete=models.PROTECT, related_name="values")
    value = models.JSONField(null=True, blank=True)
    area = GeometryField(srid=SRID, null=True, blank=True)

    class Meta:
        ordering = ("user", "definition__name")
        constraints = (
            models.UniqueConstraint(fields=("user", "definition"), name="access_attribute_once_per_user"),
            models.CheckConstraint(
                condition=Q(value__isnull=True) ^ Q(area__isnull=True), name="access_attribute_value_or_area"
            ),
        )

    def __str__(self) -> str:
        return f"{self.definition} of {self.user}"


class Policy(Row):
    """A rule over the objects of an organisation and of all below it; without one, over everything.

    It counts for ``everybody``, or for its users and groups; for its ``actions`` (``assets.view``, ``assets.*`` or
    ``*``); where its CQL2 ``condition`` holds (an empty one always does); ``during`` its period, while ``is_enabled``.
    ``hidden_fields``, ``coarsen_m`` and ``delay_s`` are what a limit, or a permit, asks to be kept. A ``mandatory``
    deny binds superusers.
    """

    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, null=True, blank=True, related_name="policies"
    )
    name = models.CharField(max_length=100)
    description = models.TextField(blank=True)
    effect = models.CharField(max_length=8, choices=[(each.value, each.value) for each in Effect])
    everybody = models.BooleanField(default=False)
    users = models.ManyToManyField(User, blank=True, related_name="+")
    groups = models.ManyToManyField(Group, blank=True, related_name="+")
    actions = ArrayField(models.CharField(max_length=64))
    condition = models.TextField(blank=True)
    hidden_fields = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    coarsen_m = models.FloatField("coarsen to metres", null=True, blank=True)
    delay_s = models.PositiveIntegerField("delay by seconds", null=True, blank=True)
    mandatory = models.BooleanField(default=False)
    is_enabled = models.BooleanField("enabled", default=True)
    during = DateTimeRangeField(default=always)

    class Meta:
        verbose_name_plural = "policies"
        ordering = ("name", "id")
        constraints = (
            models.UniqueConstraint(
                "organisation", Lower("name"), name="access_policy_name_once", nulls_distinct=False
            ),
            models.CheckConstraint(condition=~Q(name="") & Q(actions__len__gt=0), name="access_policy_says_something"),
            models.CheckConstraint(
                condition=Q(effect__in=[each.value for each in Effect]), name="access_policy_effect_is_known"
            ),
            models.CheckConstraint(
                condition=Q(mandatory=False) | Q(effect=Effect.DENY.value),
                name="access_policy_only_denies_are_mandatory",
            ),
            models.CheckConstraint(
                condition=Q(effect__in=[Effect.LIMIT.value, Effect.PERMIT.value])
                | Q(hidden_fields=[], coarsen_m__isnull=True, delay_s__isnull=True),
                name="access_policy_only_some_ask_to_keep",
            ),
            models.CheckConstraint(
                condition=Q(coarsen_m__isnull=True) | Q(coarsen_m__gt=0, coarsen_m__lte=LARGEST_GRID_M),
                name="access_policy_grid_is_possible",
            ),
            models.CheckConstraint(condition=Q(during__isempty=False), name="access_policy_period_not_empty"),
        )

    def __str__(self) -> str:
        return self.name
