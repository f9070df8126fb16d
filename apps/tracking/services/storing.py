"""The batch goes into the database: made into columns, stored by one statement, its answer read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import orjson
from django.db import IntegrityError, connection
from psycopg.errors import CheckViolation

from apps.core.types import AssetId, ZoneId
from apps.tracking.services.admission import Batch
from apps.tracking.services.columns import Floats, Instants, Integers, Texts, Uuids, execute, sparse
from apps.tracking.services.known import Versions
from apps.tracking.services.statements import OPEN, STORE, VERSIONS
from apps.tracking.types import Connectivity, Presence, Stay

# Where the versions stand in a row of ``STORE``; after them come the places that were there already.
_VERSIONS: Final = slice(6, 6 + len(Versions._fields))


class HeldRow(NamedTuple):
    """A presence as the statement returns it: its stays are text, since most of them need not be read at all."""

    fixed_at: datetime | None
    connectivity: str
    zone_ids: str
    zone_since: str | None
    zone_dwelt: str | None

    def presence(self, asset_id: AssetId) -> Presence:
        """Return the presence as the rules take it."""
        columns = (self.zone_ids, self.zone_since, self.zone_dwelt)
        ids, since, dwelt = ([] if not text or text == "{}" else text[1:-1].split(",") for text in columns)
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
    """Assets of the batch have no presence yet, which is what the batch would be locked by."""

    def __init__(self, asset_ids: Iterable[AssetId]) -> None:
        super().__init__()
        self.asset_ids = sorted(asset_ids)


def store(batch: Batch, versions: Versions) -> Held:
    """Store the rows of a batch and move the presences; raises ``Stale`` or, if that is not why, ``Unseen``.

    Locks the presences until the end of the transaction.
    """
    try:
        rows = execute(STORE, _columns(batch)) if batch.rows else []
    except IntegrityError as error:
        if _has_lost_its_way(error):
            raise Stale from error
        raise
    # Without a row that could tell, the versions are asked for: nothing may be refused on the word of what is kept.
    found = rows[0][_VERSIONS] if rows else execute(VERSIONS, {})[0]
    if found != versions:
        raise Stale
    if len(rows) < len(batch.groups):
        raise Unseen({group.asset.id for group in batch.groups}.difference(row[0] for row in rows))
    doubled = rows[0][_VERSIONS.stop] if rows else None
    return Held(
        rows=[tuple.__new__(HeldRow, row[1:6]) for row in rows],  # as ``_make`` does, without a call for each
        duplicates=frozenset(place - 1 for place in doubled or ()),
    )


def open_presences(asset_ids: Sequence[AssetId]) -> None:
    """Make sure that every asset has a presence row, in the order of their ids."""
    with connection.cursor() as cursor:
        cursor.execute(OPEN, [list(asset_ids)])


def _has_lost_its_way(error: IntegrityError) -> bool:
    """Say whether a fix was on its way into the default partition when one of its own was made for it."""
    cause = error.__cause__
    return isinstance(cause, CheckViolation) and cause.diag.constraint_name is None


def _columns(batch: Batch) -> dict[str, Any]:
    """Return the rows by column, and what the latest row of each asset makes of contact. SQL counts from 1."""
    rows, groups = batch.rows, batch.groups
    fixes = [row.fix for row in rows]
    attributes = [orjson.dumps(fix.attributes).decode() if fix.attributes else None for fix in fixes]
    assets = Uuids(group.asset.id for group in groups)
    connectivity: list[str | None] = [None] * len(rows)
    due_at: list[datetime | None] = [None] * len(rows)
    for group in groups:
        connectivity[group.newest] = group.heard
        due_at[group.newest] = group.silent_at
    return {
        "assets": assets,
        "asset_id": assets.spread([group.places for group in groups], len(rows)),
        **_shared(batch),
        "fixed_at": Instants([fix.fixed_at for fix in fixes]),
        "lon": Floats([fix.lon for fix in fixes]),
        "lat": Floats([fix.lat for fix in fixes]),
        "altitude_m": sparse(Floats, [fix.altitude_m for fix in fixes]),
        "altitude_datum": sparse(Texts, [fix.altitude_datum and fix.altitude_datum.value for fix in fixes]),
        "speed_mps": sparse(Floats, [fix.speed_mps for fix in fixes]),
        "course_deg": sparse(Floats, [fix.course_deg for fix in fixes]),
        "heading_deg": sparse(Floats, [fix.heading_deg for fix in fixes]),
        "accuracy_m": sparse(Floats, [fix.accuracy_m for fix in fixes]),
        "attributes": sparse(Texts, attributes),
        "connectivity": Texts(connectivity),
        "due_at": Instants(due_at),
        "count": len(rows),
        "is_distinct": batch.is_distinct,
    }


def _shared(batch: Batch) -> dict[str, Any]:
    """Return what is the same for all rows of a submission; of one submission it travels once."""
    if len(batch.submissions) == 1:
        source_id, received_at = batch.rows[0].source_id, batch.rows[0].received_at
        nothing = {"source_id": Integers(()), "received_at": Instants(())}
        return nothing | {"one_source_id": source_id, "one_received_at": received_at}
    return {
        "source_id": Integers([row.source_id for row in batch.rows]),
        "received_at": Instants([row.received_at for row in batch.rows]),
        "one_source_id": None,
        "one_received_at": None,
    }


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text.strip('"')).astimezone(UTC)


def _instant_or_none(text: str) -> datetime | None:
    return None if text == "NULL" else _instant(text)
