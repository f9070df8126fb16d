"""Follows the assets of operations that run: what their fixes say is written down, and moves the operation.

Called for every batch of fixes, in its transaction: an operation no longer conforms exactly when the fixes that show
it are stored. An asset of which nothing more is heard is left to the clock.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import structlog
from django.db import IntegrityError, connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from apps.access.types import SYSTEM
from apps.core.sweep import work_through
from apps.core.types import Fix, WatchfloorError
from apps.lifecycle.queries import history_of
from apps.lifecycle.services import advance
from apps.lifecycle.types import Cause
from apps.operations.models import AssignedAsset, Operation
from apps.operations.queries.running import RunningOperations, running_operations
from apps.operations.rules.following import Keeping, Move, Running, follow, strays_at
from apps.operations.types import RUNNING

BATCH: Final = 100
CONTINGENT: Final = "contingent"
ASTRAY: Final = frozenset({"nonconforming", CONTINGENT})
DEVIATE: Final = "deviate"
RECOVER: Final = "recover"
STRAYED: Final = "An asset was outside for as long as its kind allows."
BACK: Final = "All assets are inside again."

# Operations first, as everybody locks them who changes which assets take part.
_HELD: Final = """
SELECT operation.id, operation.state, operation.state_since, assigned.asset_id, assigned.followed_at,
       assigned.reached_at, assigned.outside_since, assigned.distance_m, assigned.progress
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


@dataclass(slots=True)
class _Held:
    """A locked operation: its state, since when it is in it, and how each of its assets keeps to it."""

    state: str
    since: datetime
    keepings: dict[UUID, Keeping] = field(default_factory=dict)


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
    for operation_id, held in _lock(concerned).items():
        seen = concerned[operation_id]
        ordered = sorted((each for each in seen if each[0] in held.keepings), key=lambda each: each[1].fixed_at)
        if held.state in RUNNING and ordered:
            _follow_one(running.by_id[operation_id], held, ordered)


def move_strays(at: datetime) -> int:
    """Move operations whose assets were last seen outside, too long ago, and those that nobody is outside of any more.

    Return how many. Of whoever was outside nothing may be heard any more, or it may take part no longer. A tick: safe
    to run twice.
    """
    running = running_operations()
    outside = AssignedAsset.objects.filter(outside_since__lte=at, operation__state="active")
    strayed = {
        operation_id
        for operation_id, since in outside.values_list("operation_id", "outside_since")
        if since and operation_id in running.by_id and since + running.by_id[operation_id].nonconforming_after <= at
    }
    due = sorted(strayed.union(_back().values_list("pk", flat=True)).intersection(running.by_id))
    return sum(
        work_through(due[first : first + BATCH], lambda ids: _move_all(ids, running, at), _blame)
        for first in range(0, len(due), BATCH)
    )


def _back() -> QuerySet[Operation]:
    """Return the operations that do not conform although each of their assets is known to be inside."""
    assigned = AssignedAsset.objects.filter(operation=OuterRef("pk"))
    unsure = assigned.filter(Q(outside_since__isnull=False) | Q(distance_m=None))
    return Operation.objects.filter(Exists(assigned), ~Exists(unsure), state__in=ASTRAY)


@transaction.atomic
def _move_all(ids: Iterable[UUID], running: RunningOperations, at: datetime) -> int:
    return sum(_move_one(running.by_id[operation_id], held, at) for operation_id, held in _lock(ids).items())


def _move_one(running: Running, held: _Held, at: datetime) -> bool:
    """Say whether an operation moves by what is known of its assets, as time passes."""
    strayed_at = strays_at(held.keepings.values(), running.nonconforming_after, held.since)
    if held.state == "active" and strayed_at is not None and strayed_at <= at:
        return _move(running.id, held.state, [Move(conforms=False, at=strayed_at)])
    if held.state in ASTRAY and all(each.distance_m is not None for each in held.keepings.values()):
        return strayed_at is None and _move(running.id, held.state, [Move(conforms=True, at=at)])
    return False


def _follow_one(running: Running, held: _Held, fixes: Sequence[tuple[UUID, Fix]]) -> None:
    keepings, before = held.keepings, dict(held.keepings)
    moves = follow(running, keepings, fixes, conforms=held.state == "active", since=held.since)
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
        _move(running.id, held.state, moves)


def _move(operation_id: UUID, state: str, moves: Sequence[Move]) -> bool:
    """Move an operation as far as its lifecycle lets it: fixes are stored also where a definition has no such move.

    What somebody has declared by hand, somebody takes back by hand.
    """
    if state == CONTINGENT and _was_declared(operation_id):
        return False
    operation = Operation.objects.select_related("kind", "organisation").get(pk=operation_id)
    for move in moves:
        name, reason = (RECOVER, BACK) if move.conforms else (DEVIATE, STRAYED)
        try:
            with transaction.atomic():
                operation = advance(operation, name, actor=SYSTEM, at=move.at, reason=reason, cause=Cause.RULE)
        except (WatchfloorError, IntegrityError) as error:
            log.warning("operations.not_moved", operation_id=str(operation_id), move=name, error=str(error))
    return True


def _was_declared(operation_id: UUID) -> bool:
    """Say whether the latest that happened to an operation was done by hand."""
    latest = history_of("operations", operation_id).last()
    return latest is not None and latest.cause == Cause.HAND


def _lock(operation_ids: Iterable[UUID]) -> dict[UUID, _Held]:
    """Lock operations and their assets; return what is known of those that have any."""
    found: dict[UUID, _Held] = {}
    with connection.cursor() as cursor:
        cursor.execute(_HELD, [sorted(operation_ids)])
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    for operation_id, state, since, asset_id, *columns in rows:
        held = found.setdefault(operation_id, _Held(state, since))
        followed_at, reached_at, outside_since, distance_m, progress = columns
        held.keepings[asset_id] = Keeping(
            followed_at=followed_at,
            reached_at=reached_at,
            outside_since=outside_since,
            distance_m=distance_m,
            progress=progress,
        )
    return found


def _blame(operation_id: UUID, error: Exception) -> None:
    log.error("operations.stray_not_moved", operation_id=str(operation_id), exc_info=error)
