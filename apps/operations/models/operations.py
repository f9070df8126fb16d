"""The tables of what is planned: operations, their volumes, and the times of those, which the index finds."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from django.contrib.gis.db import models
from django.contrib.gis.db.models.functions import IsEmpty, IsValid
from django.contrib.postgres.fields import DateTimeRangeField, IntegerRangeField
from django.contrib.postgres.indexes import GinIndex, GistIndex, OpClass
from django.db.models import F, Q
from django.db.models.functions import Upper

from apps.access.granting import GroupGrant, UserGrant
from apps.core.geometry import from_geos
from apps.core.ids import new_id
from apps.lifecycle.models import Stateful, state_is_whole
from apps.operations.models.kinds import HIGHEST_PRIORITY, OperationKind
from apps.operations.types import HOLDING, LIFECYCLE, OVER, RUNNING, PlannedVolume, Recurrence, Standing
from apps.zones.models import Banded, band_is_sound

if TYPE_CHECKING:
    from shapely import MultiPolygon

IN_WORLD = "SRID=4326;POLYGON((-180 -90, 180 -90, 180 90, -180 90, -180 -90))"
# The first version of the shipped lifecycle, whose states and stamps the table knows; others are as they say.
SHIPPED = Q(lifecycle_key=LIFECYCLE, lifecycle_version=1)


class Operation(Stateful):
    """Something planned: one or more volumes, a priority, assigned assets.

    ``area`` is all of its footprints, ``starts_at`` and ``ends_at`` the first and the last instant of its volumes. It
    holds space while it is in one of the states ``types.HOLDING``. ``rules_version`` is the ``ReviewRuleSet`` by which
    it was last asked who reviews it.
    """

    kind = models.ForeignKey(OperationKind, on_delete=models.PROTECT, related_name="operations")
    organisation = models.ForeignKey("access.Organisation", on_delete=models.PROTECT, related_name="+")
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    contact = models.CharField(
        max_length=200, blank=True, help_text="Whom to call about it. Told also to those in whose way it is."
    )
    priority = models.PositiveSmallIntegerField(default=0)
    area = models.MultiPolygonField(srid=4326, editable=False)
    starts_at = models.DateTimeField(editable=False)
    ends_at = models.DateTimeField(editable=False)
    contingent_after = models.DurationField(null=True, editable=False)
    rules_version = models.BigIntegerField(default=0, db_default=0, editable=False)
    submitted_at = models.DateTimeField(null=True, editable=False)
    approved_at = models.DateTimeField(null=True, editable=False)
    closed_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["-starts_at", "-id"]
        permissions = (
            ("submit_operation", "Can submit operation"),
            ("withdraw_operation", "Can withdraw operation"),
            ("activate_operation", "Can activate operation"),
            ("declare_operation", "Can declare operation contingent, or recovered"),
            ("end_operation", "Can end operation"),
            ("cancel_operation", "Can cancel operation"),
            ("view_calls_operation", "Can see what services were asked about operation"),
            ("settle_calls_operation", "Can try calls about operation again, or give them up"),
            ("share_operation", "Can share operation"),
        )
        constraints = (
            models.CheckConstraint(name="operation_has_title", condition=~Q(title="")),
            models.CheckConstraint(name="operation_priority_in_range", condition=Q(priority__lte=HIGHEST_PRIORITY)),
            models.CheckConstraint(name="operation_starts_before_it_ends", condition=Q(starts_at__lt=F("ends_at"))),
            models.CheckConstraint(
                name="operation_area_is_valid",
                condition=Q(IsValid("area"), ~Q(IsEmpty("area"))) & Q(area__coveredby=IN_WORLD),
            ),
            state_is_whole("operation_state_is_whole"),
            models.CheckConstraint(name="operation_follows_a_lifecycle", condition=~Q(lifecycle_key="")),
            models.CheckConstraint(
                name="operation_draft_was_never_submitted",
                condition=~SHIPPED | ~Q(state="draft") | Q(submitted_at=None, approved_at=None),
            ),
            models.CheckConstraint(
                name="operation_in_review_says_when",
                condition=~SHIPPED
                | ~Q(state__in=["submitted", "in_review", "rejected"])
                | Q(submitted_at__isnull=False, approved_at=None),
            ),
            models.CheckConstraint(
                name="operation_approved_says_when",
                condition=~SHIPPED
                | ~Q(state__in=["approved", *sorted(RUNNING)])
                | Q(submitted_at__isnull=False, approved_at__isnull=False),
            ),
            models.CheckConstraint(
                name="operation_over_says_when",
                condition=~SHIPPED
                | Q(state_category=OVER, closed_at__isnull=False)
                | (~Q(state_category=OVER) & Q(closed_at__isnull=True)),
            ),
        )
        indexes = (
            models.Index(fields=["starts_at", "id"], name="operation_by_start"),
            models.Index(fields=["organisation", "id"], name="operation_of_organisation"),
            models.Index(fields=["state"], condition=Q(state__in=sorted(HOLDING)), name="operation_holding"),
            GinIndex(OpClass(Upper("title"), name="gin_trgm_ops"), name="operation_title_parts"),
        )

    def __str__(self) -> str:
        return self.title

    @property
    def is_draft(self) -> bool:
        """Say whether nobody but its own has heard of it: it was never submitted, and holds nothing."""
        return self.submitted_at is None and self.state not in HOLDING and self.state_category != OVER

    @property
    def standing(self) -> Standing:
        """Return what decides who gives way. Reads ``kind``."""
        return Standing(priority=self.priority, may_share=self.kind.may_share)


class Volume(Banded):
    """A volume as it was planned: a shape, its exact footprint, a band of heights, a time that may recur.

    Volumes are replaced, never changed. ``shape`` is as REST shows it (``rules.shapes``).
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    operation = models.ForeignKey(Operation, on_delete=models.CASCADE, related_name="volumes")
    number = models.PositiveSmallIntegerField()
    shape = models.JSONField()
    footprint = models.MultiPolygonField(srid=4326, spatial_index=False)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    rule = models.CharField("recurs", max_length=200, blank=True, help_text="A weekly rule of RFC 5545.")
    time_zone = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["operation_id", "number"]
        constraints = (
            models.UniqueConstraint(fields=["operation", "number"], name="volume_number_once"),
            models.CheckConstraint(
                name="volume_footprint_is_valid", condition=Q(IsValid("footprint"), ~Q(IsEmpty("footprint")))
            ),
            *band_is_sound("volume"),
            models.CheckConstraint(name="volume_starts_before_it_ends", condition=Q(starts_at__lt=F("ends_at"))),
            models.CheckConstraint(
                name="volume_recurs_somewhere",
                condition=Q(rule="", time_zone="") | (~Q(rule="") & ~Q(time_zone="")),
            ),
        )

    def __str__(self) -> str:
        return f"volume {self.number}"

    @property
    def recurrence(self) -> Recurrence | None:
        """Return how it recurs, if it does."""
        return Recurrence(rule=self.rule, time_zone=self.time_zone) if self.rule else None

    @property
    def planned(self) -> PlannedVolume:
        """Return where and when it is planned."""
        return PlannedVolume(
            footprint=cast("MultiPolygon", from_geos(self.footprint)),
            band=self.band,
            starts_at=self.starts_at,
            ends_at=self.ends_at,
            recurrence=self.recurrence,
        )


