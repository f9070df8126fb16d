"""Many sockets in one process, told by JSON lines on standard input what to do.

It reads frames with one regular expression instead of a WebSocket library and a JSON parser, so that the client is
not what is measured. A few sockets keep all they got, and are checked event by event.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import sys
import time
from typing import Any

SENT = re.compile(rb'"sent":(\d+\.\d+)[,}]')
OFFSET = re.compile(rb'"offset":(\d+)[,}]')
SAMPLED = 5


class FeedSocket(asyncio.Protocol):
    """One socket that counts events and notes how late they are."""

    def __init__(self, request: bytes, hello: list[bytes], *, is_sampled: bool) -> None:
        self.request = request
        self.hello = hello
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.is_open = False
        self.got = 0
        self.messages = 0
        self.last_at = 0.0
        self.late: list[float] = []
        self.kept = bytearray() if is_sampled else None
        self.wanted = b""
        self.heard_at = 0.0
        self._before = b""
        self._tail = b""

    def connection_made(self, transport: Any) -> None:
        """Ask for the upgrade."""
        self.transport = transport
        transport.write(self.request)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Note that it is over."""
        self.is_open = False

    def data_received(self, data: bytes) -> None:
        """Count what came."""
        now = time.time()
        if not self.is_open:
            data = self._upgraded(data)
        if b'"type":"ping"' in data:
            self.transport.write(masked(b'{"type":"pong"}'))
        if not self.ready.done() and (not self.hello or b'"last":true' in data):
            self.ready.set_result(None)
        if self.wanted and not self.heard_at:
            self._listen(data, now)
        text = self._tail + data
        found = SENT.findall(text)
        if found:
            self.got += len(found)
            self.last_at = now
            self.late += [now - float(sent) for sent in found]
        if self.kept is not None:
            self.kept += data
        start = text.rfind(b'"sent":')
        self._tail = text[start:] if start >= 0 and not SENT.match(text, start) else text[-6:]

    def _listen(self, data: bytes, now: float) -> None:
        """Note when the text that is waited for has come, in one piece or in two."""
        text = self._before + data
        self._before = text[-len(self.wanted) :]
        if self.wanted in text:
            self.heard_at = now

    def _upgraded(self, data: bytes) -> bytes:
        head, _, rest = data.partition(b"\r\n\r\n")
        if b" 101 " not in head:
            raise SystemExit(f"No upgrade: {head[:200]!r}")
        self.is_open = True
        for frame in self.hello:
            self.transport.write(masked(frame))
        return rest


class Crowd:
    """All sockets of the process."""

    def __init__(self) -> None:
        self.sockets: list[FeedSocket] = []

    async def connect(self, order: dict[str, Any]) -> dict[str, Any]:
        """Open sockets, a few at a time, and wait until each has its snapshot."""
        for start in range(0, order["sockets"], 50):
            await asyncio.gather(*(self._open(order, n) for n in range(start, min(start + 50, order["sockets"]))))
        return {"connected": sum(each.is_open for each in self.sockets)}

    async def _open(self, order: dict[str, Any], number: int) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        headers = "".join(f"{name}: {value}\r\n" for name, value in order["headers"][number % len(order["headers"])])
        request = (
            f"GET /ws/feed HTTP/1.1\r\nHost: localhost:{order['port']}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: watchfloor.feed.v1\r\n{headers}\r\n"
        )
        hello = [json.dumps(frame).encode() for frame in order["frames"][number % len(order["frames"])]]
        _, socket = await asyncio.get_running_loop().create_connection(
            lambda: FeedSocket(request.encode(), hello, is_sampled=number < SAMPLED), "127.0.0.1", order["port"]
        )
        self.sockets.append(socket)
        await asyncio.wait_for(socket.ready, 60)

    async def count(self, order: dict[str, Any]) -> dict[str, Any]:
        """Wait until every socket has got so many events, and say how it went; then begin to count anew."""
        wanted, deadline = order["events"], time.monotonic() + order["seconds"]
        while any(each.got < wanted for each in self.sockets) and time.monotonic() < deadline:  # noqa: ASYNC110 - an event per delivery would cost what we measure
            await asyncio.sleep(0.02)
        late = sorted(late for each in self.sockets for late in each.late)
        result = {
            "deliveries": sum(each.got for each in self.sockets),
            "is_complete": all(each.got == wanted and each.is_open for each in self.sockets),
            "is_in_order": all(self._is_in_order(each, wanted) for each in self.sockets if each.kept is not None),
            "last_at": max(each.last_at for each in self.sockets),
            "p50_ms": late[len(late) // 2] * 1000 if late else -1.0,
            "p99_ms": late[int(len(late) * 0.99)] * 1000 if late else -1.0,
        }
        for each in self.sockets:
            each.got, each.late = 0, []
            if each.kept is not None:
                each.kept.clear()
        return result

    async def listen(self, order: dict[str, Any]) -> dict[str, Any]:
        """Begin to wait for a text."""
        for each in self.sockets:
            each.wanted, each.heard_at = order["text"].encode(), 0.0
        return {}

    async def heard(self, order: dict[str, Any]) -> dict[str, Any]:
        """Say how many sockets have heard the text, and when the last one did; then listen no more."""
        deadline = time.monotonic() + order["seconds"]
        while not all(each.heard_at for each in self.sockets) and time.monotonic() < deadline:  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.02)
        instants = [each.heard_at for each in self.sockets if each.heard_at]
        for each in self.sockets:
            each.wanted = b""
        return {"heard": len(instants), "last_at": max(instants, default=0.0)}

    async def close(self, _: dict[str, Any]) -> dict[str, Any]:
        """Leave."""
        for each in self.sockets:
            each.transport.abort()
        self.sockets.clear()
        await asyncio.sleep(0)
        return {}

    def _is_in_order(self, socket: FeedSocket, wanted: int) -> bool:
        """Say whether a sampled socket got every event once, in the order of the log."""
        events = bytes(socket.kept or b"").split(b'"type":"event"')[1:]
        offsets = [int(match[1]) for event in events if (match := OFFSET.search(event)) and SENT.search(event)]
        return offsets == list(range(offsets[0], offsets[0] + wanted)) if offsets else wanted == 0


def masked(payload: bytes) -> bytes:
    """Return a text frame of a client; the mask of zeros leaves the payload as it is."""
    size = bytes([0x80 | len(payload)]) if len(payload) < 126 else bytes([0x80 | 126]) + len(payload).to_bytes(2, "big")
    return b"\x81" + size + b"\0\0\0\0" + payload


async def main() -> None:
    """Take orders until the input ends."""
    crowd = Crowd()
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        order = json.loads(line)
        answer = await getattr(crowd, order["do"])(order)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
