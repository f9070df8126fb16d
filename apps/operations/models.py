"""The tables of operations: kinds, operations, what they plan and hold, their assets, and who has to agree.

Written only by ``services``. What must never be false is a constraint here; the services check the same
things first, for a better message.
"""

from __future__ import annotations

from datetime import timedelta

from django.contrib.gis.db import models
from django.contrib.gis.db.models.functions import IsEmpty, IsValid
from django.contrib.postgres.fields import DateTimeRangeField, IntegerRangeField
from django.contrib.postgres.indexes import GinIndex, GistIndex, OpClass
from django.db.models import F, Q
from django.db.models.functions import Upper

from apps.access.granting import GroupGrant, UserGrant
from apps.core.ids import new_id
from apps.core.models import Row, Token
from apps.lifecycle.models import Stateful, state_is_whole
from apps.operations.types import LIFECYCLE, OVER, RUNNING, Decision, Reason, Recurrence, Standing
from apps.zones.models import Banded, band_is_sound

SLUG = r"^[a-z0-9]+(?:[-_][a-z0-9]+)*$"
COLOUR = r"^#[0-9a-f]{6}$"
HIGHEST_PRIORITY = 100
REASONS = [
    (Reason.ZONE.value, "the zone needs its owner's authorisation"),
    (Reason.ORGANISATION.value, "its own organisation reviews operations of this kind"),
    (Reason.NOT_COMPARABLE.value, "the heights of another operation cannot be compared"),
]
DECISIONS = [(each.value, each.value) for each in Decision]
IN_WORLD = "SRID=4326;POLYGON((-180 -90, 180 -90, 180 90, -180 90, -180 -90))"
# The first version of the shipped lifecycle, whose states and stamps the table knows; others are as they say.
SHIPPED = Q(lifecycle_key=LIFECYCLE, lifecycle_version=1)


class OperationKind(Row):
    """A kind of operation: tow, dredging, inspection. Reference data, owned by no organisation."""

    slug = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=120)
    colour = models.CharField(max_length=7, default="#7c3aed", help_text="The map's colour, #rrggbb.")
    lifecycle = models.CharField(
        max_length=40,
        blank=True,
        default="",
        help_text="The key of the lifecycle that new ones of this kind follow. Empty means the shipped one.",
    )
    default_priority = models.PositiveSmallIntegerField(
        default=0, help_text=f"The priority of those that name none, 0 to {HIGHEST_PRIORITY}; the higher goes first."
    )
    may_share = models.BooleanField(
        default=False, help_text="May share space with an operation of equal priority whose kind may do so too."
    )
    is_reviewed = models.BooleanField(
        "reviewed", default=False, help_text="Their own organisation has to approve them as well."
    )
    tolerance_m = models.FloatField(
        "tolerance (m)", default=0.0, help_text="So far outside its volumes an asset still conforms."
    )
    nonconforming_after = models.DurationField(
        default=timedelta(seconds=10), help_text="Outside for so long, the operation no longer conforms."
    )
    contingent_after = models.DurationField(
        null=True, blank=True, help_text="Not conforming for so long, it is contingent. Empty means never."
    )

    class Meta:
        verbose_name = "operation kind"
        ordering = ["name", "id"]
        constraints = (
            models.CheckConstraint(name="operation_kind_slug_is_slug", condition=Q(slug__regex=SLUG)),
            models.CheckConstraint(name="operation_kind_has_name", condition=~Q(name="")),
            models.CheckConstraint(name="operation_kind_colour_is_rgb", condition=Q(colour__regex=COLOUR)),
            models.CheckConstraint(
                name="operation_kind_priority_in_range", condition=Q(default_priority__lte=HIGHEST_PRIORITY)
            ),
            models.CheckConstraint(
                name="operation_kind_limits_in_range",
                condition=Q(tolerance_m__gte=0, nonconforming_after__gte=timedelta(0))
                & (Q(contingent_after__isnull=True) | Q(contingent_after__gt=timedelta(0))),
            ),
        )

    def __str__(self) -> str:
        return self.name


