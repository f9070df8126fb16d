"""Sends what is owed to endpoints. RQ carries wake-ups and nothing else; what is owed stands in PostgreSQL.

One run serves all endpoints, a bounded number of messages at a time and of each endpoint, so that a slow receiver
keeps no other waiting. Without Redis or workers the clock sends by itself.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, TypeVar
from uuid import UUID

import aiohttp
import uvloop
from django.conf import settings
from django.db import close_old_connections

from apps.core import clock
from apps.core.outbound import open_client, post
from apps.core.working import is_awake, wake_worker
from apps.events.services.delivering import (
    Message,
    Result,
    claim,
    is_anything_due,
    is_overdue,
    next_pace,
    settle,
)
from apps.events.services.owing import owe_events

QUEUE: Final = "webhooks"
# In hand at once, and of these of one endpoint: the database is asked for batches, since it costs ten times a message.
SLOTS: Final = 512
PER_ENDPOINT: Final = 256
# Requests that one endpoint gets at the same time from one worker.
CONNECTIONS: Final = 16
# How long answers are gathered, to be settled together: until half of what is in hand has come, or for so long.
GATHER_SECONDS: Final = 0.1
# Messages of one subject are sent in one go for so long at most, before they are settled.
CHAIN_SECONDS: Final = 0.5
# A run takes no more in hand after this, even with more to do: other jobs wait for the same worker.
RUN_SECONDS: Final = 2.0
# A run waits no longer than this for an endpoint that is held back by its rate; the clock wakes a worker for it.
LONGEST_PACE_SECONDS: Final = 1.0
# What no worker has taken for so long, the clock sends.
PATIENCE: Final = timedelta(seconds=5)
T = TypeVar("T")


def owe(at: datetime) -> int:
    """Let endpoints read on in the log, and wake a worker for what is due. A tick of the clock."""
    owed = owe_events(at)
    if is_overdue(at, PATIENCE):
        return owed + deliver()
    if is_anything_due(at):
        wake()
    return owed


def deliver() -> int:
    """Send what is due; return how many messages were sent. RQ entry point; any number may run."""
    is_awake(QUEUE)
    sent = uvloop.run(_Run().run())
    if sent and is_anything_due(clock.now()):
        wake()
    return sent


def wake() -> bool:
    """Ask for a worker, unless one has been asked for just now; say whether Redis heard it."""
    return wake_worker(QUEUE, deliver, seconds=_job_seconds())


def _job_seconds() -> int:
    """Return when a run hangs: it ends after its time and the last answer."""
    return int(RUN_SECONDS + settings.WATCHFLOOR.webhook_timeout.total_seconds()) + 30


@dataclass(slots=True)
class _Run:
    """One run of the dispatcher: what is in hand, and the thread that talks to the database."""

    in_hand: dict[asyncio.Task[list[Result]], Sequence[Message]] = field(default_factory=dict)
    sent: int = 0
    _turns: defaultdict[UUID, asyncio.Semaphore] = field(
        default_factory=lambda: defaultdict(lambda: asyncio.Semaphore(CONNECTIONS))
    )
    _thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="webhooks"))

    async def run(self) -> int:
        """Claim, send and settle until nothing is due or the time is over; return how many messages were sent."""
        ends_at = time.monotonic() + RUN_SECONDS
        try:
            async with open_client(per_host=0) as session:
                while True:
                    left = ends_at - time.monotonic()
                    await self._claim(session, is_over=left <= 0)
                    if self.in_hand:
                        await self._settle()
                    elif not await self._pace(left):
                        return self.sent
        finally:
            await self._in_thread(close_old_connections)
            self._thread.shutdown()

    async def _claim(self, session: aiohttp.ClientSession, *, is_over: bool) -> None:
        held = Counter(message.endpoint_id for chain in self.in_hand.values() for message in chain)
        free = SLOTS - held.total()
        if is_over or free < SLOTS // 2:
            return
        chains: defaultdict[tuple[UUID, str], list[Message]] = defaultdict(list)
        for message in await self._in_thread(lambda: claim(free, held, each=PER_ENDPOINT, at=clock.now())):
            chains[message.endpoint_id, message.subject].append(message)
        for (endpoint_id, _), chain in chains.items():
            self.in_hand[asyncio.create_task(_send_chain(session, chain, self._turns[endpoint_id]))] = chain

    async def _pace(self, left: float) -> bool:
        """Wait for an endpoint that is held back by its rate; say whether one is, within the time that is left."""
        at = clock.now()
        until = await self._in_thread(lambda: next_pace(at))
        wait = None if until is None else max((until - at).total_seconds(), 0.0)
        if wait is None or wait >= min(left, LONGEST_PACE_SECONDS):
            return False
        await asyncio.sleep(wait)
        return True

    async def _settle(self) -> None:
        """Wait for the first answers, and settle all that are there when enough have come or enough time is over."""
        done, left = await asyncio.wait(self.in_hand, return_when=asyncio.FIRST_COMPLETED)
        until = time.monotonic() + GATHER_SECONDS
        while len(done) < len(left) and (pause := until - time.monotonic()) > 0:
            more, left = await asyncio.wait(left, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
            done |= more
        results, late = list[Result](), list[Message]()
        for task in done:
            sent = task.result()
            results += sent
            late += self.in_hand.pop(task)[len(sent) :]
        self.sent += len(results)
        await self._in_thread(lambda: settle(results, late=late, at=clock.now()))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


async def _send_chain(
    session: aiohttp.ClientSession, chain: Sequence[Message], turns: asyncio.Semaphore
) -> list[Result]:
    """Send messages of one subject one after another, in their turn; return how those went that were sent.

    It ends with the first that was not delivered, and after a while: what was sent is to be settled soon.
    """
    results: list[Result] = []
    async with turns:
        ends_at = time.monotonic() + CHAIN_SECONDS
        for message in chain:
            result = await _send(session, message)
            if result is None:
                break
            results.append(result)
            if not result.is_delivered or time.monotonic() > ends_at:
                break
    return results


async def _send(session: aiohttp.ClientSession, message: Message) -> Result | None:
    """Send one message; ``None`` when its turn has come so late that its lease might end meanwhile."""
    timeout = settings.WATCHFLOOR.webhook_timeout
    sent_at, began = clock.now(), time.monotonic()
    if sent_at + timeout > message.until:
        return None
    answer = await post(session, message.url, message.body, message.headers, seconds=timeout.total_seconds())
    return Result(
        message=message,
        sent_at=sent_at,
        duration=timedelta(seconds=time.monotonic() - began),
        status=answer.status,
        error=answer.error,
        answer=answer.body,
        retry_after=answer.headers.get("Retry-After"),
    )
