"""The hot ingest paths as plain ASGI: many small reports become few large batches.

Requests queue; a writer takes whatever waits when its connection is free, stores it as one batch and answers after the
commit. There is no timer: an idle system answers at once, a busy one gathers by itself. What the queue cannot hold
is answered 503, so that a burst costs its senders a retry and never us the memory.

Nothing here knows positions: that is ``reception``. Nothing here touches the database: the writers' threads do.
"""

from __future__ import annotations

import asyncio
import gc
import queue
import sys
import threading
from asyncio import AbstractEventLoop, Future
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from time import perf_counter
from typing import Any, Final, TypeAlias

import structlog
from django.db import connection

from apps.access.api.addresses import address_behind
from apps.core import clock
from apps.core.trace import Trace, begin_trace
from apps.core.types import TooLarge, Unavailable
from apps.tracking.metrics import note_request
from apps.tracking.reception import LIMITS, Answer, Incoming, Wire, receive, refusal

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Waiting: TypeAlias = tuple[Incoming, Future[Answer]]

# One stores in the order of arrival and makes the larger batches; a second one mostly waits for the first one's lock on
# the interpreter (measured: the slowest hundredth of the answers takes twice as long with two).
WRITERS: Final = 1
# How long the loop may keep the interpreter while the writer has its answer from the database. Python's own five
# milliseconds, eight times a batch, are most of what a sender would wait for.
SWITCH_SECONDS: Final = 0.0005
MOST_WAITING: Final = 2_000
MOST_WAITING_BYTES: Final = 64 * 1024 * 1024
BATCH: Final = 200
BATCH_BYTES: Final = 256 * 1024

POSITIONS_PATH: Final = "/api/v1/positions"
DEVICE_PATHS: Final = {"/ingest/osmand": Wire.OSMAND, "/ingest/owntracks": Wire.OWNTRACKS}
METHODS: Final = {Wire.OSMAND: ("GET", "POST"), Wire.OWNTRACKS: ("POST",), Wire.POSITIONS: ("POST",)}

log = structlog.get_logger(__name__)


