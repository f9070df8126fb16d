"""The rows that lists and services read: operations, what they plan and hold, and what they have asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from django.contrib.gis.geos import Polygon
from django.db.models import Q, QuerySet

from apps.core.geometry import SRID
from apps.core.types import BBox
from apps.operations.models import Approval, AssignedAsset, Operation, OperationKind, Volume
from apps.operations.types import OVER


def operations_matching(
    operations: QuerySet[Operation],
    *,
    state: str | None = None,
    is_over: bool | None = None,
    kind: str | None = None,
    organisation_id: UUID | None = None,
    asset_id: UUID | None = None,
    valid_at: datetime | None = None,
    bbox: BBox | None = None,
    q: str | None = None,
) -> QuerySet[Operation]:
    """Return the operations that meet every condition given. ``q`` is looked for in titles and descriptions."""
    known = {"state": state, "kind__slug": kind, "organisation_id": organisation_id}
    operations = operations.filter(**{name: value for name, value in known.items() if value is not None})
    if is_over is not None:
        operations = operations.filter(state_category=OVER) if is_over else operations.exclude(state_category=OVER)
    if asset_id is not None:
        operations = operations.filter(pk__in=AssignedAsset.objects.filter(asset=asset_id).values("operation"))
    if valid_at is not None:
        operations = operations.filter(starts_at__lte=valid_at, ends_at__gte=valid_at)
    if bbox is not None:
        operations = operations.filter(_touches(bbox))
    if q:
        operations = operations.filter(Q(title__icontains=q) | Q(description__icontains=q))
    return operations


def find_operation_kind(slug: str) -> OperationKind | None:
    """Return the kind of that slug, if there is one."""
    return OperationKind.objects.filter(slug=slug).first()


def volumes_of(operation_ids: Iterable[UUID]) -> dict[UUID, list[Volume]]:
    """Return the volumes of operations as they were planned, by operation, in their order; one statement."""
    found: dict[UUID, list[Volume]] = {}
    for volume in Volume.objects.filter(operation__in=list(operation_ids)).order_by("operation", "number"):
        found.setdefault(volume.operation_id, []).append(volume)
    return found


def assigned_asset_ids(operation_ids: Iterable[UUID]) -> Mapping[UUID, list[UUID]]:
    """Return the assets that take part in operations, by operation; one statement."""
    found: dict[UUID, list[UUID]] = {}
    rows = AssignedAsset.objects.filter(operation__in=list(operation_ids)).order_by("id")
    for operation_id, asset_id in rows.values_list("operation_id", "asset_id"):
        found.setdefault(operation_id, []).append(asset_id)
    return found


def approvals_of(operation_id: UUID) -> QuerySet[Approval]:
    """Return what an operation has asked for, in the order of asking."""
    return Approval.objects.filter(operation=operation_id).order_by("id")


def approvals_matching(
    approvals: QuerySet[Approval],
    *,
    decision: str | None = None,
    organisation_id: UUID | None = None,
    operation_id: UUID | None = None,
) -> QuerySet[Approval]:
    """Return the approvals that meet every condition given."""
    known = {"decision": decision, "organisation_id": organisation_id, "operation_id": operation_id}
    return approvals.filter(**{name: value for name, value in known.items() if value is not None})


def _touches(bbox: BBox) -> Q:
    """Return the condition of touching a box, which is two boxes where it crosses the antimeridian."""
    if bbox.west <= bbox.east:
        return Q(area__intersects=_box(bbox.west, bbox.south, bbox.east, bbox.north))
    return Q(area__intersects=_box(bbox.west, bbox.south, 180.0, bbox.north)) | Q(
        area__intersects=_box(-180.0, bbox.south, bbox.east, bbox.north)
    )


def _box(west: float, south: float, east: float, north: float) -> Polygon:
    box = Polygon.from_bbox((west, south, east, north))
    box.srid = SRID
    return box
