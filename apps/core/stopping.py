"""Stopping a process gracefully when it is told to."""

from __future__ import annotations

import signal
import time
from types import FrameType

_SLICE_SECONDS = 0.1


class StopRequest:
    """Whether SIGTERM or SIGINT has come.

    The handler sets a flag and nothing else: a lock taken in a handler can be the one that the interrupted code
    holds. Whoever waits therefore looks ten times a second.
    """

    def __init__(self) -> None:
        self._is_made = False

    def listen(self) -> None:
        """Take over both signals; only the main thread may."""
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, self._handle)

    def make(self) -> None:
        """Ask for a stop from inside the process."""
        self._is_made = True

    def is_made(self) -> bool:
        """Say whether it is time to stop."""
        return self._is_made

    def wait(self, seconds: float) -> bool:
        """Wait for so long, or until it is time to stop; say whether it is."""
        deadline = time.monotonic() + seconds
        while not self._is_made and (left := deadline - time.monotonic()) > 0:
            time.sleep(min(left, _SLICE_SECONDS))
        return self._is_made

    def _handle(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002  the signature of a handler
        self._is_made = True
