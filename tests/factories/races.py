"""Two real connections, one waiting for the other: the second begins when the first holds its locks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import connection, transaction

PATIENCE_S = 60.0


class Rival:
    """Work on a connection of its own; ``outcome`` is what it returned or raised."""

    def __init__(self, work: Callable[[], object]) -> None:
        self.outcome: object = None
        self._work = work
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            self.outcome = self._work()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self.outcome = error
        finally:
            connection.close()

    def start(self) -> None:
        """Begin, and return once it waits for a lock."""
        self._thread.start()
        deadline = time.monotonic() + PATIENCE_S
        while self._thread.is_alive() and not _somebody_waits_for_us():
            if time.monotonic() > deadline:
                raise AssertionError("The rival neither waits nor ends.")
            self._thread.join(0.01)

    def join(self) -> None:
        """Wait until it has ended."""
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()


@contextmanager
def rival_waits_for(work: Callable[[], object]) -> Iterator[Rival]:
    """Run the block in a transaction, then let the rival run into its locks, then commit and wait for the rival."""
    rival = Rival(work)
    with transaction.atomic():
        yield rival
        rival.start()
    rival.join()


def _somebody_waits_for_us() -> bool:
    with connection.cursor() as cursor:
        # Not pg_stat_activity: within a transaction that shows what it showed first.
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid)))"
        )
        return bool(cursor.fetchone()[0])
