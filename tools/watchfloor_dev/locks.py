"""File locks between several `./dev` at once. The kernel drops them with the process, however it ends."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from watchfloor_dev.talk import refuse, say

PATIENCE_SECONDS = 2.0


@contextmanager
def exclusive(path: Path, *, waiting_for: str) -> Iterator[None]:
    """Hold the lock alone; waits for another holder, and says so when that takes a while."""
    with path.open("a") as file:
        if not _try_for_a_while(file.fileno()):
            say(f"waiting for another ./dev: {waiting_for}")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def exclusive_or_refused(path: Path, *, refusal: str) -> Iterator[None]:
    """Hold the lock alone, or stop with `refusal` when somebody else does."""
    with path.open("a") as file:
        if not _try_lock(file.fileno(), fcntl.LOCK_EX):
            refuse(refusal)
        yield


class Usage:
    """A shared hold on something that the last user clears away."""

    def __init__(self, path: Path) -> None:
        """Open the lock file and join the users."""
        self._file = path.open("a")
        fcntl.flock(self._file, fcntl.LOCK_SH)

    def leave(self) -> bool:
        """Let go; True for the last user. Whoever joins meanwhile must hold the lock that guards the start."""
        last = _try_lock(self._file.fileno(), fcntl.LOCK_EX)
        self._file.close()
        return last


@contextmanager
def first_free(directory: Path, *, count: int) -> Iterator[int]:
    """The lowest number below `count` that nobody holds, held until the end; waits for number 0 when all are taken."""
    for number in range(count):
        with (directory / f"slot-{number}.lock").open("a") as file:
            if _try_lock(file.fileno(), fcntl.LOCK_EX):
                yield number
                return
    with exclusive(directory / "slot-0.lock", waiting_for="a free test database"):
        yield 0


def _try_for_a_while(descriptor: int) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not _try_lock(descriptor, fcntl.LOCK_EX):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _try_lock(descriptor: int, operation: int) -> bool:
    try:
        fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
