"""The sweep over due timers, and the job that makes their transitions.

PostgreSQL holds the timers; RQ only carries their ids to a worker. A claim that no worker honours within its lease,
because Redis lost the job or the worker died, is done by the clock itself: nothing depends on Redis.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import redis
import structlog
from django_rq import get_queue

from apps.core import clock
from apps.core.redis import client
from apps.lifecycle import services

QUEUE: Final = "transitions"
BATCH: Final = 500
# A Redis that hangs, rather than refuses, costs its time-out once in so many seconds.
SILENCE_SECONDS: Final = 5.0

log = structlog.get_logger(__name__)


def advance_due(timer_ids: list[str], claimed_at: str) -> int:
    """RQ entry point: make the transitions that these timers owe. Safe to run twice.

    What was due when it was claimed is due now, even if this machine's clock lags behind the other's.
    """
    at = max(clock.now(), datetime.fromisoformat(claimed_at))
    return services.advance_due([UUID(each) for each in timer_ids], at=at)


def sweep(at: datetime) -> int:
    """Claim what is due and see that it is made; return how many timers were claimed. A tick of the clock.

    What is claimed for the first time goes to the workers; what comes back from a lapsed claim is made here.
    """
    total = 0
    while claim := services.claim_due(BATCH, at):
        own = list(claim.lapsed)
        if claim.fresh and not _hand_over(claim.fresh, at):
            own += claim.fresh
        services.advance_due(own, at=at)
        total += len(claim.fresh) + len(claim.lapsed)
    return total


def _hand_over(timer_ids: Sequence[UUID], at: datetime) -> bool:
    """Enqueue one job for all; say whether Redis took it. A job older than its claim's lease is not worth doing."""
    if time.monotonic() < _silent.until:
        return False
    try:
        # A connection with time-outs, which that of a worker must not have; and at once: the claim is committed.
        queue = get_queue(QUEUE, connection=client(), commit_mode="auto")
        queue.enqueue(
            advance_due,
            [str(each) for each in timer_ids],
            at.isoformat(),
            ttl=int(services.LEASE.total_seconds()),
            result_ttl=0,
            failure_ttl=24 * 3600,
        )
    except redis.RedisError as error:
        _silent.until = time.monotonic() + SILENCE_SECONDS
        log.warning("lifecycle.redis_away", error=str(error))
        return False
    return True


class _Silence:
    """Until when Redis is not asked again."""

    until = 0.0


_silent = _Silence()
