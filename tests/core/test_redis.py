"""The doorbell: heard when Redis is there, harmless when it is not."""

from __future__ import annotations

import dataclasses
import os
import threading
import time
from typing import Any

import pytest
from django.conf import settings as django_settings

from apps.core import redis as doorbell


@pytest.fixture(autouse=True)
def _a_herald_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorbell, "_herald", doorbell._Herald())


def test_what_is_broadcast_is_heard_under_the_prefix_of_the_installation() -> None:
    listener = doorbell.client().pubsub(ignore_subscribe_messages=True)
    listener.subscribe(doorbell.channel_name("positions"))
    listener.get_message(timeout=1)

    doorbell.broadcast("positions", b"[1]")
    message = None
    deadline = time.monotonic() + 5
    while message is None and time.monotonic() < deadline:
        message = listener.get_message(timeout=1)
    listener.close()

    assert message is not None
    assert (message["channel"].decode(), message["data"]) == (doorbell.channel_name("positions"), b"[1]")
    assert doorbell.channel_name("positions").endswith(":positions")


def test_a_dead_redis_is_tried_once_a_second_and_never_raises(settings: Any, monkeypatch: Any) -> None:
    gone = dataclasses.replace(django_settings.WATCHFLOOR, redis_url="unix:///nowhere/redis.sock")
    settings.WATCHFLOOR = gone
    tried: list[Any] = []
    make = doorbell._client

    def counted(*place: Any) -> Any:
        tried.append(place)
        return make(*place)

    monkeypatch.setattr(doorbell, "_client", counted)

    for _ in range(5):
        doorbell.ring("relay")
        assert doorbell.finish_saying(5)

    assert len(tried) == 1


def test_nobody_waits_for_a_slow_redis_and_the_latest_words_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[tuple[str, bytes]] = []
    is_slow = threading.Event()

    def publish(words: list[tuple[str, bytes]]) -> bool:
        is_slow.wait(10)
        said.extend(words)
        return True

    monkeypatch.setattr(doorbell._herald, "_publish", publish)
    began = time.monotonic()
    for number in range(3 * doorbell.MOST_WAITING):
        doorbell.broadcast("positions", str(number).encode())
    assert time.monotonic() - began < 5
    is_slow.set()
    assert doorbell.finish_saying(10)
    assert len(said) <= 2 * doorbell.MOST_WAITING + 1
    assert said[-2][1] == str(3 * doorbell.MOST_WAITING - 1).encode()
    assert said[-1] == (doorbell.channel_name(doorbell.MISSED), b"")


def test_who_was_not_heard_says_so_as_soon_as_it_is_heard_again(settings: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(doorbell, "SILENCE_SECONDS", 0.1)
    listener = doorbell.client().pubsub(ignore_subscribe_messages=True)
    listener.subscribe(doorbell.channel_name("positions"), doorbell.channel_name(doorbell.MISSED))
    there = django_settings.WATCHFLOOR
    settings.WATCHFLOOR = dataclasses.replace(there, redis_url="unix:///nowhere/redis.sock")
    doorbell.broadcast("positions", b"lost")
    assert doorbell.finish_saying(5)
    settings.WATCHFLOOR = there
    heard: list[bytes] = []
    deadline = time.monotonic() + 10
    while len(heard) < 1 and time.monotonic() < deadline:
        message = listener.get_message(timeout=1)
        heard += [message["channel"]] if message else []
    doorbell.broadcast("positions", b"heard")
    while len(heard) < 2 and time.monotonic() < deadline:
        message = listener.get_message(timeout=1)
        heard += [message["data"]] if message else []
    listener.close()
    assert heard == [doorbell.channel_name(doorbell.MISSED).encode(), b"heard"]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # as RQ does it
def test_a_process_that_was_forked_has_a_voice() -> None:
    listener = doorbell.client().pubsub(ignore_subscribe_messages=True)
    listener.subscribe(doorbell.channel_name("positions"))
    listener.get_message(timeout=1)
    doorbell.broadcast("positions", b"parent")
    assert doorbell.finish_saying(5)
    child = os.fork()
    if child == 0:
        doorbell.broadcast("positions", b"child")
        os._exit(0 if doorbell.finish_saying(5) else 1)
    assert os.waitpid(child, 0)[1] == 0
    heard = [message["data"] for _ in range(2) if (message := listener.get_message(timeout=5))]
    listener.close()
    assert heard == [b"parent", b"child"]
