"""Listens to Redis: rings of the log, and the positions lane. What it misses, polling and mending make good."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import redis
import structlog
from redis.asyncio.client import PubSub

from apps.core.redis import MISSED, async_client, channel_name

EVENTS: Final = "events"
POSITIONS: Final = "positions"
CHANNELS: Final = (EVENTS, POSITIONS, MISSED)
RETRY_S: Final = 0.5
# How long one look for a message lasts; between two looks a silent connection is asked for a sign of life.
LISTEN_S: Final = 5.0
log = structlog.get_logger(__name__)


class Doorbell:
    """Calls ``on_ring`` and ``on_positions`` for what comes.

    ``on_back`` is called whenever listening has begun (again), and when a sender says that it was not heard.
    """

    def __init__(
        self,
        *,
        on_ring: Callable[[], object],
        on_positions: Callable[[bytes], Awaitable[None]],
        on_back: Callable[[], object],
    ) -> None:
        self._on_ring = on_ring
        self._on_positions = on_positions
        self._on_back = on_back
        self.is_heard = False

    async def listen(self) -> None:
        """Listen for ever; while Redis is away, try again and again."""
        has_warned = False
        while True:
            try:
                await self._listen_once()
            except (redis.RedisError, OSError) as error:
                self.is_heard = False
                if not has_warned:
                    log.warning("feed.doorbell_silent", error=str(error))
                has_warned = True
            else:
                has_warned = False
            await asyncio.sleep(RETRY_S)

    async def _listen_once(self) -> None:
        client = async_client()
        try:
            async with client.pubsub() as channels:
                await channels.subscribe(*map(channel_name, CHANNELS))
                await self._take_messages(channels)
        finally:
            self.is_heard = False
            await client.aclose()

    async def _take_messages(self, channels: PubSub) -> None:
        positions, missed = channel_name(POSITIONS).encode(), channel_name(MISSED).encode()
        while True:
            message = await channels.get_message(timeout=LISTEN_S)
            if message is None:
                continue
            if message["type"] == "subscribe":
                self._subscribed(message["data"])
            elif message["channel"] == positions:
                await self._on_positions(message["data"])
            elif message["channel"] == missed:
                self._on_back()
            else:
                self._on_ring()

    def _subscribed(self, confirmed: int) -> None:
        """Take note that Redis has confirmed another channel: only what is rung after the last of them is heard."""
        if confirmed == len(CHANNELS):
            self.is_heard = True
            self._on_back()
