"""A real server: uvicorn in a thread, Channels' routing, the test's database and Redis."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import uvicorn
from redis import RedisError

from apps.access.models import User
from apps.core import clock, redis
from apps.events.queries import head
from apps.events.services import relay
from apps.live.hub import hub as hub_module
from apps.live.types import Limits
from tests.factories.access import signed_in
from tests.live.client import PATIENCE_S, FeedClient

# Everything that happens by time happens soon.
QUICK = Limits(
    silence_s=60,
    heartbeat_s=0.25,
    access_poll_s=0.05,
    standing_s=0.2,
    poll_s=0.2,
    poll_without_doorbell_s=0.05,
    lane_poll_s=0.2,
)


@pytest.fixture(scope="session")
def feed_address() -> Iterator[str]:
    """The address of a server that lives as long as the tests run; its hub lives as long as it has sockets."""
    from project.front import live_application  # noqa: PLC0415 - models can be imported only after set-up

    listener = socket.socket()
    # Little room on the way, so that a client that does not read is soon felt; accepted sockets inherit it.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        live_application(), log_level="warning", lifespan="off",
        ws_per_message_deflate=False, ws_ping_interval=None,
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="feed-server")
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(PATIENCE_S)
    listener.close()


@pytest.fixture
def set_limits(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Set limits for the hub that begins with the next socket."""

    def set_them(**changes: Any) -> None:
        monkeypatch.setattr(hub_module, "LIMITS", replace(QUICK, **changes))

    set_them()
    return set_them


@pytest.fixture
def connect(
    feed_address: str, set_limits: Callable[..., None], transactional_db: None
) -> Iterator[Callable[..., FeedClient]]:
    """Open sockets: ``connect(alice)`` with her session, ``connect(headers=..., query=...)`` otherwise."""
    _wait_for_the_herald()
    with contextlib.ExitStack() as sockets:

        def open_socket(user: User | None = None, *, query: str = "", **options: Any) -> FeedClient:
            headers = dict(options.pop("headers", {}))
            if user is not None:
                headers["Cookie"] = f"sessionid={signed_in(user).cookies['sessionid'].value}"
            client = FeedClient(f"ws://{feed_address}/ws/feed{query}", headers=headers, **options)
            sockets.enter_context(client)
            _wait_for_the_doorbell()
            return client

        yield open_socket
    _wait_for_the_hub_to_end()


@pytest.fixture
def let_pass(feed_address: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let seconds pass at once for all that asks our clock: nothing is due before, however slow the machine is."""
    now, passed = clock.now, [timedelta(0)]
    for place in ("apps.core.clock.now", "apps.tracking.api.views.now"):
        monkeypatch.setattr(place, lambda: now() + passed[0])

    def pass_(seconds: float) -> None:
        passed[0] += timedelta(seconds=seconds)

    return pass_


@pytest.fixture
def publish() -> Callable[[], int]:
    """Number what has been written, and return where the log ends."""

    def number() -> int:
        relay(clock.now())
        return head().offset

    return number


def _wait_for_the_herald() -> None:
    """Let pass what a test without Redis has left: a second of silence, and the word that something was lost."""
    wait_until(lambda: redis.finish_saying() and not redis._herald._has_lost)


def _wait_for_the_doorbell() -> None:
    """Let the hub hear what is sent from now on, where there is a Redis to hear it from."""
    with contextlib.suppress(RedisError):
        redis.client().ping()
        wait_until(lambda: all(hub.doorbell.is_heard for hub in list(hub_module._hubs.values())))


def _wait_for_the_hub_to_end() -> None:
    """Let go of the database before it is emptied for the next test."""
    wait_until(lambda: not len(hub_module._hubs))


def wait_for_the_hub_to_read(offset: int) -> None:
    """Return when every hub has seen the log up to an offset."""
    wait_until(lambda: all(hub.log.offset >= offset for hub in list(hub_module._hubs.values())))


def wait_until(is_so: Callable[[], bool]) -> None:
    """Return when something is so."""
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)