class IngestFront:
    """An ASGI application for ingest. ``start`` and ``stop`` belong to the server's lifespan."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Waiting | None] = queue.SimpleQueue()
        self._writers: list[threading.Thread] = []
        self._waiting = self._waiting_bytes = 0
        self._is_open = False

    def takes(self, scope: Scope) -> bool:
        """Say whether a request is for this application.

        A browser's session is left to Django: it comes with a cookie and without a key.
        """
        if scope["type"] != "http":
            return False
        wire, _ = _wire_of(scope["path"])
        if wire is Wire.POSITIONS:
            names = {name for name, _ in scope["headers"]}
            return bool(scope["method"] == "POST" and (b"authorization" in names or b"cookie" not in names))
        return wire is not None

    async def start(self) -> None:
        """Start the writers. What was imported until now stays for ever: the garbage collector need not look at it."""
        gc.freeze()
        sys.setswitchinterval(SWITCH_SECONDS)
        loop = asyncio.get_running_loop()
        self._writers = [
            threading.Thread(target=self._write, args=(loop,), name=f"ingest-{number}", daemon=True)
            for number in range(WRITERS)
        ]
        for writer in self._writers:
            writer.start()
        self._is_open = True

    async def stop(self) -> None:
        """Take nothing more, answer what was taken, and stop the writers."""
        self._is_open = False
        for _ in self._writers:
            self._queue.put(None)
        for writer in self._writers:
            await asyncio.to_thread(writer.join)
        self._writers = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        wire, path = _wire_of(scope["path"])
        if wire is None or scope["method"] not in METHODS[wire]:
            allowed = ", ".join(METHODS[wire] if wire else ())
            await _send(send, Answer(status=405, headers={"Allow": allowed}))
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        trace, begun = begin_trace(headers.get("traceparent")), perf_counter()
        try:
            body = await _read_body(receive, headers, LIMITS[wire])
        except ConnectionResetError:
            return  # half a body is nobody's report
        request = Incoming(
            wire=wire,
            body=body or b"",
            received_at=clock.now(),
            query=scope["query_string"].decode("latin-1"),
            path=path,
            headers=headers,
            address=_address(scope, headers),
        )
        if body is None:
            answer = refusal(request, TooLarge(f"The body is larger than {LIMITS[wire]} bytes."))
        else:
            answer = await self._submit(request)
        note_request(wire.value, answer.status, perf_counter() - begun)
        await _send(send, answer, trace)

    async def _submit(self, request: Incoming) -> Answer:
        size = len(request.body)
        is_full = self._waiting >= MOST_WAITING or self._waiting_bytes + size > MOST_WAITING_BYTES
        if is_full or not self._is_open:
            return refusal(request, Unavailable("Too much waits to be stored; try again in a moment.", code="busy"))
        answer: Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting += 1
        self._waiting_bytes += size
        try:
            self._queue.put((request, answer))
            return await answer
        finally:
            self._waiting -= 1
            self._waiting_bytes -= size

    def _write(self, loop: AbstractEventLoop) -> None:
        """Store batch after batch, until told to stop."""
        while (taken := self._take()) is not None:
            answers = self._receive([request for request, _ in taken])
            futures = [future for _, future in taken]
            loop.call_soon_threadsafe(_deliver, futures, answers)
        connection.close()

    def _take(self) -> list[Waiting] | None:
        """Return what waits, at least one request; ``None`` to stop."""
        first = self._queue.get()
        if first is None:
            return None
        taken, size = [first], len(first[0].body)
        while len(taken) < BATCH and size < BATCH_BYTES:
            try:
                following = self._queue.get_nowait()
            except queue.Empty:
                break
            if following is None:
                self._queue.put(None)
                break
            taken.append(following)
            size += len(following[0].body)
        return taken

    def _receive(self, requests: Sequence[Incoming]) -> list[Answer]:
        try:
            return receive(requests)
        except Exception as error:  # noqa: BLE001  a writer that dies would leave everybody waiting
            return [refusal(request, error) for request in requests]


def _deliver(futures: Sequence[Future[Answer]], answers: Sequence[Answer]) -> None:
    for future, answer in zip(futures, answers, strict=True):
        if not future.done():  # the sender has gone
            future.set_result(answer)


def _wire_of(path: str) -> tuple[Wire | None, str]:
    """Return the protocol of a path, and what follows it."""
    if path.rstrip("/") == POSITIONS_PATH:
        return Wire.POSITIONS, ""
    for prefix, wire in DEVICE_PATHS.items():
        if path == prefix or path.startswith(f"{prefix}/"):
            return wire, path[len(prefix) + 1 :]
    return None, ""


async def _read_body(receive: Receive, headers: MutableMapping[str, str], limit: int) -> bytes | None:
    """Return the body, or ``None`` as soon as it is known to be too large; what is left of it is not read.

    Raises ``ConnectionResetError`` when the sender goes away in the middle.
    """
    declared = headers.get("content-length", "0")
    if declared.isdigit() and len(declared) < 20 and int(declared) > limit:
        return None
    chunks, size, is_more = [], 0, True
    while is_more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionResetError
        chunk = message.get("body", b"")
        chunks.append(chunk)
        size += len(chunk)
        if size > limit:
            return None
        is_more = message.get("more_body", False)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _address(scope: Scope, headers: MutableMapping[str, str]) -> str:
    """Return where a request comes from; behind our own proxy, what that one added last."""
    peer = scope["client"][0] if scope.get("client") else ""
    return address_behind(str(peer), headers.get("x-forwarded-for", ""))


async def _send(send: Send, answer: Answer, trace: Trace | None = None) -> None:
    headers = [
        *([(b"traceparent", trace.traceparent().encode())] if trace else []),
        (b"content-type", answer.content_type.encode()),
        (b"content-length", str(len(answer.body)).encode()),
        *((name.lower().encode(), value.encode()) for name, value in answer.headers.items()),
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
