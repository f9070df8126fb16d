"""A subscriber like any other: follows the feed over a real WebSocket and hands every message to the tally."""

from __future__ import annotations

import json
import threading
import time
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from apps.console.demo.tally import Tally

PATH = "/ws/feed"
SUBPROTOCOL = Subprotocol("watchfloor.feed.v1")
TOPICS = ("assets", "incidents", "positions")
LARGEST_MESSAGE = 64 * 1024 * 1024
POLL_S = 0.25
RETRY_S = 1.0
PATIENCE_S = 15.0


class Follower:
    """Follows the feed in a thread of its own until it is stopped, and comes back when the server does."""

    def __init__(self, url: str, *, key: str, tally: Tally) -> None:
        target = urlsplit(url)
        scheme = "wss" if target.scheme == "https" else "ws"
        self._url = urlunsplit((scheme, target.netloc, PATH, "", ""))
        self._headers = {"Authorization": f"Bearer {key}"}
        self._tally = tally
        self._stopping = threading.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)

    def start(self) -> None:
        """Begin, and return when the snapshots are there, or after a while without them."""
        self._thread.start()
        self._ready.wait(PATIENCE_S)

    def stop(self) -> None:
        """End; what has arrived is counted."""
        self._stopping.set()
        self._thread.join(5)

    def head(self) -> int | None:
        """Return the number of the last event in the log, from a greeting of its own; ``None`` without an answer."""
        try:
            with self._connect() as socket:
                head: int = self._greeting(socket)["head"]
                return head
        except (OSError, ConnectionClosed, InvalidHandshake, KeyError):
            return None

    def _connect(self) -> ClientConnection:
        return connect(
            self._url,
            additional_headers=self._headers,
            subprotocols=[SUBPROTOCOL],
            max_size=LARGEST_MESSAGE,
            compression=None,
            proxy=None,
            open_timeout=PATIENCE_S,
        )

    def _greeting(self, socket: ClientConnection) -> dict[str, Any]:
        message = json.loads(socket.recv(timeout=PATIENCE_S))
        greeting: dict[str, Any] = message[0] if isinstance(message, list) else message
        return greeting

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with self._connect() as socket:
                    self._follow(socket)
            except (OSError, ConnectionClosed, InvalidHandshake):
                self._stopping.wait(RETRY_S)

    def _follow(self, socket: ClientConnection) -> None:
        for topic in TOPICS:
            socket.send(json.dumps({"type": "subscribe", "id": topic, "sub": topic, "topic": topic}))
        awaited = set(TOPICS)
        while not self._stopping.is_set():
            try:
                text = socket.recv(timeout=POLL_S)
            except TimeoutError:
                continue
            at_s = time.monotonic()
            message = json.loads(text)
            self._tally.received(message, at_s)
            self._answer(socket, message, awaited)

    def _answer(self, socket: ClientConnection, message: Any, awaited: set[str]) -> None:
        for frame in message if isinstance(message, list) else [message]:
            if frame["type"] == "ping":
                socket.send('{"type": "pong"}')
            elif frame["type"] == "snapshot" and frame["last"]:
                awaited.discard(frame["sub"])
                if not awaited:
                    self._ready.set()
