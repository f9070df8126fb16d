"""One server process: ``feed PORT`` or ``bare PORT``, with the same uvicorn settings."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import uvicorn


def application(kind: str) -> Any:
    """Return the feed as ``project.front`` serves it, or the bare broadcast."""
    if kind == "bare":
        from benchmarks._live import bare  # noqa: PLC0415 - must not load Django

        return bare.application
    import django  # noqa: PLC0415 - as above

    django.setup()
    from channels.routing import URLRouter  # noqa: PLC0415 - needs Django

    from apps.live.urls import websocket_urlpatterns  # noqa: PLC0415 - needs Django

    return URLRouter(websocket_urlpatterns)


async def serve(kind: str, port: int) -> None:
    """Serve until told to stop."""
    config = uvicorn.Config(
        application(kind), host="127.0.0.1", port=port, log_level="warning", ws_per_message_deflate=False,
        ws_ping_interval=None, loop="uvloop",
    )  # fmt: skip
    work = [uvicorn.Server(config).serve()]
    if kind == "bare":
        from benchmarks._live import bare  # noqa: PLC0415 - see above

        work.append(bare.broadcast())
    await asyncio.gather(*work)


if __name__ == "__main__":
    import uvloop

    uvloop.run(serve(sys.argv[1], int(sys.argv[2])))
