"""Makes the calls that are owed to services. RQ carries wake-ups and nothing else; what is owed stands in PostgreSQL.

One run serves all services, a bounded number of calls at a time, so that a slow one keeps no other waiting. Without
Redis or workers the clock calls by itself.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from typing import Final, TypeVar

import aiohttp
from django.db import close_old_connections

from apps.core import clock
from apps.core.outbound import Answer, open_client, send
from apps.core.working import is_awake, wake_worker
from apps.events.rules.webhooks import read_retry_after
from apps.lifecycle import services
from apps.lifecycle.models.calls import LONGEST_TIMEOUT
from apps.lifecycle.services.calling import Request, Response

QUEUE: Final = "calls"
SLOTS: Final = 64
# A run ends after this, even with more to do: other jobs wait for the same worker.
RUN_SECONDS: Final = 5.0
# What no worker has taken for so long, the clock calls.
PATIENCE: Final = timedelta(seconds=5)
T = TypeVar("T")


def sweep_calls(at: datetime) -> int:
    """Give up what is too late, and see that what is due is called; return how much was done. A tick of the clock."""
    done = services.expire_calls(at)
    if services.is_call_due(at, since=PATIENCE):
        return done + call_services()
    if services.is_call_due(at):
        wake()
    return done


def call_services() -> int:
    """Make the calls that are due; return how many were sent. RQ entry point; any number may run."""
    is_awake(QUEUE)
    sent = asyncio.run(_run())
    if sent and services.is_call_due(clock.now()):
        wake()
    return sent


def wake() -> bool:
    """Ask for a worker, unless one has been asked for just now; say whether Redis heard it."""
    return wake_worker(QUEUE, call_services, seconds=int(RUN_SECONDS + LONGEST_TIMEOUT.total_seconds()) + 30)


async def _run() -> int:
    """Claim, send and settle until nothing is due or the time is over; return how many calls were sent."""
    ends_at, sent = time.monotonic() + RUN_SECONDS, 0
    in_hand: set[asyncio.Task[None]] = set()
    with ThreadPoolExecutor(1, thread_name_prefix="calls") as thread:
        try:
            async with open_client(per_host=SLOTS) as session:
                while True:
                    free = SLOTS - len(in_hand) if time.monotonic() < ends_at else 0
                    requests = await _in(thread, partial(_claim, free))
                    in_hand |= {asyncio.create_task(_call(session, thread, request)) for request in requests}
                    sent += len(requests)
                    if not in_hand:
                        return sent
                    done, in_hand = await asyncio.wait(in_hand, return_when=asyncio.FIRST_COMPLETED)
                    for task in done:
                        task.result()
        finally:
            await _in(thread, close_old_connections)


def _claim(free: int) -> list[Request]:
    return services.claim_calls(free, clock.now()) if free else []


async def _call(session: aiohttp.ClientSession, thread: ThreadPoolExecutor, request: Request) -> None:
    """Send one request and settle it; nothing where this process slept for so long that it is another's by now."""
    if clock.now() + request.timeout > request.until:
        return
    seconds = request.timeout.total_seconds()
    if request.fault:
        answer = Answer(status=None, error=request.fault)
    else:
        answer = await send(session, request.method, request.url, request.body, request.headers, seconds=seconds)
    at = clock.now()
    response = Response(
        request=request,
        status=answer.status,
        error=answer.error,
        body=answer.body,
        retry_after=read_retry_after(answer.headers.get("Retry-After"), at),
    )
    await _in(thread, lambda: services.settle_call(response, at=at))


async def _in(thread: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    """Do what talks to the database in the run's own thread."""
    return await asyncio.get_running_loop().run_in_executor(thread, work)
