"""What makes the registered ticks run: a leader, a thread for each tick, and a doorbell.

Any number of clocks may run. The one that holds an advisory lock in PostgreSQL works, the others stand by. The lock
belongs to a connection of its own, so whoever dies or loses the database gives it up. For a moment there may be two
leaders, one of which does not know yet; ticks are safe under that.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Final, cast

import psycopg
import redis
import structlog
from django.db import InterfaceError, OperationalError, connections

from apps.core import clock
from apps.core.connections import forget_connections
from apps.core.redis import channel_name, client, say_begun
from apps.core.stopping import StopRequest
from apps.core.ticks import Tick

if TYPE_CHECKING:
    from django.db.backends.postgresql.base import DatabaseWrapper

CLOCK_LOCK: Final = 0x77665F636C6F636B  # «wf_clock»
BEAT_SECONDS: Final = 1.0
PAUSE_SECONDS: Final = 1.0
JOIN_SECONDS: Final = 10.0
# Ticks that come more rarely give their connection back after each run.
RARE: Final = timedelta(minutes=1)
# What ticks do in threads of their own takes connections as well.
SPARE_CONNECTIONS: Final = 8

log = structlog.get_logger(__name__)


def run_clock(ticks: Sequence[Tick], stop: StopRequest) -> None:
    """Lead whenever nobody else does, until told to stop. Outlives restarts of PostgreSQL and needs no Redis."""
    while not stop.is_made():
        try:
            with _own_connection() as leadership:
                if _wait_for_leadership(leadership, stop):
                    _lead(leadership, ticks, stop)
        except psycopg.Error as error:
            log.warning("clock.database_away", error=str(error).strip())
            stop.wait(PAUSE_SECONDS)


@contextmanager
def _own_connection() -> Iterator[psycopg.Connection]:
    """Yield a connection that is in no pool: a lock of the session must not wander to somebody else."""
    parameters = connections["default"].get_connection_params()
    parameters |= {"application_name": "watchfloor clock", "connect_timeout": 5, "tcp_user_timeout": 10_000}
    own = psycopg.connect(**parameters, autocommit=True)
    try:
        yield own
    finally:
        own.close()


def _wait_for_leadership(leadership: psycopg.Connection, stop: StopRequest) -> bool:
    """Return when this clock leads, or must stop; say which."""
    is_standing_by = False
    while not stop.is_made():
        row = leadership.execute("SELECT pg_try_advisory_lock(%s)", [CLOCK_LOCK]).fetchone()
        if row and row[0]:
            log.info("clock.leads")
            return True
        if not is_standing_by:
            log.info("clock.stands_by")
            is_standing_by = True
        stop.wait(BEAT_SECONDS)
    return False


def _lead(leadership: psycopg.Connection, ticks: Sequence[Tick], stop: StopRequest) -> None:
    """Run the ticks until told to stop, or a thread has died, or the lock's connection is lost (``psycopg.Error``)."""
    _make_room_for(ticks)
    say_begun()
    runners = [TickRunner(tick) for tick in ticks]
    doorbell = Doorbell(runners)
    threads: list[TickRunner | Doorbell] = [doorbell, *runners]
    for thread in threads:
        thread.start()
    try:
        while not stop.wait(BEAT_SECONDS) and all(each.is_alive() for each in runners):
            leadership.execute("SELECT 1")
    finally:
        for thread in threads:
            thread.end()
        for thread in threads:
            thread.join(JOIN_SECONDS)
        log.info("clock.stopped", still_running=[each.name for each in runners if each.is_alive()])


def _make_room_for(ticks: Sequence[Tick]) -> None:
    """Let the pool hold a connection for every tick: one that waited for another's would wait for ever."""
    database = cast("DatabaseWrapper", connections["default"])
    pool = database.pool
    needed = len(ticks) + SPARE_CONNECTIONS
    if pool is not None and pool.max_size < needed:
        pool.resize(pool.min_size, needed)


class TickRunner(threading.Thread):
    """Runs one tick, again and again, on a database connection of its own.

    A tick that fails is logged and run again; it stops neither itself nor the others.
    """

    def __init__(self, tick: Tick) -> None:
        super().__init__(name=f"tick-{tick.name}", daemon=True)
        self.tick = tick
        self._is_awake = threading.Event()
        self._is_ended = threading.Event()

    def wake(self) -> None:
        """Run the tick now, or once more if it is running."""
        self._is_awake.set()

    def end(self) -> None:
        """Let the tick that is running finish, and run no more."""
        self._is_ended.set()
        self._is_awake.set()

    def run(self) -> None:
        """Run until ended."""
        while not self._is_ended.is_set():
            # Forgotten before the work and not after it: who rings meanwhile may have come too late to be seen.
            self._is_awake.clear()
            self._run_once()
            if self.tick.every >= RARE:
                connections.close_all()
            if not self._is_ended.is_set():
                self._is_awake.wait(self.tick.every.total_seconds())
        connections.close_all()

    def _run_once(self) -> None:
        try:
            self.tick.run(clock.now())
        except (OperationalError, InterfaceError) as error:
            log.warning("clock.tick_without_database", tick=self.tick.name, error=str(error).strip())
            self._recover()
        except Exception:
            log.exception("clock.tick_failed", tick=self.tick.name)
            self._recover()

    def _recover(self) -> None:
        """Give the connection up, whatever state it is in, and do not try again at once."""
        forget_connections()
        self._is_ended.wait(PAUSE_SECONDS)


class Doorbell(threading.Thread):
    """Wakes ticks up when somebody rings. Without Redis it is silent, and the ticks run at their intervals."""

    def __init__(self, runners: Sequence[TickRunner]) -> None:
        super().__init__(name="doorbell", daemon=True)
        self._runners = [runner for runner in runners if runner.tick.wake]
        self._is_ended = threading.Event()

    def end(self) -> None:
        """Stop listening."""
        self._is_ended.set()

    def run(self) -> None:
        """Listen until ended."""
        is_away = False
        while self._runners and not self._is_ended.is_set():
            try:
                self._listen()
            except (redis.RedisError, OSError) as error:
                if not is_away:
                    log.warning("clock.redis_away", error=str(error))
                is_away = True
                self._is_ended.wait(PAUSE_SECONDS)

    def _listen(self) -> None:
        runners = {channel_name(runner.tick.wake or "").encode(): runner for runner in self._runners}
        with client().pubsub(ignore_subscribe_messages=True) as bell:  # type: ignore[no-untyped-call]  # redis-py's
            bell.subscribe(*runners)
            for runner in self._runners:  # for who rang before we listened
                runner.wake()
            while not self._is_ended.is_set():
                message = bell.get_message(timeout=BEAT_SECONDS)
                if message is not None:
                    runners[message["channel"]].wake()
