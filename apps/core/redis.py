"""The one place that makes Redis clients, and the doorbell.

Redis holds no truth here. What is rung or broadcast may be lost; whoever listens looks into PostgreSQL as well.
"""

from __future__ import annotations

import functools
import time

import redis
import redis.asyncio
import structlog
from django.conf import settings

CONNECT_SECONDS = 1.0
SOCKET_SECONDS = 5.0
# The doorbell is rung after commit, on the caller's time: better unheard than late.
RING_SECONDS = 0.25
SILENCE_SECONDS = 1.0

log = structlog.get_logger(__name__)


def client() -> redis.Redis:
    """Return this process's client for commands; it raises ``redis.RedisError`` when Redis is away."""
    return _client(settings.WATCHFLOOR.redis_url, SOCKET_SECONDS)


def async_client() -> redis.asyncio.Redis:
    """Return a new client for the running loop; the caller closes it.

    It has no read timeout, since subscribers wait for ever between messages.
    """
    return redis.asyncio.Redis.from_url(
        settings.WATCHFLOOR.redis_url,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=None,
        health_check_interval=15,
    )


def channel_name(channel: str) -> str:
    """Return the name of a channel or key as it stands in Redis, with this installation's prefix."""
    return f"{settings.WATCHFLOOR.redis_prefix}:{channel}"


def ring(channel: str) -> None:
    """Wake up whoever waits on the channel, if Redis is there. Never raises, never waits long."""
    broadcast(channel, b"")


def broadcast(channel: str, payload: bytes) -> None:
    """Send the payload to whoever listens now, if Redis is there. Never raises, never waits long.

    After a failure it stays silent for a second, so that a dead Redis does not slow every request down.
    """
    if not _circuit.is_closed():
        return
    try:
        _client(settings.WATCHFLOOR.redis_url, RING_SECONDS).publish(channel_name(channel), payload)
    except redis.RedisError as error:
        _circuit.open()
        log.warning("redis.unheard", channel=channel, error=str(error))


@functools.lru_cache(maxsize=8)
def _client(url: str, timeout: float) -> redis.Redis:
    # The pool notices a fork by itself; retries would multiply the timeout.
    return redis.Redis.from_url(
        url,
        socket_connect_timeout=min(timeout, CONNECT_SECONDS),
        socket_timeout=timeout,
        health_check_interval=15,
        retry=None,
    )


class _Circuit:
    """Remembers a failure for ``SILENCE_SECONDS``. Racing threads at worst try once more each."""

    def __init__(self) -> None:
        self._closed_from = 0.0

    def is_closed(self) -> bool:
        return time.monotonic() >= self._closed_from

    def open(self) -> None:
        self._closed_from = time.monotonic() + SILENCE_SECONDS

    def reset(self) -> None:
        self._closed_from = 0.0


_circuit = _Circuit()
