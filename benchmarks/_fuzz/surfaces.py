"""The three surfaces, one after the other."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from channels.routing import URLRouter
from hypothesis import strategies as st

from apps.live.urls import websocket_urlpatterns
from benchmarks._fuzz import feed, ingest, rest
from benchmarks._fuzz.run import hunt
from tests.factories.access import with_key
from tests.flows.world import World
from tests.live.client import FeedClient

WHO = ("alice", "bob", "charlie", "dana")


@contextmanager
def feed_server() -> Iterator[str]:
    """Run the feed in a thread; yields its address."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    routes = URLRouter(websocket_urlpatterns)
    config = uvicorn.Config(routes, log_level="critical", lifespan="off", ws_per_message_deflate=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"ws://127.0.0.1:{listener.getsockname()[1]}/ws/feed"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


def fuzz(world: World, *, seconds: float, first: int) -> dict[str, Any]:
    """Return what was tried on each of the three surfaces, and what was wrong."""
    api, devices = rest.Api(world), ingest.Devices(world)
    keys = {name: with_key(getattr(world, name)) for name in WHO}
    asked = hunt(api.requests(), api.fault, seconds=seconds * 0.5, first=first)
    reported = hunt(devices.sendings(), devices.fault, seconds=seconds * 0.25, first=first)
    with feed_server() as address:
        screens = feed.Screens(lambda who: FeedClient(address, headers=keys[who]))
        shown = hunt(
            st.tuples(st.sampled_from(WHO), feed.messages()),
            lambda sent: screens.fault(*sent),
            seconds=seconds * 0.25,
            first=first,
        )
    return {
        "rest": {"examples": asked.examples, "statuses": dict(sorted(api.statuses.items()))},
        "ingest": {"examples": reported.examples, "statuses": dict(sorted(devices.statuses.items()))},
        "feed": {"examples": shown.examples, "frames": screens.frames, "closes": dict(sorted(screens.closes.items()))},
        "failures": [*asked.failures, *reported.failures, *shown.failures],
    }
