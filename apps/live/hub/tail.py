"""Where the log ends, watched once for all streams of a process; and whose credentials have ended meanwhile.

Streams read for themselves, a page at a time, under the permissions of that moment: nothing is kept between pages.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

import structlog
from django.db import Error

from apps.access.types import Actor
from apps.core import clock
from apps.events.types import Cursor
from apps.live import metrics, queries
from apps.live.hub.doorbell import Doorbell
from apps.live.hub.threads import DatabaseThread
from apps.live.queries import SignIn

P = ParamSpec("P")
R = TypeVar("R")
READERS: Final = 2
POLL_S: Final = 0.5
STANDING_S: Final = 2.0
BLIND_S: Final = 10.0
log = structlog.get_logger(__name__)


class Listener:
    """One stream as the tail knows it: who reads, once that is known, and whether it is over."""

    def __init__(self) -> None:
        self.actor: Actor | None = None
        self.sign_in: SignIn | None = None
        self.is_over = False
        self.wake = asyncio.Event()

    def end(self) -> None:
        """Let the stream end."""
        self.is_over = True
        self.wake.set()


class Tail:
    """Begins with the first stream of a loop and ends with the last."""

    def __init__(self) -> None:
        self.head: Cursor | None = None
        self.listeners: set[Listener] = set()
        self._threads = [DatabaseThread(f"stream-{number}") for number in range(READERS)]
        self._watching = DatabaseThread("stream-head")
        self._bell = asyncio.Event()
        self._doorbell = Doorbell(on_ring=self._bell.set, on_positions=_ignore, on_back=self._bell.set)
        self._tasks: list[asyncio.Task[None]] = []
        self._seen_at = asyncio.get_running_loop().time()

    def enter(self, listener: Listener) -> None:
        """Watch for one stream more."""
        self.listeners.add(listener)
        metrics.STREAMS.inc()
        if not self._tasks:
            loop = asyncio.get_running_loop()
            self._tasks = [loop.create_task(work) for work in (self._doorbell.listen(), self._watch(), self._stand())]

    def leave(self, listener: Listener) -> None:
        """Let go of a stream; the last one ends everything."""
        self.listeners.discard(listener)
        metrics.STREAMS.dec()
        if self.listeners:
            return
        for task in self._tasks:
            task.cancel()
        for thread in (*self._threads, self._watching):
            thread.close()
        _tails.pop(asyncio.get_running_loop(), None)

    async def read(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what a query returns, from the thread with the least to do."""
        thread = min(self._threads, key=lambda thread: thread.waiting)
        return await thread.run(function, *args, **kwargs)

    async def _watch(self) -> None:
        """Look where the log ends, whenever somebody rings and at least twice a second, and wake the streams."""
        loop = asyncio.get_running_loop()
        while True:
            self._bell.clear()
            try:
                cursor = await self._watching.run(queries.end_of_log)
            except Error as error:
                self._fail_closed(loop.time(), error)
            else:
                self._seen_at = loop.time()
                if cursor != self.head:  # with its epoch: another log may end at the same number
                    self.head = cursor
                    for listener in self.listeners:
                        listener.wake.set()
            try:
                async with asyncio.timeout(POLL_S):
                    await self._bell.wait()
            except TimeoutError:
                pass

    def _fail_closed(self, now: float, error: Error) -> None:
        """End streams of whom nobody can say any more what they may see."""
        if now - self._seen_at > BLIND_S:
            log.warning("streams.log_unreadable", error=str(error))
            for listener in tuple(self.listeners):
                listener.end()

    async def _stand(self) -> None:
        """End the streams of those who are nobody any more."""
        while True:
            await asyncio.sleep(STANDING_S)
            actors = {listener.actor for listener in self.listeners if listener.actor is not None}
            sign_ins = {listener.sign_in for listener in self.listeners if listener.sign_in is not None}
            try:
                fallen = await self._watching.run(queries.fallen, actors)
                ended = await self._watching.run(queries.ended_sessions, sign_ins, clock.now())
            except Error:
                continue  # the watcher notices as well, and fails closed
            for listener in tuple(self.listeners):
                is_out = listener.sign_in is not None and listener.sign_in.session_key in ended
                if is_out or listener.actor in fallen:
                    listener.end()


_tails: WeakKeyDictionary[asyncio.AbstractEventLoop, Tail] = WeakKeyDictionary()


def tail_of_this_loop() -> Tail:
    """Return the tail of the running loop, a new one when the last has ended."""
    loop = asyncio.get_running_loop()
    tail = _tails.get(loop)
    if tail is None:
        tail = _tails[loop] = Tail()
    return tail


def end_streams() -> None:
    """Let every stream of this loop end, for a graceful stop; clients come back by themselves."""
    tail = _tails.get(asyncio.get_running_loop())
    for listener in tuple(tail.listeners) if tail else ():
        listener.end()


async def _ignore(_: bytes) -> None:
    """Positions are not for streams."""
