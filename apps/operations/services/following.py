"""Follows the assets of operations that run: what their fixes say is written down, and moves the operation.

Called for every batch of fixes, in its transaction: an operation no longer conforms exactly when the fixes that show
it are stored. An asset of which nothing more is heard is left to the clock.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import structlog
from django.db import IntegrityError, connection, transaction

from apps.access.types import SYSTEM
from apps.core.sweep import work_through
from apps.core.types import Fix, WatchfloorError
from apps.lifecycle.services import advance
from apps.lifecycle.types import Cause
from apps.operations.models import AssignedAsset, Operation
from apps.operations.queries.running import RunningOperations, running_operations
from apps.operations.rules.following import Keeping, Move, Running, follow, strays_at
from apps.operations.types import RUNNING

BATCH: Final = 100
DEVIATE: Final = "deviate"
RECOVER: Final = "recover"
STRAYED: Final = "An asset was outside for as long as its kind allows."
BACK: Final = "All assets are inside again."

# Operations first, as everybody locks them who changes which assets take part.
_HELD: Final = """
SELECT operation.id, operation.state, assigned.asset_id, assigned.followed_at, assigned.reached_at,
       assigned.outside_since, assigned.distance_m, assigned.progress
FROM operations_operation AS operation JOIN operations_assignedasset AS assigned ON assigned.operation_id = operation.id
WHERE operation.id = ANY(%s)
ORDER BY operation.id, assigned.id
FOR NO KEY UPDATE OF operation, assigned
"""
_KEEP: Final = """
UPDATE operations_assignedasset AS assigned SET followed_at = told.followed_at, reached_at = told.reached_at,
    outside_since = told.outside_since, distance_m = told.distance_m, progress = told.progress
FROM unnest(%s::uuid[], %s::uuid[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::float8[], %s::float8[])
    AS told (operation_id, asset_id, followed_at, reached_at, outside_since, distance_m, progress)
WHERE assigned.operation_id = told.operation_id AND assigned.asset_id = told.asset_id
"""

log = structlog.get_logger(__name__)


def follow_assets(fixes: Mapping[UUID, Sequence[Fix]], running: RunningOperations) -> None:
    """Compare fixes, by asset and in the order of their instants, with the operations that the assets take part in.

    ``running`` is true of this transaction. In the name of the system, in the caller's transaction.
    """
    concerned: defaultdict[UUID, list[tuple[UUID, Fix]]] = defaultdict(list)
    for asset_id, some in fixes.items():
        for operation_id in running.of_asset(asset_id):
            concerned[operation_id] += [(asset_id, fix) for fix in some]
    if not concerned:
        return
    states, held = _lock(concerned)
    for operation_id, seen in concerned.items():
        keepings, state = held.get(operation_id, {}), states.get(operation_id)
        ordered = sorted((each for each in seen if each[0] in keepings), key=lambda each: each[1].fixed_at)
        if state in RUNNING and ordered:
            _follow_one(running.by_id[operation_id], keepings, ordered, conforms=state == "active")


def move_strays(at: datetime) -> int:
    """Move operations whose assets were last seen outside, too long ago; return how many. A tick: safe to run twice."""
    outside = AssignedAsset.objects.filter(outside_since__lte=at, operation__state="active")
    running = running_operations()
    due = {
        operation_id
        for operation_id, since in outside.values_list("operation_id", "outside_since")
        if since and operation_id in running.by_id and since + running.by_id[operation_id].nonconforming_after <= at
    }
    return work_through(sorted(due)[:BATCH], lambda ids: _move_all(ids, running, at), _blame)


@transaction.atomic
def _move_all(ids: Iterable[UUID], running: RunningOperations, at: datetime) -> int:
    states, held = _lock(ids)
    moved = 0
    for operation_id, keepings in held.items():
        strayed_at = strays_at(keepings.values(), running.by_id[operation_id].nonconforming_after)
        if states[operation_id] == "active" and strayed_at is not None and strayed_at <= at:
            _move(operation_id, [Move(conforms=False, at=strayed_at)])
            moved += 1
    return moved


def _follow_one(
    running: Running, keepings: dict[UUID, Keeping], fixes: Sequence[tuple[UUID, Fix]], *, conforms: bool
) -> None:
    before = dict(keepings)
    moves = follow(running, keepings, fixes, conforms=conforms)
    changed = [(running.id, asset_id, each) for asset_id, each in keepings.items() if each != before[asset_id]]
    if changed:
        rows = [
            (
                operation_id,
                asset_id,
                each.followed_at,
                each.reached_at,
                each.outside_since,
                each.distance_m,
                each.progress,
            )
            for operation_id, asset_id, each in changed
        ]
        with connection.cursor() as cursor:
            cursor.execute(_KEEP, [list(column) for column in zip(*rows, strict=True)])
    if moves:
        _move(running.id, moves)


def _move(operation_id: UUID, moves: Sequence[Move]) -> None:
    """Move an operation as far as its lifecycle lets it: fixes are stored also where a definition has no such move."""
    operation = Operation.objects.select_related("kind", "organisation").get(pk=operation_id)
    for move in moves:
        name, reason = (RECOVER, BACK) if move.conforms else (DEVIATE, STRAYED)
        try:
            with transaction.atomic():
                operation = advance(operation, name, actor=SYSTEM, at=move.at, reason=reason, cause=Cause.RULE)
        except (WatchfloorError, IntegrityError) as error:
            log.warning("operations.not_moved", operation_id=str(operation_id), move=name, error=str(error))


def _lock(operation_ids: Iterable[UUID]) -> tuple[dict[UUID, str], dict[UUID, dict[UUID, Keeping]]]:
    """Lock operations and their assets; return their states, and how each asset keeps to them."""
    states: dict[UUID, str] = {}
    held: defaultdict[UUID, dict[UUID, Keeping]] = defaultdict(dict)
    with connection.cursor() as cursor:
        cursor.execute(_HELD, [sorted(operation_ids)])
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    for operation_id, state, asset_id, *columns in rows:
        states[operation_id] = state
        followed_at, reached_at, outside_since, distance_m, progress = columns
        held[operation_id][asset_id] = Keeping(
            followed_at=followed_at,
            reached_at=reached_at,
            outside_since=outside_since,
            distance_m=distance_m,
            progress=progress,
        )
    return states, held


def _blame(operation_id: UUID, error: Exception) -> None:
    log.error("operations.stray_not_moved", operation_id=str(operation_id), exc_info=error)
