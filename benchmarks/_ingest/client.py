"""Keep-alive connections that send prepared requests one after the other, and note how long each answer takes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import uvloop


@dataclass(slots=True, kw_only=True)
class Load:
    """What a run of requests came to. ``answers`` keeps the bodies."""

    seconds: float = 0.0
    took_ms: list[float] = field(default_factory=list)
    answers: list[bytes] = field(default_factory=list)
    refused: int = 0

    @property
    def per_second(self) -> float:
        """Return answers per second."""
        return len(self.took_ms) / self.seconds

    def percentile(self, share: float) -> float:
        """Return the time within which so many were answered, in milliseconds."""
        ordered = sorted(self.took_ms)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class Connection(asyncio.Protocol):
    """One connection that takes the next request as soon as it has its answer."""

    def __init__(self, requests: Iterator[bytes], load: Load) -> None:
        self._requests, self._load = requests, load
        self._buffer = b""
        self._sent_at = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = transport
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's signature
        """Note that the server hung up."""
        if not self.done.done():
            self.done.set_exception(ConnectionResetError("The server hung up."))

    def data_received(self, data: bytes) -> None:
        """Read an answer."""
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(rest) < length:
            return
        self._buffer = rest[length:]
        self._load.took_ms.append((time.perf_counter() - self._sent_at) * 1000)
        self._load.answers.append(rest[:length])
        self._load.refused += head[9:12] != b"200"
        self._next()

    def _next(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self.done.set_result(None)
            self._transport.close()
            return
        self._sent_at = time.perf_counter()
        self._transport.write(request)  # type: ignore[attr-defined]  # a TCP transport writes


def run(port: int, feeds: Sequence[Sequence[bytes]]) -> Load:
    """Send each feed of requests over a connection of its own, all at once, and return what it came to."""
    return uvloop.run(_run(port, feeds))


def post(path: str, body: bytes, token: str) -> bytes:
    """Return a POST as bytes."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _run(port: int, feeds: Sequence[Sequence[bytes]]) -> Load:
    load, loop = Load(), asyncio.get_running_loop()
    started = time.perf_counter()
    opened = [
        await loop.create_connection(lambda feed=feed: Connection(iter(feed), load), "127.0.0.1", port)  # type: ignore[misc]  # a lambda with a default
        for feed in feeds
    ]
    await asyncio.gather(*(connection.done for _, connection in opened))
    load.seconds = time.perf_counter() - started
    return load
