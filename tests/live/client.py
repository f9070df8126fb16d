"""A client of the feed as docs/feed.md tells one to be: it holds a picture per subscription and follows the frames."""

from __future__ import annotations

import json
import socket
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.live.asyncapi import judge

Frame = dict[str, Any]
PATIENCE_S = 60.0
# Judging by JSON Schema costs more than all the rest; the first frames of a socket show every kind.
JUDGED = 200


class FeedClient:
    """One socket, read by whoever calls; everything that came is kept in ``log``."""

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        protocol: str | None = "watchfloor.feed.v1",
        sock: socket.socket | None = None,
    ) -> None:
        self._socket: ClientConnection = connect(
            url,
            sock=sock,
            additional_headers=dict(headers or {}),
            subprotocols=[Subprotocol(protocol)] if protocol else None,
            compression=None,
            max_size=None,
            ping_interval=None,
            open_timeout=PATIENCE_S,
            max_queue=2 if sock else 16,
        )
        self.log: list[Frame] = []
        self.pictures: defaultdict[str, dict[str, Frame]] = defaultdict(dict)
        self.offsets: defaultdict[str, int] = defaultdict(int)
        self.views: dict[str, str] = {}
        self.epoch = ""
        self._ids = 0
        self._is_between_snapshots: defaultdict[str, bool] = defaultdict(lambda: True)

    def __enter__(self) -> Self:
        self._socket.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._socket.__exit__(kind, error, at)

    def send(self, kind: str, **members: Any) -> int:
        """Send a frame and return its id."""
        self._ids += 1
        self._socket.send(json.dumps({"type": kind, "id": self._ids, **members}))
        return self._ids

    def send_text(self, text: str | bytes) -> None:
        """Send whatever this is."""
        self._socket.send(text)

    def ask(self, kind: str, **members: Any) -> Frame:
        """Send a frame and return the answer to it."""
        sent = self.send(kind, **members)
        return self.wait(lambda frame: frame.get("id") == sent)

    def subscribe(self, sub: str, topic: str, **members: Any) -> Frame:
        """Subscribe, and return the answer when the whole snapshot is there."""
        answer = self.ask("subscribe", sub=sub, topic=topic, **members)
        if answer["type"] == "subscribed" and not answer["recovered"] and members.get("snapshot", True):
            self.wait_for_snapshot(sub)
        return answer

    def wait_for_snapshot(self, sub: str) -> Frame:
        """Return the last frame of the next snapshot."""
        return self.wait(lambda frame: frame["type"] == "snapshot" and frame["sub"] == sub and frame["last"])

    def wait(self, is_wanted: Callable[[Frame], bool], *, seconds: float = PATIENCE_S) -> Frame:
        """Read until a wanted frame comes; those that came before count as well, each once."""
        deadline = time.monotonic() + seconds
        while True:
            for frame in self.log:
                if not frame.get("_seen") and is_wanted(frame):
                    frame["_seen"] = True
                    return {name: value for name, value in frame.items() if name != "_seen"}
            self._read(deadline - time.monotonic())

    def catch_up(self, sub: str, offset: int) -> dict[str, Frame]:
        """Read until the subscription has seen the log up to an offset; return its picture."""
        deadline = time.monotonic() + PATIENCE_S
        while self.offsets[sub] < offset:
            self._read(deadline - time.monotonic())
        return self.pictures[sub]

    def read_for(self, seconds: float) -> list[Frame]:
        """Read for a while and return what came, pings and bookmarks apart."""
        before = len(self.log)
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                self._read(left)
            except TimeoutError:
                break
        return [frame for frame in self.log[before:] if frame["type"] not in ("ping", "bookmark")]

    def close_code(self) -> int:
        """Read until the server ends the socket; return why."""
        deadline = time.monotonic() + PATIENCE_S
        try:
            while True:
                self._read(deadline - time.monotonic())
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 1006

    def resume(self, sub: str) -> dict[str, Any]:
        """Return the cursor of a subscription."""
        return {"epoch": self.epoch, "offset": self.offsets[sub], "view": self.views[sub]}

    def _read(self, seconds: float) -> None:
        if seconds <= 0:
            raise TimeoutError(f"Nothing of the wanted came; the last frames: {self.log[-5:]}")
        message = json.loads(self._socket.recv(timeout=seconds))
        for frame in message if isinstance(message, list) else [message]:
            if len(self.log) < JUDGED:
                judge(frame)
            self.log.append(frame)
            self._follow(frame)

    def _follow(self, frame: Frame) -> None:
        sub = frame.get("sub", "")
        if frame["type"] == "ping":
            self._socket.send('{"type":"pong"}')
        elif frame["type"] == "snapshot":
            if self._is_between_snapshots[sub]:
                self.pictures[sub] = {}
            self._is_between_snapshots[sub] = frame["last"]
            self.pictures[sub] |= {feature["id"]: feature for feature in frame["features"]}
        elif frame["type"] == "event":
            self._follow_event(sub, frame)
        self.epoch = frame.get("epoch", self.epoch)
        if frame["type"] in ("subscribed", "bookmark", "event") and "offset" in frame:
            self.offsets[sub] = frame["offset"]
        if "view" in frame:
            self.views[sub] = frame["view"]

    def _follow_event(self, sub: str, frame: Frame) -> None:
        if frame["change"] == "upsert":
            self.pictures[sub][frame["id"]] = frame["feature"]
        elif frame["change"] == "remove":
            self.pictures[sub].pop(frame["id"], None)
