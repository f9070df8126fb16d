"""Frames that no client should send, on real sockets: answers are frames of the protocol, no socket ends by a fault."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed

from apps.live.types import Close
from benchmarks._fuzz.rest import OUTSIDERS
from benchmarks._fuzz.schemas import junk, odd_numbers, odd_texts
from tests.flows.world import MARK
from tests.live.client import FeedClient

TYPES = ("subscribe", "update", "unsubscribe", "ack", "pong", "auth", "hello", "event")
TOPICS = ("positions", "zones", "incidents", "assets", "nonsense")
Message = bytes | str
Connect = Callable[[str], FeedClient]


def messages() -> st.SearchStrategy[list[Message]]:
    """Return what one socket is sent."""
    box = st.lists(st.floats(-180, 180) | odd_numbers, min_size=4, max_size=4) | st.just([-10, -10, 10, 10])
    cursor = st.fixed_dictionaries({}, optional={"epoch": odd_texts, "offset": odd_numbers, "view": odd_texts})
    frame = st.fixed_dictionaries(
        {"type": st.sampled_from(TYPES) | odd_texts},
        optional={
            "id": st.integers() | odd_texts | junk,
            "sub": st.sampled_from(["a", "b"]) | junk,
            "topic": st.sampled_from(TOPICS) | junk,
            "bbox": box | junk,
            "fields": st.lists(st.sampled_from(["name", "kind"]), max_size=2) | junk,
            "snapshot": st.booleans() | junk,
            "min_interval_ms": st.integers(-1, 70_000) | junk,
            "resume": cursor | junk,
            "filter": junk,
            "token": odd_texts,
        },
    )
    usual = st.builds(lambda topic, sub: {"type": "subscribe", "id": 1, "sub": sub, "topic": topic},
                      st.sampled_from(TOPICS), st.sampled_from(["a", "b"]))  # fmt: skip
    text = st.one_of(frame, frame, usual, junk).map(json.dumps) | odd_texts | st.binary(max_size=30)
    return st.lists(text, min_size=1, max_size=6)


class Screens:
    """Opens a socket as somebody for each list of messages; ``closes`` counts how they ended."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self.closes: Counter[int] = Counter()
        self.frames = 0

    def fault(self, who: str, sent: list[Message]) -> str | None:
        """Send the messages and return what is wrong with what comes back; each frame is judged as it is read."""
        with contextlib.ExitStack() as stack:
            screen = stack.enter_context(self._connect(who))
            try:
                for message in sent:
                    screen.send_text(message)
                screen.send_text('{"type":"pong"}')
                screen.read_for(0.15)
            except ConnectionClosed as closed:
                return self._ended(closed, screen, who)
            return self._told(screen, who)

    def _ended(self, closed: ConnectionClosed, screen: FeedClient, who: str) -> str | None:
        code = closed.rcvd.code if closed.rcvd else 1006
        self.closes[code] += 1
        if code in (1006, 1011, Close.FAULT) or (code not in (1003, 1007, 1009) and code not in list(Close)):
            return f"the socket ended with {code} {closed.rcvd.reason if closed.rcvd else ''}"
        return self._told(screen, who)

    def _told(self, screen: FeedClient, who: str) -> str | None:
        self.frames += len(screen.log)
        told: Any = json.dumps(screen.log)
        return f"{who} was told {told[:400]}" if who in OUTSIDERS and MARK in told else None
