"""How an operation keeps to its plan, as far as somebody may follow the assets that this is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeVar
from uuid import UUID

from django.db.models import QuerySet

from apps.access.queries import visible_in_full
from apps.access.types import Actor
from apps.assets.models import Asset
from apps.operations.models import AssignedAsset, Intrusion, Operation
from apps.operations.rules.following import late_by, overrun_by
from apps.operations.types import RUNNING

TRACK: Final = "assets.track"
A = TypeVar("A", AssignedAsset, Intrusion)
# States of which a planned end is behind or ahead: elsewhere nothing overruns.
HAVE_RUN: Final = RUNNING | {"ended"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetConformance:
    """How one asset keeps to an operation; ``is_inside`` is not known where no volume was in force."""

    asset_id: UUID
    followed_at: datetime | None
    is_inside: bool | None
    outside_since: datetime | None
    distance_m: float | None
    progress: float | None
    reached_at: datetime | None
    late_by: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Conformance:
    """How an operation keeps to its plan: its own assets, who intrudes, and for how long it goes on beyond its end."""

    overrun: timedelta
    assets: Sequence[AssetConformance]
    intrusions: Sequence[Intrusion]


def conformance_of(operation: Operation, actor: Actor, *, at: datetime) -> Conformance:
    """Return how an operation keeps to its plan at an instant; for whoever may see all of the plan."""
    followed = tracked_only(AssignedAsset.objects.filter(operation=operation), actor).order_by("id")
    # Nothing intrudes on what does not run, also where the asset has not been seen since.
    going_on = Intrusion.objects.filter(operation=operation, left_at=None, operation__state__in=RUNNING)
    has_run = operation.state in HAVE_RUN
    return Conformance(
        overrun=overrun_by(operation.ends_at, operation.closed_at, at) if has_run else timedelta(0),
        assets=[_of_asset(each, operation, at) for each in followed],
        intrusions=list(tracked_only(going_on, actor).order_by("id")),
    )


def tracked_only(rows: QuerySet[A], actor: Actor) -> QuerySet[A]:
    """Return the rows about assets that the actor may track exactly and at once.

    Where an asset is beside a volume tells where it is, so whoever sees it coarsened or late is not told.
    """
    assets = visible_in_full(Asset.objects.filter(pk__in=rows.values("asset")), actor, TRACK)
    return rows.filter(asset__in=assets.values("pk"))


def _of_asset(assigned: AssignedAsset, operation: Operation, at: datetime) -> AssetConformance:
    return AssetConformance(
        asset_id=assigned.asset_id,
        followed_at=assigned.followed_at,
        is_inside=None if assigned.distance_m is None else assigned.outside_since is None,
        outside_since=assigned.outside_since,
        distance_m=assigned.distance_m,
        progress=assigned.progress,
        reached_at=assigned.reached_at,
        late_by=late_by(operation.starts_at, assigned.reached_at, min(at, operation.closed_at or at)),
    )
