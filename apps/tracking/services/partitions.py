"""The partitions of positions: made ahead of time, dropped when they are older than we keep, and the default emptied.

Every change of the table is a transaction of its own with a short lock timeout: ingest never waits for more than a
moment, and what could not be done now is done at the next tick.
"""

from __future__ import annotations

import re
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Final

import structlog
from django.conf import settings
from django.db import OperationalError, ProgrammingError, connection, transaction
from django.db.backends.utils import CursorWrapper
from psycopg import sql

from apps.tracking.services.quarantine import forget_quarantined

TABLE: Final = "tracking_position"
WIDTHS: Final = {"day": timedelta(days=1), "hour": timedelta(hours=1)}
NAMES: Final = {"day": "%Y%m%d", "hour": "%Y%m%d_%H"}
AHEAD: Final = 3
QUARANTINE_KEPT: Final = timedelta(days=30)
PARTITIONS_LOCK: Final = 0x77665F7061727473  # «wf_parts»

_BOUNDS: Final = re.compile(r"FROM \('([^']+)'\) TO \('([^']+)'\)")
_EXISTING: Final = """
SELECT child.relname, pg_get_expr(child.relpartbound, child.oid) FROM pg_inherits
JOIN pg_class AS child ON child.oid = inhrelid WHERE inhparent = 'tracking_position'::regclass
"""
_STRAYS: Final = "SELECT DISTINCT date_trunc(%s, fixed_at, 'UTC') FROM tracking_position_default"
_START: Final = "SELECT date_trunc(%s, %s::timestamptz, 'UTC')"
_FORGET_STRAYS: Final = "DELETE FROM tracking_position_default WHERE fixed_at < %s"
_FORGET_STAYS: Final = """
DELETE FROM tracking_stay WHERE left_at < %s
    OR left_at IS NULL AND NOT EXISTS (SELECT FROM tracking_presence AS p WHERE p.asset_id = tracking_stay.asset_id)
"""
# The table is made apart and attached, which locks the whole for a moment only. The default partition is locked before
# fixes are taken out of it, so that none arrives behind our back.
_CREATE: Final = sql.SQL(
    "CREATE TABLE {name} (LIKE tracking_position INCLUDING ALL); "
    "LOCK TABLE tracking_position_default IN ACCESS EXCLUSIVE MODE"
)
_MOVE: Final = sql.SQL(
    "WITH stray AS (DELETE FROM tracking_position_default WHERE fixed_at >= {start} AND fixed_at < {end} RETURNING *) "
    "INSERT INTO {name} SELECT * FROM stray"
)
_ATTACH: Final = sql.SQL("ALTER TABLE tracking_position ATTACH PARTITION {name} FOR VALUES FROM ({start}) TO ({end})")
_DROP: Final = sql.SQL("DROP TABLE {name}")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """One partition and the instants that it holds, ``[start, end)``."""

    name: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionReport:
    """What one round of maintenance did; ``moved`` counts fixes taken out of the default partition."""

    created: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    moved: int = 0
    forgotten: int = 0


def maintain_partitions(at: datetime) -> PartitionReport:
    """Make the partitions that will be needed, drop those that are no longer kept, and empty the default one.

    Safe to run twice and by two at once; what a reader or writer holds for too long is left for the next time.
    """
    cutoff = at - settings.WATCHFLOOR.position_retention
    dropped = [old.name for old in existing_partitions() if old.end <= cutoff and _drop(old)]
    forgotten = _forget(cutoff, at)
    created, moved = [], 0
    for wanted in _wanted(at):
        took = _create(wanted)
        if took is not None:
            created.append(wanted.name)
            moved += took
    return PartitionReport(created=tuple(created), dropped=tuple(dropped), moved=moved, forgotten=forgotten)


def existing_partitions() -> list[Partition]:
    """Return the partitions that there are, the default one left out, in the order of their instants."""
    with connection.cursor() as cursor:
        cursor.execute(_EXISTING)
        rows = cursor.fetchall()
    found = [(name, _BOUNDS.search(bounds)) for name, bounds in rows]
    partitions = [
        Partition(name=name, start=_instant(match[1]), end=_instant(match[2])) for name, match in found if match
    ]
    return sorted(partitions, key=lambda partition: partition.start)


def _wanted(at: datetime) -> list[Partition]:
    """Return the partitions that are missing: from now on ahead, and wherever fixes lie in the default one.

    After a change of width the old partitions stay until they are dropped; no new one may overlap them.
    """
    unit = settings.WATCHFLOOR.position_partition
    width = WIDTHS[unit]
    with connection.cursor() as cursor:
        cursor.execute(_STRAYS, [unit])
        starts = {row[0] for row in cursor.fetchall()}
        cursor.execute(_START, [unit, at])
        now = cursor.fetchall()[0][0]
    starts |= {now + number * width for number in range(AHEAD + 1)}
    taken = existing_partitions()
    return [
        Partition(name=f"{TABLE}_{start:{NAMES[unit]}}", start=start, end=start + width)
        for start in sorted(starts)
        if not any(other.start < start + width and start < other.end for other in taken)
    ]


def _create(partition: Partition) -> int | None:
    """Make one partition of the fixes that lie in the default one; return how many, ``None`` if not now."""
    start, end = sql.Literal(partition.start.isoformat()), sql.Literal(partition.end.isoformat())
    parts = {"name": sql.Identifier(partition.name), "start": start, "end": end}
    with _changing_tables(partition) as cursor:
        cursor.execute(_CREATE.format(**parts))
        cursor.execute(_MOVE.format(**parts))
        moved = int(cursor.rowcount)
        cursor.execute(_ATTACH.format(**parts))
        return moved
    return None


def _drop(partition: Partition) -> bool:
    with _changing_tables(partition) as cursor:
        cursor.execute(_DROP.format(name=sql.Identifier(partition.name)))
        return True
    return False


@transaction.atomic
def _forget(cutoff: datetime, at: datetime) -> int:
    """Delete what is older than we keep and lies in no partition of its own: strays, stays, the quarantine."""
    with connection.cursor() as cursor:
        cursor.execute(_FORGET_STRAYS, [cutoff])
        forgotten = int(cursor.rowcount)
        cursor.execute(_FORGET_STAYS, [cutoff])
        forgotten += int(cursor.rowcount)
    return forgotten + forget_quarantined(at - QUARANTINE_KEPT)


class _changing_tables(AbstractContextManager[CursorWrapper]):  # noqa: N801  read as what is being done
    """A transaction that changes tables: alone among its kind, and given up rather than kept waiting."""

    def __init__(self, partition: Partition) -> None:
        self._partition = partition
        self._transaction = transaction.atomic()

    def __enter__(self) -> CursorWrapper:
        self._transaction.__enter__()
        cursor = connection.cursor()
        cursor.execute("SET LOCAL lock_timeout = '2s'")
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [PARTITIONS_LOCK])
        return cursor

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self._transaction.__exit__(kind, error, trace)
        if not isinstance(error, (OperationalError, ProgrammingError)):
            return False
        # Somebody holds the table for too long, or another clock was faster.
        log.warning("tracking.partition_postponed", partition=self._partition.name, error=str(error).strip())
        return True


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
