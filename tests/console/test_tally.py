"""Frames of the feed and answers of the interface become the numbers that the demo prints."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from apps.console.demo.tally import Tally, batches

AT = datetime(2026, 7, 1, 12, 0, 0, 250000, tzinfo=UTC)
ASSET = "0197c5a2-7d41-7a3e-8f5b-2c1d9e0a4b66"
ASSETS = {
    "type": "snapshot",
    "sub": "assets",
    "last": True,
    "features": [{"id": ASSET, "properties": {"identifiers": [{"scheme": "mmsi", "value": "367000001"}]}}],
}


def _moved(fixed_at: str) -> dict[str, Any]:
    feature = {"id": ASSET, "properties": {"fixed_at": fixed_at}}
    return {"type": "event", "sub": "positions", "change": "upsert", "id": ASSET, "feature": feature}


def _found(finding: str) -> dict[str, Any]:
    event = {"type": f"watchfloor.finding.{finding}.v1", "change": "found"}
    return {"type": "event", "sub": "positions", "change": "event", "id": ASSET, "event": event}


def _incident(change: str, to: str | None = None) -> dict[str, Any]:
    lifecycle = {"to": to} if to else None
    return {
        "type": "event",
        "sub": "incidents",
        "change": "upsert",
        "event": {"change": change, "lifecycle": lifecycle},
    }


def test_the_time_from_report_to_screen_is_measured_once_for_each_fix():
    tally = Tally()
    tally.received(ASSETS, 0.0)
    tally.report_sent("367000001", AT, 10.0)
    tally.received([_moved("2026-07-01T12:00:00.250000Z"), _moved("2026-07-01T12:00:00.250000Z")], 10.025)
    assert tally.latency_ms() == {"p50": 25.0, "p99": 25.0}


def test_a_position_that_we_did_not_send_is_no_measurement():
    tally = Tally()
    tally.received(ASSETS, 0.0)
    tally.received(_moved("2026-07-01T12:00:07Z"), 10.0)
    assert tally.latency_ms() == {"p50": None, "p99": None}


def test_the_summary_counts_what_was_answered_and_what_was_shown():
    tally = Tally()
    tally.report_sent("367000001", AT, 10.0)
    tally.answered(3, {"stored": 1, "duplicate": 1, "quarantined": [{"index": 2, "code": "future", "detail": "x"}]})
    tally.received([_found("entered"), _found("entered"), _found("lost_contact")], 11.0)
    tally.received(_incident("created"), 11.0)
    tally.received([_incident("transitioned", "escalated"), _incident("transitioned", "resolved")], 12.0)
    assert tally.summary() == {
        "sent": 1,
        "accepted": 3,
        "stored": 1,
        "duplicate": 1,
        "quarantined": 1,
        "findings": {"entered": 2, "lost_contact": 1},
        "incidents": {"opened": 1, "acknowledged": 0, "escalated": 1},
        "frames": 6,
        "latency_ms": {"p50": None, "p99": None},
    }


def test_batches_are_full_but_the_last():
    assert [list(each) for each in batches([1, 2, 3, 4, 5], 2)] == [[1, 2], [3, 4], [5]]
