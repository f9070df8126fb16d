"""The count at the end: what is missing and what is double, from the database, the senders and the screens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from benchmarks._soak.screens import TOPICS, Screen
from benchmarks._soak.traffic import Sailor
from tests.faults.counting import OFFSETS, POSITIONS, findings
from tests.faults.floor import Floor

UNNUMBERED = """
SELECT count(*) FROM events_event WHERE "offset" IS NULL AND recorded_at < now() - interval '30 seconds'
"""
EVENTS = 'SELECT id::text, "offset", type FROM events_event WHERE noun = %s AND "offset" <= %s'
# Each finding of the zone that the rule watches, and how many pieces of evidence it became.
EVIDENCE = """
SELECT count(*) FILTER (WHERE found.times = 0), count(*) FILTER (WHERE found.times > 1) FROM (
    SELECT count(evidence.id) AS times
    FROM events_event AS event
    LEFT JOIN incidents_evidence AS evidence
        ON evidence.asset ->> 'id' = event.object_id::text AND evidence.finding = 'entered'
        AND evidence.zone ->> 'id' = event.data -> 'object' -> 'properties' ->> 'zone_id'
        AND evidence.effective_at = (event.data -> 'object' -> 'properties' ->> 'effective_at')::timestamptz
    WHERE event.type = 'watchfloor.finding.entered.v1'
        AND event.data -> 'object' -> 'properties' ->> 'zone_id' = %s
    GROUP BY event.id
) AS found
"""
# Moves of an object that do not begin where the one before ended, and objects that are not where the last one led.
BROKEN_CHAINS = """
WITH moves AS (
    SELECT *, lag(to_state, 1, '') OVER history AS before, lead(id) OVER history IS NULL AS is_last
    FROM lifecycle_transition WHERE noun = 'incidents' WINDOW history AS (PARTITION BY object_id ORDER BY id)
)
SELECT count(*) FILTER (WHERE moves.from_state <> before),
       count(*) FILTER (WHERE is_last AND to_state <> incident.state),
       count(DISTINCT incident.id) FILTER (WHERE moves.id IS NULL)
FROM incidents_incident AS incident LEFT JOIN moves ON moves.object_id = incident.id
"""
DOUBLE_INCIDENTS = """
SELECT count(*) FROM (SELECT dedupe_key FROM incidents_incident WHERE state NOT IN ('resolved', 'closed')
                      GROUP BY dedupe_key HAVING count(*) > 1) AS double
"""
OVERDUE_TIMERS = "SELECT count(*) FROM lifecycle_timer WHERE due_at < now() - interval '30 seconds'"


def wrong_fixes(floor: Floor, sailors: Iterable[Sailor]) -> dict[str, int]:
    """Count accepted fixes that are missing, and rows that nobody sent or that are there twice."""
    sent = Counter((each.mmsi, each.fixed_at) for sailor in sailors for batch in sailor.accepted for each in batch)
    stored = Counter((mmsi, at) for mmsi, at in floor.rows(POSITIONS, sorted({mmsi for mmsi, _ in sent})))
    return {"sent": sent.total(), "missing": (sent - stored).total(), "double": (stored - sent).total()}


def wrong_findings(floor: Floor, sailors: Sequence[Sailor], zone_id: str) -> dict[str, int]:
    """Count findings of the zone that are missing, and that are too many."""
    expected: Counter[tuple[str, str]] = Counter()
    for sailor in sailors:
        rounds = len(sailor.accepted)
        for mmsi in sailor.vessels:
            expected[mmsi, "entered"], expected[mmsi, "left"] = rounds // 2, max(0, (rounds - 1) // 2)
    vessels = [mmsi for sailor in sailors for mmsi in sailor.vessels]
    found = Counter(findings(floor, vessels, zone_id))
    return {
        "expected": expected.total(),
        "missing": (expected - found).total(),
        "double": (found - expected).total(),
    }


def wrong_incidents(floor: Floor, zone_id: str) -> dict[str, int]:
    """Count findings that became no evidence or became it twice, incidents that stand double, and broken histories."""
    [(missing, double)] = floor.rows(EVIDENCE, zone_id)
    [(broken, elsewhere, without)] = floor.rows(BROKEN_CHAINS)
    return {
        "evidence_missing": missing,
        "evidence_double": double,
        "double": floor.value(DOUBLE_INCIDENTS),
        "histories_broken": broken,
        "states_without_history": elsewhere + without,
        "timers_overdue": floor.value(OVERDUE_TIMERS),
    }


def wrong_log(floor: Floor) -> dict[str, int]:
    """Count events without a number, and numbers that are missing or double."""
    rows, distinct, last, first = floor.rows(OFFSETS)[0]
    return {
        "events": rows,
        "unnumbered": floor.value(UNNUMBERED),
        "numbers_double": rows - distinct,
        "numbers_missing": last - first + 1 - distinct,
    }


def untold(floor: Floor, screens: Iterable[Screen], head: int) -> list[str]:
    """Return the events that a screen should have been told and was not, each as topic, offset and type."""
    log = {topic: floor.rows(EVENTS, noun, head) for topic, noun in TOPICS.items()}
    return [
        f"{topic} {offset} {kind}, told from {screen.since.get(topic)} on"
        for screen in screens
        for topic, events in log.items()
        for event_id, offset, kind in events
        if offset > screen.since.get(topic, head) and not screen.seen[topic, event_id]
    ]


def wrong_screens(floor: Floor, screens: Sequence[Screen], head: int) -> dict[str, int]:
    """Count events that a screen should have been told and was not, and that it was told twice."""
    double = sum(times > 1 for screen in screens for times in screen.seen.values())
    told = sum(screen.seen.total() for screen in screens)
    return {"told": told, "missing": len(untold(floor, screens, head)), "double": double}


def logged(floor: Floor) -> dict[Path, int]:
    """Return how much each process has logged by now, in bytes."""
    return {log: log.stat().st_size for log in sorted(floor.home.glob("*.log"))}


def errors_logged(floor: Floor, *, since: Mapping[Path, int]) -> list[str]:
    """Return what the processes logged as errors: by our own rule such a line means that code must change.

    ``since`` is what ``logged`` said in the beginning: the floor may have been used before. RQ calls it an error that
    Redis is away, which it is here on purpose.
    """
    said = [log.read_bytes()[since.get(log, 0) :].decode(errors="replace") for log in logged(floor)]
    lines = [line for each in said for line in each.splitlines()]
    return [
        line[:500]
        for line in lines
        if ("[error" in line or "[critical" in line) and "could not connect to Redis instance" not in line
    ]
