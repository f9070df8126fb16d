"""The tables of positions and of what is believed of each asset.

``Position`` is partitioned by time and written only by the ingest statement; ``services.partitions`` looks after its
partitions. There are no foreign keys from it: a check per row would cost more than the row.
"""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Func, Q
from django.db.models.functions import Now

from apps.core.types import Datum
from apps.tracking.types import Connectivity

SLUG = r"^[a-z0-9]+(?:[-_][a-z0-9]+)*$"
DATUMS = [(each.value, each.value) for each in Datum]


class Cardinality(Func):
    """The number of elements of an array; 0 for an empty one."""

    function = "cardinality"
    output_field = models.IntegerField()


class Source(models.Model):
    """A way by which positions reach us. Part of a fix's identity, so a source is never deleted once used."""

    id = models.SmallAutoField(primary_key=True)
    slug = models.CharField(max_length=32, unique=True, help_text="Senders name it: ?source=slug.")
    name = models.CharField(max_length=120)

    class Meta:
        ordering: ClassVar[list[str]] = ["slug"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(name="source_slug_is_slug", condition=Q(slug__regex=SLUG)),
            models.CheckConstraint(name="source_has_name", condition=~Q(name="")),
        ]

    def __str__(self) -> str:
        return self.name


class Motion(models.Model):
    """The columns of a fix: degrees WGS 84, metres with their datum, metres per second."""

    lon = models.FloatField(null=True, editable=False)
    lat = models.FloatField(null=True, editable=False)
    altitude_m = models.FloatField(null=True, editable=False)
    altitude_datum = models.CharField(max_length=8, choices=DATUMS, null=True, editable=False)  # noqa: DJ001  null is «not reported»
    speed_mps = models.FloatField(null=True, editable=False)
    course_deg = models.FloatField(null=True, editable=False)
    heading_deg = models.FloatField(null=True, editable=False)
    accuracy_m = models.FloatField(null=True, editable=False)
    attributes = models.JSONField(null=True, editable=False)

    class Meta:
        abstract = True


class Position(Motion):
    """One fix as it was stored. The same asset, source and instant again is the same fix.

    ``received_at`` is when we knew it. ``recorded_at`` would be the end of the same request, a few milliseconds
    later; on the largest table it is left out.
    """

    pk = models.CompositePrimaryKey("asset_id", "fixed_at", "source_id")
    asset_id: models.UUIDField[UUID, UUID] = models.UUIDField()
    fixed_at = models.DateTimeField()
    source_id = models.SmallIntegerField()
    received_at = models.DateTimeField()
    lon = models.FloatField()
    lat = models.FloatField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                name="position_is_in_world",
                condition=Q(lon__gte=-180.0, lon__lte=180.0, lat__gte=-90.0, lat__lte=90.0),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.asset_id} at {self.fixed_at:%Y-%m-%dT%H:%M:%SZ}"


class Presence(Motion):
    """What we believe now about one asset. The row is also the lock under which its reports are put in order.

    ``zone_ids``, ``zone_since`` and ``zone_dwelt`` are its open stays, column by column. ``due_at`` is when the
    clock has to look at it next, at the latest; it may be early, never late, so that most fixes need not move it
    (its index is what a fix would otherwise pay for).
    """

    asset = models.OneToOneField("assets.Asset", on_delete=models.CASCADE, primary_key=True, related_name="presence")
    source = models.ForeignKey(Source, on_delete=models.PROTECT, null=True, editable=False, related_name="+")
    fixed_at = models.DateTimeField("latest fix", null=True, editable=False)
    received_at = models.DateTimeField(null=True, editable=False)
    connectivity = models.CharField(
        max_length=8,
        choices=[(each.value, each.value) for each in Connectivity],
        default=Connectivity.LOST,
        editable=False,
    )
    zone_ids: ArrayField[list[UUID], list[UUID]] = ArrayField(models.UUIDField(), default=list, editable=False)
    zone_since = ArrayField(models.DateTimeField(), default=list, editable=False)
    zone_dwelt = ArrayField(models.DateTimeField(null=True), default=list, editable=False)
    due_at = models.DateTimeField(null=True, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        verbose_name_plural = "presences"
        ordering: ClassVar[list[str]] = ["asset_id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="presence_due"),
            GinIndex(fields=["zone_ids"], name="presence_in_zone"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                name="presence_connectivity_is_known",
                condition=Q(connectivity__in=[each.value for each in Connectivity]),
            ),
            models.CheckConstraint(
                name="presence_fix_is_whole",
                condition=Q(fixed_at=None, received_at=None, source=None, lon=None, lat=None)
                | Q(
                    fixed_at__isnull=False,
                    received_at__isnull=False,
                    source__isnull=False,
                    lon__gte=-180.0,
                    lon__lte=180.0,
                    lat__gte=-90.0,
                    lat__lte=90.0,
                ),
            ),
            models.CheckConstraint(
                name="presence_stays_have_one_length",
                condition=Q(zone_since__len=Cardinality("zone_ids"), zone_dwelt__len=Cardinality("zone_ids")),
            ),
        ]

    def __str__(self) -> str:
        return str(self.asset)


class Stay(models.Model):
    """A time that an asset spent in a zone, open while it lasts. Late fixes correct it.

    No foreign keys: a stay outlives its zone, and goes with the positions that show it.
    """

    pk = models.CompositePrimaryKey("asset_id", "zone_id", "entered_at")
    asset_id: models.UUIDField[UUID, UUID] = models.UUIDField()
    zone_id: models.UUIDField[UUID, UUID] = models.UUIDField()
    entered_at = models.DateTimeField()
    left_at = models.DateTimeField(null=True)
    dwelt_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                name="stay_ends_after_it_begins", condition=Q(left_at__isnull=True) | Q(left_at__gte=F("entered_at"))
            ),
            models.UniqueConstraint(
                fields=["asset_id", "zone_id"], condition=Q(left_at__isnull=True), name="stay_open_once"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["zone_id", "entered_at"], name="stay_in_zone"),
            models.Index(fields=["left_at"], name="stay_by_end"),
        ]

    def __str__(self) -> str:
        return f"{self.asset_id} in {self.zone_id} from {self.entered_at:%Y-%m-%dT%H:%M:%SZ}"


class Quarantine(models.Model):
    """Something that was sent to us and is no usable fix, kept so that somebody can look why.

    ``id`` is a digest of what was sent, so that a device that repeats itself for ever fills one row.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    organisation = models.ForeignKey(
        "access.Organisation", on_delete=models.SET_NULL, null=True, editable=False, related_name="+"
    )
    source = models.ForeignKey(Source, on_delete=models.PROTECT, editable=False, related_name="+")
    sender = models.CharField(max_length=200, editable=False)
    reference = models.CharField("asset as named by the sender", max_length=200, editable=False)
    code = models.CharField(max_length=40, editable=False)
    detail = models.CharField(max_length=300, editable=False)
    payload = models.TextField(editable=False)
    received_at = models.DateTimeField(editable=False)
    recorded_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = "quarantined report"
        ordering: ClassVar[list[str]] = ["-received_at", "-id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["received_at", "id"], name="quarantine_by_age"),
            models.Index(fields=["organisation", "received_at"], name="quarantine_of_organisation"),
        ]

    def __str__(self) -> str:
        return f"{self.code}: {self.reference or self.sender}"
