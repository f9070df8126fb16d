"""The batch goes into the database: made into columns, stored by one statement, its answer read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from django.db import connection

from apps.core.types import AssetId, ZoneId
from apps.tracking.rules.presence import next_silence
from apps.tracking.services.admission import Batch
from apps.tracking.services.columns import Floats, Instants, Integers, Texts, Uuids, execute
from apps.tracking.services.known import Versions
from apps.tracking.services.statements import OPEN, STORE, VERSIONS
from apps.tracking.types import Connectivity, Presence, Stay


class HeldRow(NamedTuple):
    """A presence as the statement returns it: its stays are text, since most of them need not be read at all."""

    fixed_at: datetime | None
    connectivity: str
    zone_ids: str
    zone_since: str
    zone_dwelt: str

    def presence(self, asset_id: AssetId) -> Presence:
        """Return the presence as the rules take it."""
        columns = (self.zone_ids, self.zone_since, self.zone_dwelt)
        ids, since, dwelt = ([] if text == "{}" else text[1:-1].split(",") for text in columns)
        return Presence(
            asset_id=asset_id,
            fixed_at=self.fixed_at,
            connectivity=Connectivity(self.connectivity),
            stays=tuple(
                Stay(
                    zone_id=ZoneId(UUID(zone_id)), entered_at=_instant(entered_at), dwelt_at=_instant_or_none(dwelt_at)
                )
                for zone_id, entered_at, dwelt_at in zip(ids, since, dwelt, strict=True)
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The presences of a batch as they were before it, locked; and the rows that were stored already, by place.

    ``rows`` stand in the order of the batch's groups.
    """

    rows: Sequence[HeldRow]
    duplicates: frozenset[int]


class Stale(Exception):
    """What was kept in memory has changed since; the batch has to be taken in again."""


class Unseen(Exception):
    """Something of the batch has no row yet: presences, which are what it would be locked by, or sources."""

    def __init__(self, asset_ids: Iterable[AssetId], sources: Iterable[str]) -> None:
        super().__init__()
        self.asset_ids = sorted(asset_ids)
        self.sources = tuple(sources)


def store(batch: Batch, versions: Versions) -> Held:
    """Store the rows of a batch and move the presences; raises ``Stale`` or, if that is not why, ``Unseen``.

    Locks the presences until the end of the transaction.
    """
    rows: list[tuple[Any, ...]] = []
    if batch.rows:
        columns = _columns(batch) | _newest(batch) | {"count": len(batch.rows)}
        rows = execute(STORE, columns)
    # Without a row that could tell, the versions are asked for: nothing may be refused on the word of what is kept.
    found = rows[0][6:9] if rows else execute(VERSIONS, {})[0]
    if found != versions:
        raise Stale
    *_, unknown, doubled = rows[0] if rows else (None, None)
    held = {row[0]: HeldRow._make(row[1:6]) for row in rows}
    unseen = [group.asset.id for number, group in enumerate(batch.groups, start=1) if number not in held]
    if unseen or unknown:
        raise Unseen(unseen, unknown or ())
    return Held(
        rows=[held[number] for number in range(1, len(batch.groups) + 1)],
        duplicates=frozenset(place - 1 for place in doubled or ()),
    )


def open_presences(asset_ids: Sequence[AssetId]) -> None:
    """Make sure that every asset has a presence row, in the order of their ids."""
    with connection.cursor() as cursor:
        cursor.execute(OPEN, [list(asset_ids)])


def _columns(batch: Batch) -> dict[str, Any]:
    rows = batch.rows
    fixes = [row.fix for row in rows]
    assets = Uuids(group.asset.id for group in batch.groups)
    return {
        "assets": assets,
        "asset_id": assets.spread([group.places for group in batch.groups], len(rows)),
        "source": Texts([row.source for row in rows]),
        "received_at": Instants([row.received_at for row in rows]),
        "fixed_at": Instants([fix.fixed_at for fix in fixes]),
        "lon": Floats([fix.lon for fix in fixes]),
        "lat": Floats([fix.lat for fix in fixes]),
        "altitude_m": Floats([fix.altitude_m for fix in fixes]),
        "altitude_datum": Texts([fix.altitude_datum and fix.altitude_datum.value for fix in fixes]),
        "speed_mps": Floats([fix.speed_mps for fix in fixes]),
        "course_deg": Floats([fix.course_deg for fix in fixes]),
        "heading_deg": Floats([fix.heading_deg for fix in fixes]),
        "accuracy_m": Floats([fix.accuracy_m for fix in fixes]),
        "attributes": Texts([orjson.dumps(fix.attributes).decode() if fix.attributes else None for fix in fixes]),
    }


def _newest(batch: Batch) -> dict[str, Any]:
    """Return the latest row of each asset, and what it makes of contact. SQL counts places from 1."""
    groups, rows = batch.groups, batch.rows
    return {
        "places": Integers([group.newest + 1 for group in groups]),
        "connectivity": Texts([group.heard.value for group in groups]),
        "due_at": Instants(next_silence(each.heard, rows[each.newest].fix.fixed_at, each.asset) for each in groups),
    }


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text.strip('"')).astimezone(UTC)


def _instant_or_none(text: str) -> datetime | None:
    return None if text == "NULL" else _instant(text)
