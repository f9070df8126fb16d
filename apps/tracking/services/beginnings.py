"""Zones that come into force around assets that stand still: the clock sees them, while a fix may be hours away.

Who has been silent so long that contact is lost enters nothing: nobody knows whether it is still there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import product
from math import floor
from typing import Final
from uuid import UUID

from django.db import connection, transaction

from apps.assets.queries import asset_refs
from apps.assets.types import AssetRef
from apps.core.types import Datum, ZoneId
from apps.tracking.models import Presence as PresenceRow
from apps.tracking.rules.presence import surround
from apps.tracking.services.clock import BATCH, change_of, presence_of
from apps.tracking.services.detection import Change
from apps.tracking.services.recording import record
from apps.tracking.types import Connectivity
from apps.zones.queries import zone_index
from apps.zones.rules.index import ZoneIndex
from apps.zones.types import ZoneBegun

# How far back a clock looks that has just been started, and one whose zones have changed: a zone that is valid from
# now on is saved a moment later.
SLEPT_AT_MOST: Final = timedelta(days=1)
JUST_NOW: Final = timedelta(minutes=1)

# The boxes only. One scan of the presences for all zones that began at once, joined by whole degrees: 0.4 s for a
# million. Every fix would have to move an index on places, and zones begin far more rarely than assets move.
_IN_THE_BOXES: Final = """
SELECT asset_id, array_agg(begun.place)
FROM unnest(%s::int[], %s::uuid[], %s::timestamptz[], %s::float8[], %s::float8[], %s::float8[], %s::float8[],
            %s::float8[], %s::float8[])
     AS begun (place, zone_id, starts_at, west, south, east, north, column_deg, row_deg)
JOIN tracking_presence ON floor(lon) = column_deg AND floor(lat) = row_deg
WHERE lon BETWEEN west AND east AND lat BETWEEN south AND north
  AND fixed_at < starts_at AND connectivity <> 'lost' AND NOT zone_id = ANY(zone_ids)
GROUP BY asset_id
ORDER BY asset_id
"""


def look_at_beginnings(at: datetime) -> int:
    """Let assets enter the zones that have begun around them since the last look; return how many did. A tick.

    Safe to run twice, and in two processes.
    """
    index = zone_index()
    begun = index.begun(_seen.since(index.version, at), at)
    entered = 0
    if begun:
        candidates = _in_the_boxes(begun)
        for first in range(0, len(candidates), BATCH):
            entered += _enter(dict(candidates[first : first + BATCH]), begun, index, at)
    _seen.take(index.version, at)
    return entered


def _in_the_boxes(begun: Sequence[ZoneBegun]) -> list[tuple[UUID, list[int]]]:
    """Return the assets whose latest fix is older than a zone and in its box, with the places of these zones."""
    rows = [
        (place, each.ref.id, each.starts_at, *each.bounds, column_deg, row_deg)
        for place, each in enumerate(begun)
        for column_deg, row_deg in _degrees(each)
    ]
    with connection.cursor() as cursor:
        cursor.execute(_IN_THE_BOXES, [list(column) for column in zip(*rows, strict=True)])
        found: list[tuple[UUID, list[int]]] = cursor.fetchall()
    return found


def _degrees(zone: ZoneBegun) -> Iterator[tuple[int, int]]:
    """Yield the lower left corners of the whole degrees that a zone's box touches."""
    west, south, east, north = map(floor, zone.bounds)
    return product(range(west, east + 1), range(south, north + 1))


@transaction.atomic
def _enter(candidates: dict[UUID, list[int]], begun: Sequence[ZoneBegun], index: ZoneIndex, at: datetime) -> int:
    """Enter a batch of assets; what moved meanwhile is judged as it is now."""
    locked = PresenceRow.objects.filter(pk__in=list(candidates)).order_by("pk")
    rows = {row.asset_id: row for row in locked.select_for_update(of=("self",), no_key=True)}
    pairs = [
        (row, begun[place])
        for row in rows.values()
        for place in candidates[row.asset_id]
        if _is_candidate(row, begun[place])
    ]
    surrounded: defaultdict[UUID, dict[ZoneId, datetime]] = defaultdict(dict)
    for (row, zone), hits in zip(pairs, _hits(pairs, index), strict=True):
        if zone.ref in hits:
            surrounded[row.asset_id][zone.ref.id] = zone.starts_at
    changes: list[Change] = [
        change_of(rows[asset.id], asset, surround(presence_of(rows[asset.id]), entered))
        for asset in asset_refs(surrounded).values()
        if (entered := _in_contact(asset, rows[asset.id], surrounded[asset.id]))
    ]
    record(changes, index.find, at=at, is_clock=True)
    return len(changes)


def _in_contact(asset: AssetRef, row: PresenceRow, begun: dict[ZoneId, datetime]) -> dict[ZoneId, datetime]:
    """Return the zones at whose beginning the asset had not been lost; none for one that is out of service."""
    if not asset.is_active or row.fixed_at is None:
        return {}
    lost_at = row.fixed_at + asset.lost_after
    return {zone_id: starts_at for zone_id, starts_at in begun.items() if starts_at < lost_at}


def _is_candidate(row: PresenceRow, zone: ZoneBegun) -> bool:
    return (
        row.fixed_at is not None
        and row.fixed_at < zone.starts_at
        and row.connectivity != Connectivity.LOST
        and zone.ref.id not in row.zone_ids
    )


def _hits(pairs: Sequence[tuple[PresenceRow, ZoneBegun]], index: ZoneIndex) -> list[tuple[object, ...]]:
    """Return, for each pair, the zones that contain the place at the instant at which the zone began."""
    rows = [row for row, _ in pairs]
    return [
        tuple(refs)
        for refs in index.zones_hit(
            [row.lon or 0.0 for row in rows],
            [row.lat or 0.0 for row in rows],
            [row.altitude_m for row in rows],
            [Datum(row.altitude_datum) if row.altitude_datum else None for row in rows],
            [zone.starts_at for _, zone in pairs],
        )
    ]


class _Seen:
    """Until when this process has looked, and at which version of the zones."""

    def __init__(self) -> None:
        self.version: int | None = None
        self.until: datetime | None = None

    def since(self, version: int, at: datetime) -> datetime:
        """Return from when on to look for beginnings."""
        if self.until is None:
            return at - SLEPT_AT_MOST
        return self.until if version == self.version else min(self.until, at - JUST_NOW)

    def take(self, version: int, until: datetime) -> None:
        """Remember a look that is done."""
        self.version, self.until = version, until


_seen = _Seen()