class Occupancy(models.Model):
    """One time of a volume: what the index finds. Those that ``holds`` are in the way of others.

    It proposes and never decides: ``box`` is around the footprint, ``altitude`` is whole metres above the sea between
    which the band must lie, whatever its datum. ``during`` is closed, unlike other ranges here: touching is meeting.
    """

    id = models.BigAutoField(primary_key=True)
    operation = models.ForeignKey(Operation, on_delete=models.CASCADE, related_name="occupancies", db_index=False)
    volume = models.ForeignKey(Volume, on_delete=models.CASCADE, related_name="occupancies")
    box = models.PolygonField(srid=4326, spatial_index=False)
    altitude = IntegerRangeField()
    during = DateTimeRangeField()
    holds = models.BooleanField(default=False)

    class Meta:
        verbose_name_plural = "occupancies"
        ordering = ["id"]
        constraints = (
            models.CheckConstraint(
                name="occupancy_during_is_closed",
                condition=Q(during__isempty=False, during__lower_inc=True, during__upper_inc=True),
            ),
            models.CheckConstraint(name="occupancy_altitude_not_empty", condition=Q(altitude__isempty=False)),
        )
        indexes = (
            models.Index(fields=["operation", "during"], name="occupancy_of_operation"),
            GistIndex(fields=["box", "during", "altitude"], condition=Q(holds=True), name="occupancy_holding"),
        )

    def __str__(self) -> str:
        return f"{self.during.lower:%Y-%m-%d %H:%M} to {self.during.upper:%Y-%m-%d %H:%M}"


class OperationUserGrant(UserGrant):
    """One operation shared with one person, for one action."""

    content_object = models.ForeignKey(Operation, on_delete=models.CASCADE, related_name="user_grants")


class OperationGroupGrant(GroupGrant):
    """One operation shared with one group, for one action."""

    content_object = models.ForeignKey(Operation, on_delete=models.CASCADE, related_name="group_grants")
