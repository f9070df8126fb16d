"""The doorbell: heard when Redis is there, harmless when it is not."""

from __future__ import annotations

import dataclasses
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.conf import settings as django_settings
from redis.client import PubSub

from apps.core import redis as doorbell

PATIENCE_SECONDS = 60.0


@pytest.fixture(autouse=True)
def _a_herald_of_its_own(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    herald = doorbell._Herald()
    monkeypatch.setattr(doorbell, "_herald", herald)
    yield
    monkeypatch.undo()
    herald._publish = lambda words: True  # type: ignore[method-assign]  # what it has lost is no later test's business


@contextmanager
def listening(*channels: str) -> Iterator[PubSub]:
    """Yield a listener that Redis has confirmed: whatever is said from now on is heard."""
    listener = doorbell.client().pubsub()
    listener.subscribe(*map(doorbell.channel_name, channels))
    for _ in channels:
        assert (listener.get_message(timeout=PATIENCE_SECONDS) or {}).get("type") == "subscribe"
    yield listener
    listener.close()


def heard(listener: PubSub, count: int) -> list[tuple[str, bytes]]:
    """Return so many messages, channel and data, when they have come."""
    messages = [listener.get_message(timeout=PATIENCE_SECONDS) or {} for _ in range(count)]
    return [(message["channel"].decode(), message["data"]) for message in messages]


def test_what_is_broadcast_is_heard_under_the_prefix_of_the_installation() -> None:
    with listening("positions") as listener:
        doorbell.broadcast("positions", b"[1]")
        [message] = heard(listener, 1)

    assert message == (doorbell.channel_name("positions"), b"[1]")
    assert doorbell.channel_name("positions").endswith(":positions")


def test_a_dead_redis_is_tried_once_a_second_and_never_raises(settings: Any, monkeypatch: Any) -> None:
    gone = dataclasses.replace(django_settings.WATCHFLOOR, redis_url="unix:///nowhere/redis.sock")
    settings.WATCHFLOOR = gone
    monkeypatch.setattr(doorbell, "SILENCE_SECONDS", PATIENCE_SECONDS)
    tried: list[Any] = []
    make = doorbell._client

    def counted(*place: Any) -> Any:
        tried.append(place)
        return make(*place)

    monkeypatch.setattr(doorbell, "_client", counted)

    for _ in range(5):
        doorbell.ring("relay")
        assert doorbell.finish_saying(PATIENCE_SECONDS)

    assert len(tried) == 1


def test_nobody_waits_for_a_slow_redis_and_the_latest_words_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[tuple[str, bytes]] = []
    has_begun, is_slow = threading.Event(), threading.Event()

    def publish(words: list[tuple[str, bytes]]) -> bool:
        has_begun.set()
        is_slow.wait(PATIENCE_SECONDS)
        said.extend(words)
        return True

    monkeypatch.setattr(doorbell._herald, "_publish", publish)
    doorbell.broadcast("positions", b"first")
    assert has_begun.wait(PATIENCE_SECONDS)
    for number in range(3 * doorbell.MOST_WAITING):
        doorbell.broadcast("positions", str(number).encode())
    assert said == []
    is_slow.set()
    assert doorbell.finish_saying(PATIENCE_SECONDS)
    assert len(said) == 1 + doorbell.MOST_WAITING + 1
    assert said[-2][1] == str(3 * doorbell.MOST_WAITING - 1).encode()
    assert said[-1] == (doorbell.channel_name(doorbell.MISSED), b"")


def test_who_was_not_heard_says_so_as_soon_as_it_is_heard_again(settings: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(doorbell, "SILENCE_SECONDS", 0.1)
    there = django_settings.WATCHFLOOR
    with listening("positions", doorbell.MISSED) as listener:
        settings.WATCHFLOOR = dataclasses.replace(there, redis_url="unix:///nowhere/redis.sock")
        doorbell.broadcast("positions", b"lost")
        assert doorbell.finish_saying(PATIENCE_SECONDS)
        settings.WATCHFLOOR = there
        first = heard(listener, 1)
        doorbell.broadcast("positions", b"heard")
        assert [*first, *heard(listener, 1)] == [
            (doorbell.channel_name(doorbell.MISSED), b""),
            (doorbell.channel_name("positions"), b"heard"),
        ]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # as RQ does it
def test_a_process_that_was_forked_has_a_voice() -> None:
    with listening("positions") as listener:
        doorbell.broadcast("positions", b"parent")
        assert doorbell.finish_saying(PATIENCE_SECONDS)
        child = os.fork()
        if child == 0:
            doorbell.broadcast("positions", b"child")
            os._exit(0 if doorbell.finish_saying(PATIENCE_SECONDS) else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert [data for _, data in heard(listener, 2)] == [b"parent", b"child"]
