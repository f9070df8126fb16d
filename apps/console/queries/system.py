"""How the installation is doing: relay, clock, queues, ingest. For superusers only, since it counts everything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import django_rq
from django.conf import settings
from django.db.models import Count
from redis import RedisError
from rq import Worker

from apps.events.queries import RelayLag, relay_lag
from apps.lifecycle.queries import TimerLag, timer_lag
from apps.tracking.models import Position

RATE_WINDOW = timedelta(seconds=30)
# Fixes may be dated a little before they come; those that come very late do not matter for a rate.
DATED_WITHIN = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueDepth:
    """One job queue: what waits, and what has failed and waits for a person."""

    name: str
    waiting: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemFigures:
    """The installation at one instant; ``queues`` is ``None`` when Redis does not answer."""

    relay: RelayLag
    timers: TimerLag
    fixes_per_s: float
    queues: Sequence[QueueDepth] | None
    workers: int


def system_figures(*, at: datetime) -> SystemFigures:
    """Return how the installation is doing now. Never fails because Redis does."""
    try:
        queues: list[QueueDepth] | None = [_depth(name) for name in settings.RQ_QUEUES]
        workers = Worker.count(connection=django_rq.get_connection("default"))
    except RedisError:
        queues, workers = None, 0
    return SystemFigures(
        relay=relay_lag(at),
        timers=timer_lag(at),
        fixes_per_s=_fixes_per_s(at),
        queues=queues,
        workers=workers,
    )


def _depth(name: str) -> QueueDepth:
    queue = django_rq.get_queue(name)
    return QueueDepth(name=name, waiting=queue.count, failed=queue.failed_job_registry.count)


def _fixes_per_s(at: datetime) -> float:
    received = Position.objects.filter(fixed_at__gt=at - DATED_WITHIN, received_at__gt=at - RATE_WINDOW)
    count: int = received.aggregate(n=Count("asset_id"))["n"]
    return count / RATE_WINDOW.total_seconds()
