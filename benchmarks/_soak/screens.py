"""Who watches: a screen that follows the feed, comes back where it was, and keeps account of every event."""

from __future__ import annotations

import json
import threading
from collections import Counter
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.faults.floor import Floor
from tests.live.asyncapi import judge

TOPICS = {"positions": "positions", "zones": "zones", "incidents": "incidents"}
JUDGED = 500


class Screen(threading.Thread):
    """Follows three topics. ``seen`` counts events by topic and id; ``since`` is from where on none may be missing."""

    def __init__(self, floor: Floor, key: str) -> None:
        super().__init__(daemon=True)
        self.floor = floor
        self.headers = {"Authorization": f"Bearer {key}"}
        self.done = threading.Event()
        self.seen: Counter[tuple[str, str]] = Counter()
        self.since: dict[str, int] = {}
        self.at: dict[str, int] = dict.fromkeys(TOPICS, 0)
        self.frames = self.sockets = self.gaps = 0
        self.wrong: list[str] = []
        self._cursors: dict[str, dict[str, Any]] = {}
        self._pending: dict[str, dict[str, Any]] = {}

    def run(self) -> None:
        """Follow, and come back after every loss, until told to stop."""
        while not self.done.is_set():
            try:
                self._follow()
            except (OSError, ConnectionClosed, InvalidHandshake, TimeoutError, EOFError):
                self.done.wait(0.2)
            except Exception as error:  # noqa: BLE001 - a thread tells what ended it
                self.wrong.append(f"a screen ended: {error!r}")
                return

    def _follow(self) -> None:
        url = self.floor.url("live", "/ws/feed").replace("http:", "ws:")
        protocols = [Subprotocol("watchfloor.feed.v1")]
        with connect(url, additional_headers=self.headers, subprotocols=protocols, compression=None, max_size=None,
                     ping_interval=None, open_timeout=5) as socket:  # fmt: skip
            self.sockets += 1
            for number, topic in enumerate(TOPICS.values()):
                resume = self._cursors.get(topic)
                frame = {"type": "subscribe", "id": number, "sub": topic, "topic": topic, "resume": resume}
                socket.send(json.dumps(frame))
            while not self.done.is_set():
                self._read(socket)

    def _read(self, socket: ClientConnection) -> None:
        try:
            message = json.loads(socket.recv(timeout=1.0))
        except TimeoutError:
            return
        for frame in message if isinstance(message, list) else [message]:
            self.frames += 1
            if self.frames <= JUDGED:
                judge(frame)
            if frame["type"] == "ping":
                socket.send('{"type":"pong"}')
            else:
                self._take(frame)

    def _take(self, frame: dict[str, Any]) -> None:
        sub = frame.get("sub", "")
        match frame["type"]:
            case "subscribed":
                self._subscribed(sub, frame)
            case "snapshot" if frame["last"] and sub in self._pending:
                # A cursor counts once its snapshot is whole.
                self._cursors[sub] = self._pending.pop(sub)
            case "gap":
                self.gaps += 1
                self._cursors.pop(sub, None)
                self.since.pop(sub, None)
            case "bookmark":
                self._cursors[sub] = {name: frame[name] for name in ("epoch", "offset", "view")}
                self.since.setdefault(sub, frame["offset"])
                self.at[sub] = frame["offset"]
            case "event":
                self._event(sub, frame)
            case "error":
                self.wrong.append(f"the feed refused: {frame}")
            case _:
                pass

    def _subscribed(self, sub: str, frame: dict[str, Any]) -> None:
        cursor = {name: frame[name] for name in ("epoch", "offset", "view")}
        if frame["recovered"]:
            self._cursors[sub]["view"] = frame["view"]
            return
        self._pending[sub] = cursor
        self.since[sub] = self.at[sub] = frame["offset"]

    def _event(self, sub: str, frame: dict[str, Any]) -> None:
        if "offset" not in frame:
            return
        if frame["offset"] < self.at[sub]:
            self.wrong.append(f"{sub}: offset {frame['offset']} after {self.at[sub]}")
        self.at[sub] = frame["offset"]
        for cursor in (self._cursors, self._pending):
            if sub in cursor:
                cursor[sub]["offset"] = frame["offset"]
        if "event" in frame:
            self.seen[sub, frame["event"]["id"]] += 1
