"""Space is held and freed here, and nowhere else: two that overlap never both succeed (decision 0010).

Whoever wants to hold looks first without any lock, which settles most refusals. Then he locks every cell of the earth
that his volumes touch, day by day, in one order for all; looks again, and now nobody can come between; and holds. Who
is refused then gives the locks back before he works out what to answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from apps.access.types import Actor
from apps.core.prepared import all_rows
from apps.operations.models import Operation, Volume
from apps.operations.queries import (
    conflicts_shown,
    find_conflicts,
    free_window_shown,
    free_windows,
    judge,
    sees_plan,
    volumes_held,
    volumes_of,
)
from apps.operations.rules.cells import boxes_of, cells_of, metres_of
from apps.operations.types import HOLDING, Judgement, SpaceConflict, Volume4D

TAKEN: Final = "Others hold some of this space at this time."
# One lock after the other: the shared one, then each in the order of the arrays.
_LOCK_EACH: Final = """
SELECT pg_advisory_xact_lock_shared(-1, 0)
UNION ALL
SELECT pg_advisory_xact_lock(cell.place, cell.day) FROM unnest(%s::int[], %s::int[]) AS cell (place, day)
"""
_LOCK_ALL: Final = "SELECT pg_advisory_xact_lock(-1, 0)"
_IDLE: Final = """
SELECT DISTINCT operation_id FROM operations_occupancy WHERE operation_id = ANY(%s) AND NOT holds ORDER BY operation_id
"""
_HOLD: Final = "UPDATE operations_occupancy SET holds = true WHERE operation_id = %s AND NOT holds"
_FREE: Final = "UPDATE operations_occupancy SET holds = false WHERE operation_id = ANY(%s) AND holds"
_INSERT: Final = """
INSERT INTO operations_occupancy (operation_id, volume_id, box, altitude, during, holds)
SELECT %s, volume_id, ST_MakeEnvelope(west, south, east, north, 4326), int4range(lowest, highest, '[]'),
       tstzrange(starts_at, ends_at, '[]'), %s
FROM unnest(%s::uuid[], %s::float8[], %s::float8[], %s::float8[], %s::float8[], %s::int[], %s::int[],
            %s::timestamptz[], %s::timestamptz[])
     AS new (volume_id, west, south, east, north, lowest, highest, starts_at, ends_at)
"""


def keep_space(operations: Sequence[Operation], actor: Actor, at: datetime) -> None:
    """Hold or free the space of operations that the lifecycle engine has moved, as their states say.

    A part of every move, by whomever it is made: one that would hold what others hold raises ``SpaceConflict``.
    """
    resting = [each.pk for each in operations if each.state not in HOLDING]
    holding = {each.pk: each for each in operations if each.state in HOLDING}
    if resting:
        with connection.cursor() as cursor:
            cursor.execute(_FREE, [resting])
    wanted = {operation_id: volumes_held(operation_id) for (operation_id,) in all_rows(_IDLE, [list(holding)])}
    if not wanted:
        return
    try:
        for operation_id, volumes in wanted.items():
            _look_first(holding[operation_id], volumes)
        with transaction.atomic():
            # All at once, in one order, and one after the other: those that move together may be in each other's way.
            lock_cells([each for volumes in wanted.values() for each in volumes])
            for operation_id, volumes in wanted.items():
                _refuse_if_taken(holding[operation_id], volumes)
                with connection.cursor() as cursor:
                    cursor.execute(_HOLD, [operation_id])
    except _TakenError as taken:
        raise _conflict(taken, actor) from None


def require_free(operation: Operation, volumes: Sequence[Volume4D], *, actor: Actor) -> None:
    """Return when nothing refuses these volumes to an operation, and nothing will before the transaction ends.

    Locks their cells. The caller holds the operation's row. Raises ``SpaceConflict``.
    """
    try:
        _look_first(operation, volumes)
        with transaction.atomic():
            lock_cells(volumes)
            _refuse_if_taken(operation, volumes)
    except _TakenError as taken:
        raise _conflict(taken, actor) from None


def _look_first(operation: Operation, volumes: Sequence[Volume4D]) -> None:
    """Refuse without a lock where something is in the way already: it has been committed, so that is final."""
    if find_conflicts(volumes, besides=operation.pk):
        _refuse_if_taken(operation, volumes)


def judgement_of(operation: Operation, volumes: Sequence[Volume4D]) -> Judgement:
    """Return all that bears on volumes of an operation; its own space is in nobody's way."""
    return judge(volumes, standing=operation.standing, organisation_id=operation.organisation_id, besides=operation.pk)


def lock_cells(volumes: Sequence[Volume4D]) -> None:
    """Lock the cells of these volumes until the transaction ends, in the order in which everybody locks them.

    In statements of their own: what is read afterwards has been committed by whoever held them before. Whoever touches
    too many cells locks all there are. Each also shares one lock, by which zones wait for whoever is under way.
    """
    if not volumes:
        return
    cells = cells_of(volumes)
    with connection.cursor() as cursor:
        if cells is None:
            cursor.execute(_LOCK_ALL)
        else:
            cursor.execute(_LOCK_EACH, [[cell.place for cell in cells], [cell.day for cell in cells]])


def wait_for_others() -> None:
    """Return when everybody who was about to hold space has done so, or not; call it in a transaction of its own."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_ALL)


def insert_occupancies(
    operation_id: UUID, planned: Sequence[Volume], times: Sequence[Volume4D], *, holds: bool
) -> None:
    """Write down every time of the volumes of an operation; one statement."""
    ids = {volume.number: volume.pk for volume in planned}
    rows = [
        (ids[each.number], *box, *metres_of(each.band), each.during.start, each.during.end)
        for each in times
        for box in boxes_of(each.footprint)
    ]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [operation_id, holds, *map(list, zip(*rows, strict=True))])


class _TakenError(Exception):
    """Something refuses volumes to an operation. The locks under which that was seen go with the savepoint."""

    def __init__(self, operation: Operation, volumes: Sequence[Volume4D], judgement: Judgement) -> None:
        super().__init__(TAKEN)
        self.operation, self.volumes, self.judgement = operation, volumes, judgement


def _refuse_if_taken(operation: Operation, volumes: Sequence[Volume4D]) -> None:
    """Raise where something refuses these volumes to an operation as things stand now."""
    judgement = judgement_of(operation, volumes)
    if judgement.is_refused:
        raise _TakenError(operation, volumes, judgement)


def _conflict(taken: _TakenError, actor: Actor) -> SpaceConflict:
    """Return what whoever is refused is told: what is in the way, and where the same volumes would be free."""
    conflicts = conflicts_shown(taken.judgement, taken.volumes, actor)
    return SpaceConflict(TAKEN, details={"conflicts": conflicts, "free": _free_for(taken.operation, actor)})


def _free_for(operation: Operation, actor: Actor) -> list[dict[str, Any]]:
    """Return where the plan of an operation would be free, as it may be shown; that tells where it is now."""
    if not sees_plan(operation, actor):
        return []
    windows = free_windows(
        [each.planned for each in volumes_of([operation.pk])[operation.pk]],
        standing=operation.standing,
        organisation_id=operation.organisation_id,
        besides=operation.pk,
    )
    return [free_window_shown(each) for each in windows]
