"""The table of kinds: reference data that says who gives way, who is asked, and what still conforms."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.db.models import Q

from apps.core.models import Row

SLUG = r"^[a-z0-9]+(?:[-_][a-z0-9]+)*$"
COLOUR = r"^#[0-9a-f]{6}$"
HIGHEST_PRIORITY = 100


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
        default=False,
        help_text="May share space with an operation of equal priority whose kind may do so too. Where this is taken "
        "back, those that share are put in review until the organisation of the other agrees; whoever is under way is "
        "told.",
    )
    is_reviewed = models.BooleanField(
        "reviewed",
        default=False,
        help_text="Every organisation has to approve its own of this kind, beside what its review rules ask for. Where "
        "this changes, what is in review follows; what is approved stays approved.",
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
