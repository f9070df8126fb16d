"""What waits for one socket: bounded, in order, sent together as one array frame.

Texts are shared between sockets, so that a waiting text costs a reference, not a copy.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import NamedTuple


class Waiting(NamedTuple):
    """One text that waits: a frame, or an array of frames. ``sub`` is ``None`` for answers and control frames."""

    sub: str | None
    text: str
    is_counted: bool


class Outbox:
    """The queue of one socket, and the newest positions that wait behind it.

    Positions do not queue: per subscription and asset only the newest waits, in ``put_latest``. So its size is
    bounded by the number of assets, and that of the queue by ``max_frames`` and ``max_chars``.
    """

    __slots__ = ("_chars", "_counted", "_latest", "_max_chars", "_max_frames", "_queue")

    def __init__(self, *, max_frames: int, max_chars: int) -> None:
        self._queue: deque[Waiting] = deque()
        self._latest: dict[tuple[str, Hashable], str] = {}
        self._max_frames = max_frames
        self._max_chars = max_chars
        self._counted = 0
        self._chars = 0

    def __len__(self) -> int:
        return len(self._queue) + len(self._latest)

    def __bool__(self) -> bool:
        return bool(self._queue or self._latest)

    @property
    def chars(self) -> int:
        """How much waits that counts against the bound."""
        return self._chars

    def put(self, text: str, *, sub: str | None = None, is_counted: bool = True) -> bool:
        """Append a text; ``False`` if that would break a bound, and then nothing was appended."""
        if is_counted:
            if self._counted >= self._max_frames or self._chars + len(text) > self._max_chars:
                return False
            self._counted += 1
            self._chars += len(text)
        self._queue.append(Waiting(sub, text, is_counted))
        return True

    def put_latest(self, sub: str, key: Hashable, text: str) -> None:
        """Let the newest frame about ``key`` wait in place of the one before it."""
        self._latest[sub, key] = text

    def forget_latest(self, sub: str, key: Hashable) -> None:
        """Drop the frame about ``key``, because the object is no longer to be seen."""
        self._latest.pop((sub, key), None)

    def drop(self, sub: str) -> int:
        """Drop all that waits for one subscription and return how many frames that were."""
        kept = deque(waiting for waiting in self._queue if waiting.sub != sub)
        stale = [key for key in self._latest if key[0] == sub]
        dropped = len(self._queue) - len(kept) + len(stale)
        for key in stale:
            del self._latest[key]
        self._queue = kept
        self._counted = sum(waiting.is_counted for waiting in kept)
        self._chars = sum(len(waiting.text) for waiting in kept if waiting.is_counted)
        return dropped

    def subs(self) -> set[str]:
        """Return the subscriptions for which counted texts wait."""
        return {waiting.sub for waiting in self._queue if waiting.sub is not None and waiting.is_counted}

    def take(self, max_chars: int) -> str | None:
        """Take out what waits, up to about ``max_chars``, as the text of one message; ``None`` when nothing does."""
        texts: list[str] = []
        room = max_chars
        while self._queue and (room > 0 or not texts):
            waiting = self._queue.popleft()
            if waiting.is_counted:
                self._counted -= 1
                self._chars -= len(waiting.text)
            texts.append(waiting.text)
            room -= len(waiting.text)
        while self._latest and room > 0 and not self._queue:
            key = next(iter(self._latest))
            text = self._latest.pop(key)
            texts.append(text)
            room -= len(text)
        return join(texts)


def join(texts: list[str]) -> str | None:
    """Join frames and arrays of frames to one message; a single one travels as it is."""
    if len(texts) <= 1:
        return texts[0] if texts else None
    return "[" + ",".join(text[1:-1] if text[0] == "[" else text for text in texts) + "]"
