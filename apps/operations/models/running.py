"""The tables of what runs: the assets that take part and how well they keep to it, and those that intrude."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from apps.core.models import Token
from apps.operations.models.operations import Operation


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
