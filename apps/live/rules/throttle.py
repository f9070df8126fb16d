"""At most one frame per asset and interval, and the newest one at that."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Throttle(Generic[K, V]):
    """Holds back what comes too soon after the frame before it. Instants are seconds of any steady clock."""

    __slots__ = ("_due", "_interval_s", "_pending")

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._due: dict[K, float] = {}
        self._pending: dict[K, V] = {}

    def admit(self, key: K, value: V, now: float) -> bool:
        """Say whether the value may go out now; if not, it waits in place of the one before it."""
        if self._interval_s <= 0:
            return True
        if key in self._pending or now < self._due.get(key, now):
            self._pending[key] = value
            return False
        self._due[key] = now + self._interval_s
        return True

    def release(self, now: float) -> Iterator[tuple[K, V]]:
        """Yield what may go out now."""
        ready = [key for key in self._pending if self._due[key] <= now]
        for key in ready:
            self._due[key] = now + self._interval_s
            yield key, self._pending.pop(key)

    def next_due(self) -> float | None:
        """Return when ``release`` has something next, ``None`` when nothing waits."""
        return min((self._due[key] for key in self._pending), default=None)

    def forget(self, key: K) -> None:
        """Drop what waits for the key, and when it last went out."""
        self._pending.pop(key, None)
        self._due.pop(key, None)
