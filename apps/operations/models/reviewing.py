"""The tables of who has to agree: approvals, the rules that ask for them, and what is still to be followed."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from apps.core.models import Row, Token
from apps.operations.models.kinds import OperationKind
from apps.operations.models.operations import Operation
from apps.operations.types import Decision, Reason

REASONS = [
    (Reason.ZONE.value, "the zone needs its owner's authorisation"),
    (Reason.ORGANISATION.value, "its own organisation reviews operations of this kind"),
    (Reason.RULE.value, "a rule of the organisation reviews it"),
    (Reason.NOT_COMPARABLE.value, "the heights of another operation cannot be compared"),
    (Reason.NOT_SHARED.value, "it may not share its space with another operation any more"),
]
DECISIONS = [(each.value, each.value) for each in Decision]


class ReviewRule(Row):
    """A rule by which an organisation reviews operations: its own, and those of every organisation below it.

    ``condition`` is CQL2 text over what an operation says of itself; an empty one holds for all. One that cannot be
    read any more does too: nothing goes by unseen.
    """

    organisation = models.ForeignKey("access.Organisation", on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    condition = models.TextField(blank=True)
    is_enabled = models.BooleanField("enabled", default=True)

    class Meta:
        verbose_name = "review rule"
        ordering = ("name", "id")
        constraints = (
            models.UniqueConstraint("organisation", Lower("name"), name="review_rule_name_once"),
            models.CheckConstraint(name="review_rule_has_name", condition=~Q(name="")),
        )

    def __str__(self) -> str:
        return self.name


class ReviewRuleSet(Token):
    """One row: changes whenever a review rule, a kind that is reviewed, or the tree of organisations does."""

    class Meta:
        constraints = (models.CheckConstraint(name="review_rule_set_is_one_row", condition=Q(id=1)),)


class Approval(Row):
    """That an organisation has to agree to an operation, why, and what it said.

    It belongs to the organisation that is asked, which sees by it what it is asked about. ``zone_id``, ``rule_id`` and
    ``other_id`` (an operation of its own) say what it is asked for; they have no foreign key, since an answer outlives
    them all. The names are what they were called when it was asked; ``other_version`` is with which version of the
    other operation this was compared last.
    """

    organisation = models.ForeignKey("access.Organisation", on_delete=models.PROTECT, related_name="+")
    operation = models.ForeignKey(Operation, on_delete=models.CASCADE, related_name="approvals")
    reason = models.CharField(max_length=16, choices=REASONS)
    zone_id = models.UUIDField(null=True, editable=False)
    zone_name = models.CharField("zone", max_length=200, blank=True, editable=False)
    rule_id = models.UUIDField(null=True, editable=False)
    rule_name = models.CharField("rule", max_length=200, blank=True, default="", db_default="", editable=False)
    other_id = models.UUIDField(null=True, editable=False)
    other_version = models.PositiveIntegerField(null=True, editable=False)
    decision = models.CharField(max_length=8, choices=DECISIONS, default=Decision.OPEN)
    note = models.TextField(blank=True)
    decided_by = models.CharField(max_length=200, blank=True, editable=False)
    decided_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["id"]
        permissions = (("decide_approval", "Can decide on approval"),)
        constraints = (
            models.UniqueConstraint(
                fields=["operation", "organisation", "reason", "zone_id", "rule_id", "other_id"],
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


class KindChange(models.Model):
    """That a kind came to share space, or to share it no more: a row until all have followed whom that bears on.

    ``after`` is the last operation that has, in the order of their keys.
    """

    id = models.BigAutoField(primary_key=True)
    kind = models.ForeignKey(OperationKind, on_delete=models.CASCADE, related_name="+")
    after = models.UUIDField(null=True)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.kind_id} after {self.after}"


class ZoneReader(models.Model):
    """How far the log has been read for zones that were made or changed: one row, locked while reading."""

    singleton = models.BooleanField(primary_key=True, default=True)
    offset = models.BigIntegerField()

    class Meta:
        constraints = (models.CheckConstraint(name="zone_reader_is_one_row", condition=Q(singleton=True)),)

    def __str__(self) -> str:
        return str(self.offset)
