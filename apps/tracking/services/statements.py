"""The SQL of ingest.

``STORE`` locks the presences of the batch in the order of their ids, as the caller has sorted them and ``LATERAL``
takes them one by one (two writers never wait in a circle), inserts what is not there yet, moves the presences whose
latest fix is newer, and returns each presence **as it was**, from the locked row, in the order of ids: under READ
COMMITTED a lock waits for the other writer and then reads what that one committed. An asset without a presence row
stores nothing; the caller makes the row and tries again.

A fix later than everything known of its asset is new, since whoever stores fixes of an asset holds its presence. Such
rows are inserted as they come, which costs half as much as looking for a conflict; only the others are looked for.

The latest row of each asset carries what it makes of contact, all others null. What every row shares travels once and
is null in the column. Beside each presence stand the versions of what was kept in memory, and the places of the rows
that were there already.
"""

from __future__ import annotations

from typing import Final

from apps.tracking.services.known import VERSIONS_SQL

_COLUMNS: Final = """
    asset_id, fixed_at, source_id, received_at, lon, lat, altitude_m, speed_mps, course_deg, heading_deg, accuracy_m,
    altitude_datum, attributes
"""
_ROWS: Final = """
    asset_id, sent.fixed_at, source_id, received_at, lon, lat, altitude_m, speed_mps, course_deg, heading_deg,
    accuracy_m, altitude_datum, attributes
"""
_IS_FRESH: Final = "%(is_distinct)s AND (held.fixed_at IS NULL OR sent.fixed_at > held.fixed_at)"

_STORE: Final = f"""
WITH sent AS MATERIALIZED (
    SELECT asset_id, fixed_at, coalesce(source_id, %(one_source_id)s) AS source_id,
           coalesce(received_at, %(one_received_at)s) AS received_at, lon, lat, altitude_m, speed_mps, course_deg,
           heading_deg, accuracy_m, altitude_datum, attributes::jsonb, connectivity, due_at, place
    FROM ROWS FROM (
        unnest(%(asset_id)s), unnest(%(fixed_at)s), unnest(%(source_id)s), unnest(%(received_at)s), unnest(%(lon)s),
        unnest(%(lat)s), unnest(%(altitude_m)s), unnest(%(speed_mps)s), unnest(%(course_deg)s),
        unnest(%(heading_deg)s), unnest(%(accuracy_m)s), unnest(%(altitude_datum)s), unnest(%(attributes)s),
        unnest(%(connectivity)s), unnest(%(due_at)s), generate_series(1, %(count)s)
    ) AS sent (
        asset_id, fixed_at, source_id, received_at, lon, lat, altitude_m, speed_mps, course_deg, heading_deg,
        accuracy_m, altitude_datum, attributes, connectivity, due_at, place
    )
), held AS MATERIALIZED (
    SELECT presence.* FROM unnest(%(assets)s) AS sorted (asset_id) CROSS JOIN LATERAL (
        SELECT asset_id, fixed_at, connectivity, zone_ids, zone_since, zone_dwelt FROM tracking_presence
        WHERE asset_id = sorted.asset_id FOR NO KEY UPDATE
    ) AS presence
), fresh AS (
    INSERT INTO tracking_position ({_COLUMNS})
    SELECT {_ROWS} FROM sent JOIN held USING (asset_id) WHERE {_IS_FRESH}
), old AS MATERIALIZED (
    SELECT {_ROWS}, place FROM sent JOIN held USING (asset_id) WHERE NOT ({_IS_FRESH})
), late AS (
    INSERT INTO tracking_position ({_COLUMNS}) SELECT {_COLUMNS} FROM old
    ON CONFLICT DO NOTHING RETURNING asset_id, fixed_at, source_id
), moved AS (
    UPDATE tracking_presence AS presence SET
        fixed_at = sent.fixed_at, source_id = sent.source_id, received_at = sent.received_at,
        lon = sent.lon, lat = sent.lat, altitude_m = sent.altitude_m, altitude_datum = sent.altitude_datum,
        speed_mps = sent.speed_mps, course_deg = sent.course_deg, heading_deg = sent.heading_deg,
        accuracy_m = sent.accuracy_m, attributes = sent.attributes, version = presence.version + 1,
        connectivity = CASE WHEN sent.connectivity = 'lost' AND held.fixed_at IS NOT NULL THEN held.connectivity
                            ELSE sent.connectivity END,
        due_at = LEAST(presence.due_at, sent.due_at)
    FROM sent JOIN held USING (asset_id)
    WHERE presence.asset_id = held.asset_id AND sent.connectivity IS NOT NULL
      AND (held.fixed_at IS NULL OR sent.fixed_at > held.fixed_at)
)
SELECT asset_id, fixed_at, connectivity, zone_ids::text,
       CASE WHEN zone_ids <> '{{}}' THEN zone_since::text END, CASE WHEN zone_ids <> '{{}}' THEN zone_dwelt::text END,
       {VERSIONS_SQL},
       (SELECT array_agg(place) FROM (
            SELECT *, row_number() OVER (PARTITION BY asset_id, fixed_at, source_id ORDER BY place) AS nth FROM old
        ) AS each
        WHERE nth > 1 OR NOT EXISTS (
            SELECT FROM late WHERE (late.asset_id, late.fixed_at, late.source_id)
                                 = (each.asset_id, each.fixed_at, each.source_id)
        ))
FROM held ORDER BY asset_id
"""  # noqa: S608  put together from constants
# psycopg remembers how it reads a statement of up to 4,096 characters, and reads a longer one anew each time.
STORE: Final = " ".join(_STORE.split())
VERSIONS: Final = f"SELECT {VERSIONS_SQL}"
OPEN: Final = """
INSERT INTO tracking_presence (asset_id, connectivity, zone_ids, zone_since, zone_dwelt, version)
SELECT asset_id, 'lost', '{}', '{}', '{}', 1 FROM unnest(%s::uuid[]) AS asset_id ORDER BY asset_id
ON CONFLICT DO NOTHING
"""
