"""The SQL of ingest: one statement stores a batch, and whatever else it takes is one statement for all assets too.

``STORE`` locks the presences of the batch in the order of their ids (two writers never deadlock), inserts what is not
there yet, moves the presences whose latest fix is newer, and returns each presence **as it was**, from the locked
row: under READ COMMITTED a lock waits for the other writer and then reads what that one committed. An asset without
a presence row stores nothing; the caller makes the row and tries again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from django.db import connection

from apps.assets.types import AssetRef
from apps.core.types import AssetId
from apps.tracking.rules.presence import Patience, connectivity_at, next_silence
from apps.tracking.services.admission import Batch, Row
from apps.tracking.types import Connectivity, Presence, Stay

STORE: Final = """
WITH sent AS MATERIALIZED (
    SELECT sent.*, source.id AS source_id FROM unnest(
        %(asset_id)s::uuid[], %(fixed_at)s::timestamptz[], %(source)s::text[], %(received_at)s::timestamptz[],
        %(lon)s::float8[], %(lat)s::float8[], %(altitude_m)s::float8[], %(speed_mps)s::float8[],
        %(course_deg)s::float8[], %(heading_deg)s::float8[], %(accuracy_m)s::float8[], %(altitude_datum)s::text[],
        %(attributes)s::jsonb[]
    ) WITH ORDINALITY AS sent (
        asset_id, fixed_at, source, received_at, lon, lat, altitude_m, speed_mps, course_deg, heading_deg,
        accuracy_m, altitude_datum, attributes, place
    ) LEFT JOIN tracking_source AS source ON source.slug = sent.source
), newest AS MATERIALIZED (
    SELECT * FROM unnest(%(places)s::int[], %(connectivity)s::text[], %(due_at)s::timestamptz[])
                  AS newest (place, connectivity, due_at)
), held AS MATERIALIZED (
    SELECT asset_id, fixed_at, connectivity, zone_ids, zone_since, zone_dwelt FROM tracking_presence
    WHERE asset_id = ANY(%(assets)s::uuid[]) ORDER BY asset_id FOR NO KEY UPDATE
), stored AS (
    INSERT INTO tracking_position (
        asset_id, fixed_at, source_id, received_at, lon, lat, altitude_m, speed_mps, course_deg, heading_deg,
        accuracy_m, altitude_datum, attributes
    )
    SELECT asset_id, sent.fixed_at, source_id, received_at, lon, lat, altitude_m, speed_mps, course_deg, heading_deg,
           accuracy_m, altitude_datum, attributes
    FROM sent JOIN held USING (asset_id) WHERE source_id IS NOT NULL
    ON CONFLICT DO NOTHING
    RETURNING asset_id, fixed_at, source_id
), moved AS (
    UPDATE tracking_presence AS presence SET
        fixed_at = sent.fixed_at, source_id = sent.source_id, received_at = sent.received_at,
        lon = sent.lon, lat = sent.lat, altitude_m = sent.altitude_m, altitude_datum = sent.altitude_datum,
        speed_mps = sent.speed_mps, course_deg = sent.course_deg, heading_deg = sent.heading_deg,
        accuracy_m = sent.accuracy_m, attributes = sent.attributes, version = presence.version + 1,
        connectivity = CASE WHEN newest.connectivity = 'lost' AND held.fixed_at IS NOT NULL THEN held.connectivity
                            ELSE newest.connectivity END,
        due_at = LEAST(presence.due_at, newest.due_at)
    FROM newest JOIN sent USING (place) JOIN held USING (asset_id)
    WHERE presence.asset_id = sent.asset_id AND sent.source_id IS NOT NULL
      AND (held.fixed_at IS NULL OR sent.fixed_at > held.fixed_at)
)
SELECT held.*,
       (SELECT array_agg(DISTINCT source) FROM sent WHERE source_id IS NULL),
       CASE WHEN (SELECT count(*) FROM stored) < %(count)s THEN (
           SELECT array_agg(place) FROM (
               SELECT *, row_number() OVER (PARTITION BY asset_id, fixed_at, source_id ORDER BY place) AS nth FROM sent
           ) AS each
           WHERE nth > 1 OR NOT EXISTS (
               SELECT FROM stored WHERE (stored.asset_id, stored.fixed_at, stored.source_id)
                                      = (each.asset_id, each.fixed_at, each.source_id)
           )
       ) END
