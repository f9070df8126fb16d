"""The clock: one leads, ticks run on time and when rung, and neither PostgreSQL nor Redis can end it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import psycopg_pool
import pytest
import redis
from django.db import OperationalError, connection, connections

from apps.core import clockwork
from apps.core.clockwork import CLOCK_LOCK, run_clock
from apps.core.redis import ring
from apps.core.stopping import StopRequest
from apps.core.ticks import Tick

pytestmark = pytest.mark.django_db(transaction=True)
OFTEN, SELDOM = timedelta(milliseconds=20), timedelta(hours=1)
PATIENCE_SECONDS = 60.0


@pytest.fixture(autouse=True)
def _brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everything that waits for a second wait for less."""
    monkeypatch.setattr(clockwork, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(clockwork, "PAUSE_SECONDS", 0.05)


class Counted:
    """A tick that counts its runs; ``fails_with`` is raised instead, as long as there is any."""

    def __init__(self, *, every: timedelta = OFTEN, wake: str | None = None, fails_with: list[Exception] | None = None):
        self.runs = 0
        self.failures = fails_with or []
        self.tick = Tick(name="counted", every=every, run=self.run, wake=wake)

    def run(self, at: datetime) -> int:
        self.runs += 1
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        if self.failures:
            raise self.failures.pop()
        return 1

    def runs_on(self) -> bool:
        """Say whether it runs again after now."""
        before = self.runs
        return eventually(lambda: self.runs > before + 1)


@contextmanager
def running(*ticks: Tick) -> Iterator[StopRequest]:
    """Run a clock in a thread, and stop it."""
    stop = StopRequest()
    thread = threading.Thread(target=run_clock, args=(ticks, stop))
    thread.start()
    try:
        yield stop
    finally:
        stop.make()
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()


def eventually(is_so: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.01)
    return is_so()


def rings(channel: str) -> bool:
    ring(channel)
    return True


def leaders() -> list[int]:
    """Return the database processes that hold the clock's lock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = "
            "(SELECT oid FROM pg_database WHERE datname = current_database()) "
            "AND (classid::bigint << 32 | objid::bigint) = %s",
            [CLOCK_LOCK],
        )
        return [pid for (pid,) in cursor.fetchall()]


def test_a_tick_runs_again_and_again_until_the_clock_stops() -> None:
    counted = Counted()
    with running(counted.tick):
        assert counted.runs_on()
        assert len(leaders()) == 1
    runs = counted.runs
    assert eventually(lambda: leaders() == [])  # the server notices a moment later that the connection is closed
    assert counted.runs == runs


def test_a_tick_that_is_rung_does_not_wait_for_its_interval() -> None:
    counted = Counted(every=SELDOM, wake="clock-test")
    with running(counted.tick):
        # Once at the start, and at most once more when the bell was hung up; all others are rung.
        for expected in (3, 4, 5):
            assert eventually(lambda: rings("clock-test") and counted.runs >= expected)  # noqa: B023  called at once


def test_a_tick_that_fails_stops_neither_itself_nor_others(caplog: pytest.LogCaptureFixture) -> None:
    failing = Counted(fails_with=[ValueError("no"), OperationalError("server closed the connection")])
    healthy = Counted()
    with running(failing.tick, healthy.tick):
        assert failing.runs_on()
        assert healthy.runs_on()
        assert failing.failures == []
    assert "clock.tick_failed" in caplog.text


def test_of_two_clocks_one_works_and_the_other_takes_over() -> None:
    first, second = Counted(), Counted()
    with running(first.tick) as stop_first:
        assert first.runs_on()
        with running(second.tick):
            assert first.runs_on()
            assert second.runs == 0
            stop_first.make()
            assert second.runs_on()


def test_a_leader_that_loses_the_database_comes_back() -> None:
    counted = Counted()
    with running(counted.tick):
        assert counted.runs_on()
        [before] = leaders()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        assert eventually(lambda: bool(leaders()) and leaders() != [before])
        assert counted.runs_on()


def test_the_clock_needs_no_redis(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def away() -> redis.Redis:
        raise redis.ConnectionError("Connection refused.")

    monkeypatch.setattr(clockwork, "client", away)
    counted = Counted(wake="clock-test")
    with running(counted.tick):
        assert counted.runs_on()
    assert caplog.text.count("clock.redis_away") == 1


def test_a_ring_during_the_work_is_not_lost() -> None:
    """What is committed while the tick looks may be missed by it: the bell must make it look again."""
    runs: list[threading.Event] = [threading.Event(), threading.Event()]
    is_working, may_go_on = threading.Event(), threading.Event()

    def work(at: datetime) -> int:
        if not runs[0].is_set():
            runs[0].set()
            is_working.set()
            may_go_on.wait(PATIENCE_SECONDS)
        else:
            runs[1].set()
        return 0

    runner = clockwork.TickRunner(Tick(name="slow", every=SELDOM, run=work, wake="x"))
    runner.start()
    assert is_working.wait(PATIENCE_SECONDS)
    runner.wake()
    may_go_on.set()
    assert runs[1].wait(PATIENCE_SECONDS)
    runner.end()
    runner.join(PATIENCE_SECONDS)
    assert not runner.is_alive()


def test_every_tick_has_a_connection_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pool that is smaller than the ticks are many would keep some of them waiting for ever."""
    with psycopg_pool.ConnectionPool(min_size=0, max_size=4, open=False) as pool:
        monkeypatch.setattr(type(connections["default"]), "pool", property(lambda _: pool))
        clockwork._make_room_for([Counted().tick] * 22)
        assert pool.max_size >= 22
        clockwork._make_room_for([])
        assert pool.max_size >= 22
