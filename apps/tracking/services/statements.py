"""The SQL of ingest.

``STORE`` locks the presences of the batch in the order of their ids (two writers never wait in a circle), inserts what
is not there yet, moves the presences whose latest fix is newer, and returns each presence **as it was**, from the
locked row: under READ COMMITTED a lock waits for the other writer and then reads what that one committed. An asset
without a presence row, and a fix from an unknown source, store nothing; the caller makes the row and tries again.

Each presence comes with the number of its asset in the batch. Beside it stand the versions of what was kept in memory,
the sources that nobody knows, and the places of the rows that were there already; the last two are worked out only when
there are any.
"""

from __future__ import annotations

from typing import Final

from apps.tracking.services.known import VERSIONS_SQL

STORE: Final = f"""
WITH sent AS MATERIALIZED (
    SELECT sent.*, source.id AS source_id FROM unnest(
        %(asset_id)s, %(fixed_at)s, %(source)s, %(received_at)s, %(lon)s, %(lat)s, %(altitude_m)s, %(speed_mps)s,
        %(course_deg)s, %(heading_deg)s, %(accuracy_m)s, %(altitude_datum)s, %(attributes)s
    ) WITH ORDINALITY AS sent (
        asset_id, fixed_at, source, received_at, lon, lat, altitude_m, speed_mps, course_deg, heading_deg,
        accuracy_m, altitude_datum, attributes, place
    ) LEFT JOIN tracking_source AS source ON source.slug = sent.source
), newest AS MATERIALIZED (
    SELECT * FROM unnest(%(assets)s, %(places)s, %(connectivity)s, %(due_at)s) WITH ORDINALITY
                  AS newest (asset_id, place, connectivity, due_at, number)
), held AS MATERIALIZED (
    SELECT asset_id, fixed_at, connectivity, zone_ids, zone_since, zone_dwelt FROM tracking_presence
    WHERE asset_id = ANY(%(assets)s) ORDER BY asset_id FOR NO KEY UPDATE
), stored AS (
    INSERT INTO tracking_position (
        asset_id, fixed_at, source_id, received_at, lon, lat, altitude_m, speed_mps, course_deg, heading_deg,
        accuracy_m, altitude_datum, attributes
    )
    SELECT asset_id, sent.fixed_at, source_id, received_at, lon, lat, altitude_m, speed_mps, course_deg, heading_deg,
           accuracy_m, altitude_datum, attributes::jsonb
    FROM sent JOIN held USING (asset_id) WHERE source_id IS NOT NULL
    ON CONFLICT DO NOTHING
    RETURNING asset_id, fixed_at, source_id
), moved AS (
    UPDATE tracking_presence AS presence SET
        fixed_at = sent.fixed_at, source_id = sent.source_id, received_at = sent.received_at,
        lon = sent.lon, lat = sent.lat, altitude_m = sent.altitude_m, altitude_datum = sent.altitude_datum,
        speed_mps = sent.speed_mps, course_deg = sent.course_deg, heading_deg = sent.heading_deg,
        accuracy_m = sent.accuracy_m, attributes = sent.attributes::jsonb, version = presence.version + 1,
        connectivity = CASE WHEN newest.connectivity = 'lost' AND held.fixed_at IS NOT NULL THEN held.connectivity
                            ELSE newest.connectivity END,
        due_at = LEAST(presence.due_at, newest.due_at)
    FROM newest JOIN sent USING (place) JOIN held ON held.asset_id = newest.asset_id
    WHERE presence.asset_id = newest.asset_id AND presence.asset_id = ANY(%(assets)s) AND sent.source_id IS NOT NULL
      AND (held.fixed_at IS NULL OR sent.fixed_at > held.fixed_at)
)
SELECT newest.number, held.fixed_at, held.connectivity, zone_ids::text, zone_since::text, zone_dwelt::text,
       {VERSIONS_SQL},
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
FROM held JOIN newest USING (asset_id)
"""  # noqa: S608  put together from constants
VERSIONS: Final = f"SELECT {VERSIONS_SQL}"
OPEN: Final = """
INSERT INTO tracking_presence (asset_id, connectivity, zone_ids, zone_since, zone_dwelt, version)
SELECT asset_id, 'lost', '{}', '{}', '{}', 1 FROM unnest(%s::uuid[]) AS asset_id ORDER BY asset_id
ON CONFLICT DO NOTHING
"""
