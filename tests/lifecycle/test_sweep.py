"""The sweep: workers make what is due, and the clock makes it itself when they, or Redis, are away."""

from __future__ import annotations

from datetime import timedelta

import pytest
import redis
from django_rq import get_queue
from rq.worker import SimpleWorker

from apps.access.models import Organisation
from apps.core import clock
from apps.core.redis import client
from apps.incidents.models import Incident
from apps.lifecycle import jobs
from apps.lifecycle.models import Timer, Transition
from apps.lifecycle.services import LEASE
from tests.factories.access import make_organisation
from tests.factories.core import NOON
from tests.factories.incidents import make_incident

pytestmark = pytest.mark.django_db
DUE = NOON + timedelta(minutes=5)


@pytest.fixture
def harbour() -> Organisation:
    return make_organisation()


@pytest.fixture(autouse=True)
def _quiet_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin with empty queues, and with a Redis that nobody has found missing yet."""
    client().flushdb()
    monkeypatch.setattr(jobs._silent, "until", 0.0)
    monkeypatch.setattr(clock, "now", lambda: DUE)


def waiting(harbour: Organisation, number: int = 3) -> list[Incident]:
    return [make_incident(harbour, escalate_after=timedelta(minutes=5)) for _ in range(number)]


def escalated() -> int:
    return Incident.objects.filter(state="escalated").count()


def work() -> None:
    """Run what is in the queue, as a worker does."""
    queue = get_queue(jobs.QUEUE)
    SimpleWorker([queue], connection=queue.connection, serializer=queue.serializer).work(
        burst=True, logging_level="WARNING"
    )


def break_redis(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let every attempt to enqueue fail; return the attempts."""
    attempts: list[str] = []

    def away(*_: object, **__: object) -> None:
        attempts.append("enqueue")
        raise redis.ConnectionError("Connection refused.")

    monkeypatch.setattr(jobs, "get_queue", away)
    return attempts


def test_what_is_due_goes_to_a_worker_in_one_job(harbour: Organisation) -> None:
    waiting(harbour)
    assert jobs.sweep(DUE) == 3
    queue = get_queue(jobs.QUEUE)
    assert (queue.count, escalated()) == (1, 0)
    [job] = queue.jobs
    assert sorted(job.args[0]) == sorted(str(key) for key in Timer.objects.values_list("id", flat=True))
    work()
    assert (queue.count, escalated()) == (0, 3)


def test_nothing_due_is_nothing_done(harbour: Organisation) -> None:
    waiting(harbour)
    assert jobs.sweep(NOON) == 0
    assert get_queue(jobs.QUEUE).count == 0


def test_the_clock_makes_it_itself_when_redis_is_away(harbour: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting(harbour)
    break_redis(monkeypatch)
    assert jobs.sweep(DUE) == 3
    assert (escalated(), Timer.objects.count()) == (3, 0)


def test_a_redis_that_is_away_is_not_asked_for_every_batch(
    harbour: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting(harbour, 5)
    monkeypatch.setattr(jobs, "BATCH", 1)
    attempts = break_redis(monkeypatch)
    assert jobs.sweep(DUE) == 5
    assert (attempts, escalated()) == (["enqueue"], 5)


def test_the_clock_makes_what_no_worker_made(harbour: Organisation) -> None:
    """Redis lost the job, or the worker died with it: the lease runs out, and nobody is asked a second time."""
    waiting(harbour)
    jobs.sweep(DUE)
    client().flushdb()
    assert jobs.sweep(DUE + LEASE / 2) == 0
    assert jobs.sweep(DUE + LEASE) == 3
    assert (escalated(), get_queue(jobs.QUEUE).count) == (3, 0)


def test_a_worker_that_comes_too_late_makes_nothing_twice(harbour: Organisation) -> None:
    waiting(harbour)
    jobs.sweep(DUE)
    jobs.sweep(DUE + LEASE)
    work()
    assert Transition.objects.filter(name="escalate").count() == 3


def test_more_than_a_batch_is_swept_at_once(harbour: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting(harbour, 5)
    monkeypatch.setattr(jobs, "BATCH", 2)
    assert jobs.sweep(DUE) == 5
    work()
    assert escalated() == 5