FROM held
"""
OPEN: Final = """
INSERT INTO tracking_presence (asset_id, connectivity, zone_ids, zone_since, zone_dwelt, version)
SELECT asset_id, 'lost', '{}', '{}', '{}', 1 FROM unnest(%s::uuid[]) AS asset_id ORDER BY asset_id
ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The presences of a batch as they were before it, locked; and the rows that were stored already, by place."""

    presences: Mapping[AssetId, Presence]
    duplicates: frozenset[int]


class Unseen(Exception):
    """Something of the batch has no row yet: presences, which are what it would be locked by, or sources."""

    def __init__(self, asset_ids: Iterable[AssetId], sources: Iterable[str]) -> None:
        super().__init__()
        self.asset_ids = sorted(asset_ids)
        self.sources = tuple(sources)


def store(batch: Batch) -> Held:
    """Store the rows of a batch and move the presences; raises ``Unseen`` when it lacks a row.

    Locks the presences until the end of the transaction.
    """
    if not batch.rows:
        return Held(presences={}, duplicates=frozenset())
    with connection.cursor() as cursor:
        cursor.execute(STORE, _columns(batch.rows) | _newest(batch) | {"assets": list(batch.places)})
        rows = cursor.fetchall()
    *_, unknown, doubled = rows[0] if rows else (None, None)
    if unknown or len(rows) < len(batch.places):
        raise Unseen(batch.places.keys() - {row[0] for row in rows}, unknown or ())
    return Held(
        presences={row[0]: presence_of(row[:-2]) for row in rows},
        duplicates=frozenset(place - 1 for place in doubled or ()),
    )


def open_presences(asset_ids: Sequence[AssetId]) -> None:
    """Make sure that every asset has a presence row, in the order of their ids."""
    with connection.cursor() as cursor:
        cursor.execute(OPEN, [list(asset_ids)])


def presence_of(row: Sequence[Any]) -> Presence:
    """Return a row of the presence table as a value: id, latest fix, connectivity, and the three columns of stays."""
    asset_id, fixed_at, connectivity, zone_ids, zone_since, zone_dwelt = row
    return Presence(
        asset_id=asset_id,
        fixed_at=fixed_at,
        connectivity=Connectivity(connectivity),
        stays=tuple(
            Stay(zone_id=zone_id, entered_at=since, dwelt_at=dwelt)
            for zone_id, since, dwelt in zip(zone_ids, zone_since, zone_dwelt, strict=True)
        ),
    )


def patience_of(asset: AssetRef) -> Patience:
    """Return how long an asset of this kind may be silent."""
    return Patience(late_after=asset.late_after, lost_after=asset.lost_after)


def _columns(rows: Sequence[Row]) -> dict[str, list[Any]]:
    fixes = [row.fix for row in rows]
    return {
        "asset_id": [row.asset.id for row in rows],
        "source": [row.source for row in rows],
        "received_at": [row.received_at for row in rows],
        "fixed_at": [fix.fixed_at for fix in fixes],
        "lon": [fix.lon for fix in fixes],
        "lat": [fix.lat for fix in fixes],
        "altitude_m": [fix.altitude_m for fix in fixes],
        "altitude_datum": [fix.altitude_datum and fix.altitude_datum.value for fix in fixes],
        "speed_mps": [fix.speed_mps for fix in fixes],
        "course_deg": [fix.course_deg for fix in fixes],
        "heading_deg": [fix.heading_deg for fix in fixes],
        "accuracy_m": [fix.accuracy_m for fix in fixes],
        "attributes": [orjson.dumps(fix.attributes).decode() if fix.attributes else None for fix in fixes],
    }


def _newest(batch: Batch) -> dict[str, Any]:
    """Return the latest row of each asset, and what it makes of contact. SQL counts places from 1."""
    connectivity, due_at = [], []
    for place in batch.newest.values():
        row = batch.rows[place]
        patience = patience_of(row.asset)
        heard = connectivity_at(row.fix.fixed_at, row.received_at, patience)
        connectivity.append(heard.value)
        due_at.append(next_silence(heard, row.fix.fixed_at, patience))
    return {
        "places": [place + 1 for place in batch.newest.values()],
        "connectivity": connectivity,
        "due_at": due_at,
        "count": len(batch.rows),
    }
