"""The receiver of webhooks, in a process of its own that can be killed, and what it must have got by the log."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.faults.counting import head_of_all
from tests.faults.floor import Floor, free_port, wait_for
from watchfloor_dev.paths import CHECKOUT

ENDPOINT = """
from apps.access.models import User
from apps.access.types import SYSTEM
from apps.core import clock
from apps.events.services import create_endpoint
owner = User.objects.filter(is_superuser=True).first()
given = {{"name": "hook", "url": "http://127.0.0.1:{port}/", "types": {types}}}
endpoint, _ = create_endpoint(given, user_id=owner.pk, actor=SYSTEM, at=clock.now())
print(endpoint.pk, endpoint.offset)
"""
OWED = """
SELECT noun || '/' || object_id, "offset" FROM events_event WHERE "offset" > %s AND type LIKE ANY(%s)
"""
LEFT = """
SELECT count(*) FROM events_delivery WHERE state = 'waiting' AND endpoint_id = %s AND event_offset <= %s
"""
STANDING = """
SELECT state, attempts, due_at IS NOT NULL, error, count(*) FROM events_delivery
WHERE endpoint_id = %s GROUP BY 1, 2, 3, 4
"""
FAILED = "SELECT count(*) FROM events_attempt WHERE status IS NULL"
HASTEN = "UPDATE events_delivery SET due_at = now() WHERE due_at > now() + interval '{} seconds'"
Told = tuple[str, int]


def hasten(floor: Floor) -> None:
    """Let what has failed be tried now: the next attempt is seconds and minutes away, and what counts is that it comes.

    What is in hand is left alone, for the two timeouts of its lease.
    """
    floor.execute(HASTEN.format(2 * float(os.environ["WATCHFLOOR_WEBHOOK_TIMEOUT_S"]) + 1))


class Hook:
    """The receiver's process, what it has written down, and what of the log it is owed."""

    def __init__(self, floor: Floor, types: Sequence[str], *, slowest_s: float) -> None:
        self.floor, self.types, self.slowest_s = floor, types, slowest_s
        self.port = free_port()
        self.path = floor.home / f"hook-{self.port}.txt"
        self.process: subprocess.Popen[bytes] | None = None
        said = floor.manage("shell", "-v", "0", "-c", ENDPOINT.format(port=self.port, types=list(types)))
        self.id, after = said.split()[-2:]
        self.after = int(after)
        # What comes after it may still be on its way; set when all before it is waited for.
        self.until = self.after

    def start(self) -> None:
        """Listen, where it listened before; returns when it does, since whoever finds nobody comes back only later."""
        command = [sys.executable, "-m", "tests.faults.hook", str(self.port), str(self.path), str(self.slowest_s)]
        self.process = subprocess.Popen(command, cwd=CHECKOUT)
        wait_for(self._listens, "the receiver to listen")

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=10).close()
        except OSError:
            return False
        return True

    def got(self) -> dict[str, list[int]]:
        """Return what came, by subject, in the order in which it came."""
        found: dict[str, list[int]] = {}
        for line in self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else ():
            subject, sequence = line.split()
            found.setdefault(subject, []).append(int(sequence))
        return found

    def count(self) -> int:
        """Return how much came."""
        return sum(len(came) for came in self.got().values())

    def owed(self) -> set[Told]:
        """Return what it must be told, by the log."""
        patterns = [each.replace("*", "%") for each in self.types]
        return set(self.floor.rows(OWED, self.after, patterns))

    def missing(self) -> set[Told]:
        """Return what should have come and has not."""
        got = told(self.got())
        return {each for each in self.owed() if each[1] <= self.until} - got

    def has_all(self) -> bool:
        """Say whether all that should have come has, and is settled; what waits for another attempt is hurried."""
        hasten(self.floor)
        return not self.missing() and bool(self.floor.value(LEFT, self.id, self.until) == 0)

    def wait_for_all(self, *, seconds: float) -> None:
        """Return when all that is written by now has come; fails with how deliveries stand, and what senders said."""
        self.until = head_of_all(self.floor)
        try:
            wait_for(self.has_all, "the webhooks", seconds=seconds)
        except AssertionError as error:
            said = [self.floor.log(name) for name in ("worker", "clock")]
            raise AssertionError(self.wrong(), self.standing(), *said) from error

    def standing(self) -> list[tuple[object, ...]]:
        """Return how many deliveries stand how."""
        return self.floor.rows(STANDING, self.id)

    def wrong(self) -> dict[str, object]:
        """Return what never came, what came uncalled for, and which subjects came out of order."""
        got, owed = self.got(), self.owed()
        found = {
            "missing": self.missing(),
            "uncalled for": told(got) - owed,
            "out of order": {subject: came for subject, came in got.items() if not is_in_order(came)},
        }
        return {name: what for name, what in found.items() if what}


@contextmanager
def listening(floor: Floor, types: Sequence[str], *, slowest_s: float = 0.0) -> Iterator[Hook]:
    """Yield a receiver that listens, and answers within some time; in the end nobody is told any more."""
    hook = Hook(floor, types, slowest_s=slowest_s)
    hook.start()
    try:
        yield hook
    finally:
        hook.kill()
        hook.path.unlink(missing_ok=True)
        floor.execute("UPDATE events_endpoint SET is_enabled = false, stopped_by = 'hand' WHERE is_enabled")


def told(got: dict[str, list[int]]) -> set[Told]:
    """Return what came, however often."""
    return {(subject, each) for subject, came in got.items() for each in came}


def is_in_order(came: Sequence[int]) -> bool:
    """Say whether each came first when all before it had: again it may come at any time."""
    first = list(dict.fromkeys(came))
    return first == sorted(first)
