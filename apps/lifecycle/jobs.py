"""The sweeps over due timers, owed effects and migrations that go on, and the jobs that do them.

PostgreSQL holds both; RQ only carries their ids to a worker. A claim that no worker honours within its lease,
because Redis lost the job or the worker died, is done by the clock itself: nothing depends on Redis.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import redis
import structlog
from django_rq import get_queue

from apps.core import clock
from apps.core.redis import client
from apps.events.services import relay
from apps.lifecycle import services

QUEUE: Final = "transitions"
EFFECTS_QUEUE: Final = "effects"
BATCH: Final = 500
# A worker does not stay with one migration for longer while others wait.
TURN_SECONDS: Final = 5.0
# A Redis that hangs, rather than refuses, costs its time-out once in so many seconds.
SILENCE_SECONDS: Final = 5.0

log = structlog.get_logger(__name__)


def advance_due(timer_ids: list[str], claimed_at: str) -> int:
    """RQ entry point: make the transitions that these timers owe. Safe to run twice.

    What was due when it was claimed is due now, even if this machine's clock lags behind the other's.
    """
    at = max(clock.now(), datetime.fromisoformat(claimed_at))
    return services.advance_due([UUID(each) for each in timer_ids], at=at)


def perform_effects(effect_ids: list[str], claimed_at: str) -> int:
    """RQ entry point: perform these effects, and those behind them. Safe to run twice."""
    at = max(clock.now(), datetime.fromisoformat(claimed_at))
    return services.perform_effects([UUID(each) for each in effect_ids], at=at)


def continue_run(run_id: str, claimed_at: str) -> int:
    """RQ entry point: go on with a migration for a while; return how many batches were done. Safe to run twice."""
    return _continue_run(UUID(run_id), datetime.fromisoformat(claimed_at))


def sweep(at: datetime) -> int:
    """Claim what is due and see that it is made; return how many timers were claimed. A tick of the clock.

    What is claimed for the first time goes to the workers; what comes back from a lapsed claim is made here.
    """
    total = 0
    while claim := services.claim_due(BATCH, at):
        # What happened before they were due comes first, also what the relay has not come to yet.
        relay(at)
        services.read_log(at)
        own = list(claim.lapsed)
        if claim.fresh and not _hand_over(QUEUE, advance_due, claim.fresh, at, services.LEASE):
            own += claim.fresh
        services.advance_due(own, at=at)
        total += len(claim.fresh) + len(claim.lapsed)
    return total


def sweep_effects(at: datetime) -> int:
    """Claim the effects that are owed and see that they are performed; return how many were claimed. A tick."""
    total = 0
    while claim := services.claim_effects(BATCH, at):
        own = list(claim.lapsed)
        if claim.fresh and not _hand_over(EFFECTS_QUEUE, perform_effects, claim.fresh, at, services.EFFECT_LEASE):
            own += claim.fresh
        services.perform_effects(own, at=at)
        total += len(claim.fresh) + len(claim.lapsed)
    return total


def sweep_runs(at: datetime) -> int:
    """Claim the migrations that go on and see that somebody does; return how many were claimed. A tick."""
    claim = services.claim_runs(at)
    for run_id in (*claim.fresh, *claim.lapsed):
        is_taken = run_id in claim.fresh and _hand_over(EFFECTS_QUEUE, continue_run, run_id, at, services.RUN_LEASE)
        if not is_taken:
            _continue_run(run_id, at)
    return len(claim.fresh) + len(claim.lapsed)


def _continue_run(run_id: UUID, claimed_at: datetime) -> int:
    until, batches = time.monotonic() + TURN_SECONDS, 0
    while services.continue_run(run_id, at=max(clock.now(), claimed_at)):
        batches += 1
        if time.monotonic() > until:
            services.release_run(run_id, at=max(clock.now(), claimed_at))
            break
    return batches


def _hand_over(
    queue_name: str, job: Callable[[Any, str], int], ids: UUID | Sequence[UUID], at: datetime, lease: timedelta
) -> bool:
    """Enqueue one job for all; say whether Redis took it. A job older than its claim's lease is not worth doing."""
    if time.monotonic() < _silent.until:
        return False
    try:
        # A connection with time-outs, which that of a worker must not have; and at once: the claim is committed.
        queue = get_queue(queue_name, connection=client(), commit_mode="auto")
        queue.enqueue(
            job,
            str(ids) if isinstance(ids, UUID) else [str(each) for each in ids],
            at.isoformat(),
            ttl=int(lease.total_seconds()),
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
