"""What is missing and what is double, counted in the database itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from tests.faults.floor import Floor, wait_for
from tests.faults.reporter import Report

POSITIONS = """
SELECT identifier.value, position.fixed_at
FROM tracking_position AS position JOIN assets_identifier AS identifier USING (asset_id)
WHERE identifier.scheme = 'mmsi' AND identifier.value = ANY(%s)
"""
CROSSINGS = """
SELECT identifier.value, event.type, event.data -> 'object' ->> 'zone_id', event.occurred_at, count(*)
FROM events_event AS event JOIN assets_identifier AS identifier ON identifier.asset_id = event.object_id
WHERE identifier.scheme = 'mmsi' AND identifier.value = ANY(%s) AND event.type LIKE 'watchfloor.finding.%%'
GROUP BY 1, 2, 3, 4
"""
FINDINGS = """
SELECT identifier.value, split_part(event.type, '.', 3), count(*)
FROM events_event AS event JOIN assets_identifier AS identifier ON identifier.asset_id = event.object_id
WHERE identifier.scheme = 'mmsi' AND identifier.value = ANY(%s) AND event.type LIKE 'watchfloor.finding.%%'
  AND event.also @> jsonb_build_array(jsonb_build_array('zones', %s::text))
GROUP BY 1, 2
"""
UNNUMBERED = 'SELECT seq FROM events_event WHERE "offset" IS NULL'
STILL_UNNUMBERED = 'SELECT count(*) FROM events_event WHERE "offset" IS NULL AND seq = ANY(%s)'
# Without what was written a moment ago: on a floor that works there is always something.
OFFSETS = 'SELECT count("offset"), count(DISTINCT "offset"), max("offset"), min("offset") FROM events_event'


def assert_positions_are(floor: Floor, batches: Iterable[Sequence[Report]]) -> None:
    """Every accepted fix is there, once, and nothing else of these vessels."""
    sent = Counter((report.mmsi, report.fixed_at) for batch in batches for report in batch)
    vessels = sorted({mmsi for mmsi, _ in sent})
    stored = Counter((mmsi, fixed_at) for mmsi, fixed_at in floor.rows(POSITIONS, vessels))
    assert stored == Counter(set(sent))


def findings(floor: Floor, vessels: Sequence[str], zone_id: str) -> dict[tuple[str, str], int]:
    """Return how often each vessel entered and left the zone, as the log tells."""
    return {(mmsi, kind): count for mmsi, kind, count in floor.rows(FINDINGS, list(vessels), zone_id)}


def head_of_all(floor: Floor) -> int:
    """Return the log's head when everything that is written by now has its number.

    The clock may write more at any time: vessels that other tests have moved fall silent, their incidents escalate.
    """
    written = [seq for (seq,) in floor.rows(UNNUMBERED)]
    wait_for(lambda: floor.value(STILL_UNNUMBERED, written) == 0, "the relay")
    return int(floor.value("SELECT head FROM events_epoch"))


def assert_log_has_no_gap(floor: Floor) -> None:
    """Every event gets a number, and the numbers are 1, 2, 3, ..."""
    head_of_all(floor)
    rows, distinct, last, first = floor.rows(OFFSETS)[0]
    assert (rows, rows, 1) == (distinct, last, first)