class Operation(Stateful):
    """Something planned: one or more volumes, a priority, assigned assets.

    ``area`` is all of its footprints, ``starts_at`` and ``ends_at`` the first and the last instant of its volumes. It
    holds space while it is in one of the states ``types.HOLDING``.
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
            models.Index(fields=["state"], condition=~Q(state_category=OVER), name="operation_not_over"),
            GinIndex(OpClass(Upper("title"), name="gin_trgm_ops"), name="operation_title_parts"),
        )

    def __str__(self) -> str:
        return self.title

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


class AssignedAsset(models.Model):
    """An asset that takes part in an operation, and how well it keeps to it while that runs.

    ``followed_at`` is the instant of the latest fix that was compared with the volumes in force, ``reached_at`` that of
    the first inside. ``outside_since`` stands while it is outside; ``progress`` is how far it is along a corridor.
    """

    id = models.BigAutoField(primary_key=True)
    operation = models.ForeignKey(Operation, on_delete=models.CASCADE, related_name="assigned")
    asset = models.ForeignKey("assets.Asset", on_delete=models.CASCADE, related_name="+")
    followed_at = models.DateTimeField(null=True, editable=False)
    reached_at = models.DateTimeField(null=True, editable=False)
    outside_since = models.DateTimeField(null=True, editable=False)
    distance_m = models.FloatField(null=True, editable=False)
    progress = models.FloatField(null=True, editable=False)

    class Meta:
        verbose_name = "assigned asset"
        ordering = ["id"]
        constraints = (
            models.UniqueConstraint(fields=["operation", "asset"], name="asset_assigned_once"),
            models.CheckConstraint(
                name="assigned_asset_is_followed_in_order",
                condition=Q(followed_at__isnull=True, reached_at=None, outside_since=None, distance_m=None)
                | (
                    Q(followed_at__isnull=False)
                    & (Q(reached_at=None) | Q(reached_at__lte=F("followed_at")))
                    & (Q(outside_since=None) | Q(outside_since__lte=F("followed_at")))
                ),
            ),
            models.CheckConstraint(
                name="assigned_asset_progress_is_a_share", condition=Q(progress=None) | Q(progress__range=(0, 1))
            ),
        )
        indexes = (
            models.Index(
                fields=["outside_since"], condition=Q(outside_since__isnull=False), name="assigned_asset_outside"
            ),
        )

    def __str__(self) -> str:
        return str(self.asset_id)


class Intrusion(models.Model):
    """That an asset of somebody else is, or was, in a volume of an operation that runs, by its fixes."""

    id = models.BigAutoField(primary_key=True)
    operation = models.ForeignKey(Operation, on_delete=models.CASCADE, related_name="intrusions")
    asset = models.ForeignKey("assets.Asset", on_delete=models.CASCADE, related_name="+")
    entered_at = models.DateTimeField()
    left_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]
        constraints = (
            models.UniqueConstraint(
                fields=["asset", "operation"], condition=Q(left_at=None), name="intrusion_open_once"
            ),
            models.CheckConstraint(
                name="intrusion_ends_after_it_begins", condition=Q(left_at=None) | Q(left_at__gte=F("entered_at"))
            ),
        )

    def __str__(self) -> str:
        return f"{self.asset_id} since {self.entered_at:%Y-%m-%d %H:%M:%S}"


class RunningSet(Token):
    """One row: changes whenever an operation begins, ends or is changed while it runs, or a kind is."""

    class Meta:
        constraints = (models.CheckConstraint(name="running_set_is_one_row", condition=Q(id=1)),)


class Approval(Row):
    """That an organisation has to agree to an operation, why, and what it said.

    It belongs to the organisation that is asked, which sees by it what it is asked about. ``zone_id`` and ``other_id``
    (an operation of its own) say what it is asked for; they have no foreign key, since an answer outlives both.
    """

    organisation = models.ForeignKey("access.Organisation", on_delete=models.PROTECT, related_name="+")
    operation = models.ForeignKey(Operation, on_delete=models.CASCADE, related_name="approvals")
    reason = models.CharField(max_length=16, choices=REASONS)
    zone_id = models.UUIDField(null=True, editable=False)
    zone_name = models.CharField("zone", max_length=200, blank=True, editable=False)
    other_id = models.UUIDField(null=True, editable=False)
    decision = models.CharField(max_length=8, choices=DECISIONS, default=Decision.OPEN)
    note = models.TextField(blank=True)
    decided_by = models.CharField(max_length=200, blank=True, editable=False)
    decided_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["id"]
        permissions = (("decide_approval", "Can decide on approval"),)
        constraints = (
            models.UniqueConstraint(
                fields=["operation", "organisation", "reason", "zone_id", "other_id"],
                nulls_distinct=False,
                name="approval_asked_once",
            ),
            models.CheckConstraint(
                name="approval_reason_is_known", condition=Q(reason__in=[each.value for each in Reason])
            ),
            models.CheckConstraint(
                name="approval_decided_says_who_and_when",
                condition=Q(decision=Decision.OPEN, decided_at__isnull=True, decided_by="")
                | (
                    Q(decision__in=[Decision.APPROVED, Decision.REJECTED], decided_at__isnull=False) & ~Q(decided_by="")
                ),
            ),
        )
        indexes = (
            models.Index(fields=["organisation", "id"], condition=Q(decision=Decision.OPEN), name="approval_open"),
        )

    def __str__(self) -> str:
        return f"{self.get_reason_display()}: {self.decision}"


class ZoneReader(models.Model):
    """How far the log has been read for zones that were made or changed: one row, locked while reading."""

    singleton = models.BooleanField(primary_key=True, default=True)
    offset = models.BigIntegerField()

    class Meta:
        constraints = (models.CheckConstraint(name="zone_reader_is_one_row", condition=Q(singleton=True)),)

    def __str__(self) -> str:
        return str(self.offset)


class OperationUserGrant(UserGrant):
    """One operation shared with one person, for one action."""

    content_object = models.ForeignKey(Operation, on_delete=models.CASCADE, related_name="user_grants")


class OperationGroupGrant(GroupGrant):
    """One operation shared with one group, for one action."""

    content_object = models.ForeignKey(Operation, on_delete=models.CASCADE, related_name="group_grants")
