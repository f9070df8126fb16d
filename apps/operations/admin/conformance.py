"""How an operation keeps to its plan, on its page: its own assets, and those of others in its volumes."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from apps.access.staff import GuardedInline, actor_of_staff
from apps.core.clock import now
from apps.operations.models import AssignedAsset, Intrusion
from apps.operations.queries import tracked_only
from apps.operations.rules.following import late_by


class ConformanceInline(GuardedInline):
    """Where the assets are beside where they should be; of those that the person may track exactly and at once."""

    model = AssignedAsset
    verbose_name_plural = "how its assets keep to it"
    fields = ("asset_name", "seen", "whereabouts", "along", "reached")
    readonly_fields = fields
    hide_title = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[AssignedAsset]:
        """Return the assets that have been followed."""
        rows: QuerySet[Any] = super().get_queryset(request).filter(followed_at__isnull=False)
        return tracked_only(rows, actor_of_staff(request)).select_related("asset", "operation")

    @display(description="Asset")  # type: ignore[untyped-decorator]  # unfold
    def asset_name(self, assigned: AssignedAsset) -> str:
        """Return its name."""
        return assigned.asset.name

    @display(description="Last compared (UTC)")  # type: ignore[untyped-decorator]  # unfold
    def seen(self, assigned: AssignedAsset) -> str:
        """Return the instant of the latest fix that was compared."""
        return f"{assigned.followed_at:%Y-%m-%d %H:%M:%S}"

    @display(  # type: ignore[untyped-decorator]  # unfold
        description="Where", label={"inside": "success", "outside": "danger", "nothing in force": "info"}
    )
    def whereabouts(self, assigned: AssignedAsset) -> tuple[str, str]:
        """Return whether it is inside, or how far outside since when."""
        if assigned.distance_m is None:
            return "nothing in force", "nothing in force"
        if assigned.outside_since is None:
            return "inside", "inside"
        return "outside", f"{assigned.distance_m:,.0f} m outside since {assigned.outside_since:%H:%M:%S}"

    @display(description="Along")  # type: ignore[untyped-decorator]  # unfold
    def along(self, assigned: AssignedAsset) -> str:
        """Return how far along its corridor it is."""
        return "" if assigned.progress is None else f"{assigned.progress:.0%}"

    @display(description="First inside")  # type: ignore[untyped-decorator]  # unfold
    def reached(self, assigned: AssignedAsset) -> str:
        """Return when it was first inside, and how late that was."""
        operation = assigned.operation
        late = late_by(operation.starts_at, assigned.reached_at, min(now(), operation.closed_at or now()))
        minutes = f"{late.total_seconds() / 60:,.0f} min late"
        if assigned.reached_at is None:
            return f"not yet, {minutes}"
        return f"{assigned.reached_at:%H:%M:%S}" + (f", {minutes}" if late.total_seconds() >= 60 else "")


class IntrusionInline(GuardedInline):
    """Assets of others in its volumes, those that the person may track exactly and at once."""

    model = Intrusion
    verbose_name_plural = "in its way"
    fields = ("asset_name", "entered_at", "left_at")
    readonly_fields = fields
    hide_title = True
    per_page = 10

    def get_queryset(self, request: HttpRequest) -> QuerySet[Intrusion]:
        """Return them, the latest first."""
        rows: QuerySet[Any] = super().get_queryset(request)
        return tracked_only(rows, actor_of_staff(request)).select_related("asset").order_by("-id")

    @display(description="Asset")  # type: ignore[untyped-decorator]  # unfold
    def asset_name(self, intrusion: Intrusion) -> str:
        """Return its name."""
        return intrusion.asset.name
