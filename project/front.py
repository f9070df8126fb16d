"""Who answers what in an ASGI process: sockets, hot ingest paths, and (where asked for) everything else."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, MutableMapping
from types import FrameType
from typing import Any

from channels.routing import URLRouter

from apps.live.hub import announce_restart
from apps.live.urls import websocket_urlpatterns
from apps.tracking.front import IngestFront

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


def live_application(*, otherwise: App | None = None) -> App:
    """Return the ASGI application; ``otherwise`` answers the HTTP requests that are not ingest."""
    ingest = IngestFront()
    sockets: App = URLRouter(websocket_urlpatterns)
    plain = otherwise or _not_here

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await sockets(scope, receive, send)
        elif scope["type"] == "lifespan":
            await _lifespan(ingest, receive, send)
        elif ingest.takes(scope):
            await ingest(scope, receive, send)
        else:
            await plain(scope, receive, send)

    return application


async def _lifespan(ingest: IngestFront, receive: Receive, send: Send) -> None:
    """Start and drain the ingest writers with the server, so that a graceful stop answers what it took."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await ingest.start()
            _say_goodbye_first(asyncio.get_running_loop())
            await send({"type": "lifespan.startup.complete"})
        else:
            await ingest.stop()
            await send({"type": "lifespan.shutdown.complete"})
            return


def _say_goodbye_first(loop: asyncio.AbstractEventLoop) -> None:
    """On SIGTERM, tell the feed's clients when to come back before the server closes their sockets."""
    server_stops = signal.getsignal(signal.SIGTERM)

    def stop(number: int, at: FrameType | None) -> None:
        loop.call_soon_threadsafe(announce_restart)
        if callable(server_stops):
            server_stops(number, at)

    if callable(server_stops):  # the server listens, so this is its main thread
        signal.signal(signal.SIGTERM, stop)


async def _not_here(scope: Scope, _: Receive, send: Send) -> None:
    """Answer what only ``web`` serves; a liveness probe is the one exception."""
    alive = scope["path"] == "/livez"
    body = (
        b'{"status":"ok"}' if alive else b'{"type":"urn:watchfloor:problem:not_found","title":"Not found","status":404}'
    )
    kind = b"application/json" if alive else b"application/problem+json"
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200 if alive else 404, "headers": headers})
    await send({"type": "http.response.body", "body": body})
