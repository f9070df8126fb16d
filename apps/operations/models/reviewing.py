"""The tables of who has to agree: approvals, and how far zones were read."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from apps.core.models import Row
from apps.operations.models.operations import Operation
from apps.operations.types import Decision, Reason

REASONS = [
    (Reason.ZONE.value, "the zone needs its owner's authorisation"),
    (Reason.ORGANISATION.value, "its own organisation reviews operations of this kind"),
    (Reason.NOT_COMPARABLE.value, "the heights of another operation cannot be compared"),
]
DECISIONS = [(each.value, each.value) for each in Decision]


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
