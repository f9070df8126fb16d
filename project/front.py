"""Who answers what in an ASGI process: sockets, streams, hot ingest paths, and (where asked for) everything else."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, MutableMapping
from types import FrameType
from typing import Any

import prometheus_client
from channels.routing import URLRouter

from apps.core.api.health import may_read_metrics
from apps.core.redis import say_begun
from apps.live import streams
from apps.live.hub import announce_restart
from apps.live.hub.tail import end_streams
from apps.live.urls import websocket_urlpatterns
from apps.tracking.front import IngestFront

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

NOT_FOUND = b'{"type":"urn:watchfloor:problem:not_found","title":"Not found","status":404}'


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
        elif streams.takes(scope):
            await streams.serve(scope, receive, send)
        else:
            await plain(scope, receive, send)

    return application


async def _lifespan(ingest: IngestFront, receive: Receive, send: Send) -> None:
    """Start and drain the ingest writers with the server, so that a graceful stop answers what it took."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await ingest.start()
            say_begun()
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
        loop.call_soon_threadsafe(end_streams)
        if callable(server_stops):
            server_stops(number, at)

    if callable(server_stops):  # the server listens, so this is its main thread
        signal.signal(signal.SIGTERM, stop)


async def _not_here(scope: Scope, _: Receive, send: Send) -> None:
    """Answer for what only ``web`` serves; the process's own health and figures are the exceptions."""
    given = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
    status, kind, body = 404, "application/problem+json", NOT_FOUND
    if scope["path"] == "/livez":
        status, kind, body = 200, "application/json", b'{"status":"ok"}'
    elif scope["path"] == "/metrics" and may_read_metrics(given):
        status, kind, body = 200, prometheus_client.CONTENT_TYPE_LATEST, prometheus_client.generate_latest()
    headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
