"""The doorbell: heard when Redis is there, harmless when it is not."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import pytest
from django.conf import settings as django_settings

from apps.core import redis as doorbell


@pytest.fixture(autouse=True)
def _closed_circuit() -> Any:
    doorbell._circuit.reset()
    yield
    doorbell._circuit.reset()


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

    assert len(tried) == 1
