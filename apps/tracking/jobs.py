"""What the clock does over and over for tracking. Safe to run twice."""

from __future__ import annotations

from datetime import datetime, timedelta

from apps.core import ticks
from apps.core.ticks import Tick
from apps.tracking.services import look_at_beginnings, look_at_presences, maintain_partitions


def register_ticks() -> None:
    """Register the ticks of tracking."""
    ticks.register(Tick(name="tracking.presences", every=timedelta(seconds=1), run=look_at_presences))
    ticks.register(Tick(name="tracking.beginnings", every=timedelta(seconds=1), run=look_at_beginnings))
    ticks.register(Tick(name="tracking.partitions", every=timedelta(hours=1), run=_maintain))


def _maintain(at: datetime) -> int:
    done = maintain_partitions(at)
    return len(done.created) + len(done.dropped)
