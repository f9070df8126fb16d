"""Figures of ingest for Prometheus, per process."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from prometheus_client import Counter, Histogram

from apps.tracking.types import IngestResult

REQUESTS: Final = Counter("watchfloor_ingest_requests_total", "Answered requests", ["wire", "status"])
FIXES: Final = Counter("watchfloor_ingest_fixes_total", "Fixes by what became of them", ["outcome"])
SECONDS: Final = Histogram(
    "watchfloor_ingest_seconds",
    "From a request to its answer, which comes after the commit",
    ["wire"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)


def note_request(wire: str, status: int, seconds: float) -> None:
    """Count one answered request."""
    REQUESTS.labels(wire, status).inc()
    SECONDS.labels(wire).observe(seconds)


def note_results(results: Iterable[IngestResult]) -> None:
    """Count what became of fixes."""
    stored = duplicate = quarantined = 0
    for result in results:
        stored += result.stored
        duplicate += result.duplicate
        quarantined += len(result.quarantined)
    for outcome, number in (("stored", stored), ("duplicate", duplicate), ("quarantined", quarantined)):
        if number:
            FIXES.labels(outcome).inc(number)
