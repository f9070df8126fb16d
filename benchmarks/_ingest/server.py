"""One server process on a port: ``ingest`` is what ``live`` runs, ``empty`` answers every POST with nothing done."""

from __future__ import annotations

import sys
from typing import Any

import uvicorn


async def empty(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Read a request and answer 200: what the server itself can do."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    while (await receive()).get("more_body"):
        pass
    body = b'{"stored":1,"duplicate":0,"quarantined":0,"reasons":[]}'
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def application(kind: str) -> Any:
    """Return the application of that kind."""
    if kind == "empty":
        return empty
    from project.asgi import application as live  # noqa: PLC0415  sets Django up

    return live


if __name__ == "__main__":
    uvicorn.run(
        application(sys.argv[1]), host="127.0.0.1", port=int(sys.argv[2]), loop="uvloop", http="httptools",
        access_log=False, log_level="warning",
    )  # fmt: skip
