"""The worker: jobs carry JSON, a Redis that goes away is waited for, and a signal lets the job in hand finish."""

from __future__ import annotations

import os
import signal
import threading
import time
import zlib
from collections.abc import Iterator

import pytest
import redis
from django_rq import get_queue

from apps.core import working
from apps.core.redis import client
from apps.core.stopping import StopRequest
from apps.core.working import Worker, run_worker

# A worker gives its database connections back after every job, so it must be allowed to have one.
pytestmark = pytest.mark.django_db

QUEUES = ("transitions", "default")
done: list[list[str]] = []


def note(words: list[str]) -> None:
    """A job."""
    done.append(words)


def note_and_stop(words: list[str]) -> None:
    """A job in whose middle the process is told to stop."""
    os.kill(os.getpid(), signal.SIGTERM)
    done.append(words)


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Begin with empty queues and give the signals back."""
    client().flushdb()
    done.clear()
    monkeypatch.setattr(working, "RETRY_SECONDS", 0.01)
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
    yield
    for each, handler in before.items():
        signal.signal(each, handler)


def test_a_job_in_hand_is_finished_and_the_next_is_left() -> None:
    queue = get_queue("default", commit_mode="auto")
    queue.enqueue(note, ["first"])
    queue.enqueue(note_and_stop, ["second"])
    queue.enqueue(note, ["third"])
    run_worker(QUEUES, StopRequest())
    assert (done, queue.count) == ([["first"], ["second"]], 1)


def test_the_first_queue_goes_first() -> None:
    get_queue("default", commit_mode="auto").enqueue(note_and_stop, ["later"])
    get_queue("transitions", commit_mode="auto").enqueue(note, ["sooner"])
    run_worker(QUEUES, StopRequest())
    assert done == [["sooner"], ["later"]]


def test_jobs_are_json_and_nothing_else() -> None:
    queue = get_queue("default", commit_mode="auto")
    with pytest.raises(TypeError):
        queue.enqueue(note, [object()])
    job = queue.enqueue(note, ["plain"])
    stored = client().hget(f"rq:job:{job.id}", "data")
    assert isinstance(stored, bytes)
    assert b"plain" in zlib.decompress(stored)


def test_a_worker_waits_for_redis(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    get_queue("default", commit_mode="auto").enqueue(note_and_stop, ["at last"])
    genuine, absences = Worker.work, [redis.ConnectionError("Connection refused.")] * 3

    def work(self: Worker, **options: object) -> bool:
        if absences:
            raise absences.pop()
        return genuine(self, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Worker, "work", work)
    run_worker(QUEUES, StopRequest())
    assert done == [["at last"]]
    assert caplog.text.count("worker.redis_away") == 1


def test_an_idle_worker_stops_at_once() -> None:
    def stop_when_idle() -> None:
        place = client().connection_pool.connection_kwargs["db"]
        while not any("b" in each["flags"] and int(each["db"]) == place for each in client().client_list()):
            time.sleep(0.01)  # nobody waits for a job yet
        os.kill(os.getpid(), signal.SIGTERM)

    stopping = threading.Thread(target=stop_when_idle, daemon=True)
    stopping.start()
    run_worker(QUEUES, StopRequest())
    stopping.join()
    assert done == []
