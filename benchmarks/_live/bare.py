"""The limit: a bare ASGI application that sends every line of its standard input to every socket, and nothing else."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
sockets: set[Callable[[Message], Awaitable[None]]] = set()


async def application(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Accept, and hold the socket until the client leaves."""
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept", "subprotocol": "watchfloor.feed.v1"})
    sockets.add(send)
    try:
        while (await receive())["type"] != "websocket.disconnect":
            pass
    finally:
        sockets.discard(send)


async def broadcast() -> None:
    """Send each line to all; awaiting every send is the back-pressure."""
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        for text in line.rstrip("\n").split("\t"):
            for send in tuple(sockets):
                await send({"type": "websocket.send", "text": text})
            await asyncio.sleep(0)
