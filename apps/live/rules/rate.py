"""How many frames a second a client may send: a bucket that holds twice that many."""

from __future__ import annotations


class Rate:
    """A token bucket. Instants are seconds of any steady clock."""

    __slots__ = ("_at", "_per_s", "_tokens")

    def __init__(self, per_s: float) -> None:
        self._per_s = per_s
        self._tokens = 2 * per_s
        self._at: float | None = None

    def admit(self, now: float, *, cost: float = 1) -> bool:
        """Say whether one more, that counts as ``cost``, is within the rate."""
        if self._at is not None:
            self._tokens = min(2 * self._per_s, self._tokens + (now - self._at) * self._per_s)
        self._at = now
        if self._tokens < cost:
            return False
        self._tokens -= cost
        return True
