"""The one place that makes Redis clients, and the doorbell.

Redis holds no truth here. What is rung or broadcast may be lost; whoever listens looks into PostgreSQL as well.
So nobody waits for it either: a thread of its own says what is to be said.
"""

from __future__ import annotations

import atexit
import functools
import os
import threading
import time
from collections import deque

import redis
import redis.asyncio
import structlog
from django.conf import settings

CONNECT_SECONDS = 1.0
SOCKET_SECONDS = 5.0
# Nobody waits for what is broadcast, so a busy Redis is given time.
BROADCAST_SECONDS = 2.0
SILENCE_SECONDS = 1.0
# Said to all who listen when something was lost that they cannot notice by themselves.
MISSED = "missed"
# What waits to be said: more than this is old by the time that it is heard, and the oldest goes.
MOST_WAITING = 1000
LAST_WORDS_SECONDS = 0.5

log = structlog.get_logger(__name__)


def client() -> redis.Redis:
    """Return this process's client for commands; it raises ``redis.RedisError`` when Redis is away."""
    return _client(settings.WATCHFLOOR.redis_url, SOCKET_SECONDS)


def async_client() -> redis.asyncio.Redis:
    """Return a new client for the running loop; the caller closes it.

    It has no read timeout, since subscribers wait for ever between messages. Redis lists it by our prefix.
    """
    return redis.asyncio.Redis.from_url(
        settings.WATCHFLOOR.redis_url,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=None,
        health_check_interval=15,
        client_name=settings.WATCHFLOOR.redis_prefix,
    )


def channel_name(channel: str) -> str:
    """Return the name of a channel or key as it stands in Redis, with this installation's prefix."""
    return f"{settings.WATCHFLOOR.redis_prefix}:{channel}"


def ring(channel: str) -> None:
    """Wake up whoever waits on the channel, if Redis is there. Never raises, never waits."""
    broadcast(channel, b"")


def broadcast(channel: str, payload: bytes) -> None:
    """Send the payload to whoever listens now, if Redis is there. Never raises, never waits; keeps the order."""
    _herald.say(channel_name(channel), payload)


def say_begun() -> None:
    """Say that this process begins: whatever the one before it stored, and was killed before it said, was missed."""
    broadcast(MISSED, b"")


def finish_saying(timeout: float = LAST_WORDS_SECONDS) -> bool:
    """Wait until everything has been said, or could not be; return whether it has come to that in time."""
    return _herald.finish(timeout)


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


class _Herald:
    """Says what is broadcast, in a thread that begins with the first word and ends with the process.

    After a failure it stays silent for a second, and what is to be said meanwhile is lost. As soon as it is heard
    again, it says so.
    """

    def __init__(self) -> None:
        self._waiting: deque[tuple[str, bytes]] = deque(maxlen=MOST_WAITING)
        self._word = threading.Condition()
        self._speaker: threading.Thread | None = None
        self._is_speaking = False
        self._has_lost = False
        self._is_heard = True
        self._silent_until = 0.0

    def say(self, channel: str, payload: bytes) -> None:
        with self._word:
            self._has_lost |= len(self._waiting) == MOST_WAITING
            self._waiting.append((channel, payload))
            if self._speaker is None:
                self._speaker = threading.Thread(target=self._speak, name="herald", daemon=True)
                self._speaker.start()
            self._word.notify_all()

    def finish(self, timeout: float) -> bool:
        with self._word:
            return self._word.wait_for(lambda: not (self._waiting or self._is_speaking), timeout)

    def _speak(self) -> None:
        while True:
            words, has_lost = self._next()
            is_silent = time.monotonic() < self._silent_until
            if is_silent or not self._publish([*words, (channel_name(MISSED), b"")] if has_lost else words):
                self._has_lost = True

    def _next(self) -> tuple[list[tuple[str, bytes]], bool]:
        """Wait for something to say, no longer than the silence if something was lost; say whether that is so."""
        with self._word:
            self._is_speaking = False
            self._word.notify_all()
            silence = max(0.0, self._silent_until - time.monotonic())
            self._word.wait_for(lambda: self._waiting, silence if self._has_lost else None)
            words, has_lost = list(self._waiting), self._has_lost
            self._waiting.clear()
            self._is_speaking, self._has_lost = True, False
            return words, has_lost

    def _publish(self, words: list[tuple[str, bytes]]) -> bool:
        try:
            with _client(settings.WATCHFLOOR.redis_url, BROADCAST_SECONDS).pipeline(transaction=False) as commands:
                for channel, payload in dict.fromkeys(words):  # a bell that was rung ten times is rung once
                    commands.publish(channel, payload)
                commands.execute()
        except redis.RedisError as error:
            self._silent_until = time.monotonic() + SILENCE_SECONDS
            if self._is_heard:
                log.warning("redis.unheard", channels=sorted({channel for channel, _ in words}), error=str(error))
            self._is_heard = False
        else:
            self._is_heard = True
        return self._is_heard


def _begin_anew() -> None:
    """Forget the thread of the parent: after a fork there is none."""
    global _herald  # noqa: PLW0603  the lock of the parent may be held by a thread that is not here
    _herald = _Herald()


_herald = _Herald()
os.register_at_fork(after_in_child=_begin_anew)
atexit.register(finish_saying)
