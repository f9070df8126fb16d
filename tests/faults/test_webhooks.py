"""``worker``, ``clock`` and the receiver killed while webhooks go out: all of it arrives, in order of each subject."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.counting import assert_log_has_no_gap
from tests.faults.floor import Floor, free_port, wait_for
from tests.faults.harbour import Harbour
from tests.faults.reporter import Report, Reporter, crossings
from watchfloor_dev.paths import CHECKOUT

pytestmark = pytest.mark.faults

# Each process once; WATCHFLOOR_TEST_KILLS=15 is the long form.
KILLS = int(os.environ.get("WATCHFLOOR_TEST_KILLS", "3"))
VICTIMS = ("worker", "receiver", "clock")
# The first batch tells where the vessels are, then there are two for each kill: one that is under way, one meanwhile.
VESSELS, ROUNDS = 15, 1 + 2 * KILLS
ENDPOINT = """
from apps.access.models import User
from apps.access.types import SYSTEM
from apps.core import clock
from apps.events.services import create_endpoint
owner = User.objects.filter(is_superuser=True).first()
given = {{"name": "hook", "url": "http://127.0.0.1:{port}/", "types": ["watchfloor.finding.*"]}}
create_endpoint(given, user_id=owner.pk, actor=SYSTEM, at=clock.now())
"""
OWED = """
SELECT noun || '/' || object_id, "offset" FROM events_event
WHERE type LIKE 'watchfloor.finding.%%' AND recorded_at > %s
"""
FAILED = "SELECT count(*) FROM events_attempt WHERE status IS NULL"
LEFT = "SELECT count(*) FROM events_delivery WHERE state = 'waiting'"
# After a failure the next attempt is seconds and minutes away; what is tested is that it comes. Leases are left alone.
HASTEN = "UPDATE events_delivery SET due_at = now() WHERE due_at > now() + interval '3 seconds'"


class Hook:
    """The receiver's process and what it has written down."""

    def __init__(self, home: Path) -> None:
        self.port = free_port()
        self.path = home / "hook.txt"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.faults.hook", str(self.port), str(self.path)]
        self.process = subprocess.Popen(command, cwd=CHECKOUT)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

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


@contextmanager
def listening(floor: Floor) -> Iterator[Hook]:
    hook = Hook(floor.home)
    hook.start()
    yield hook
    hook.kill()
    hook.path.unlink(missing_ok=True)


@contextmanager
def dead(floor: Floor, hook: Hook, victim: str) -> Iterator[None]:
    """Kill somebody, and bring them back when the block has ended; the receiver only when it has been missed."""
    if victim == "receiver":
        hook.kill()
        failed = floor.value(FAILED)
        yield
        wait_for(lambda: floor.value(FAILED) > failed, "a delivery to fail")
        hook.start()
    else:
        floor.kill(victim)
        yield
        floor.start(victim)


def test_everything_arrives_at_least_once_and_in_order_of_each_subject(
    harbour: Harbour, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHFLOOR_OUTBOUND_HOSTS", "127.0.0.1")
    monkeypatch.setenv("WATCHFLOOR_WEBHOOK_TIMEOUT_S", "1")
    floor, vessels = harbour.floor, harbour.take(VESSELS)
    [(began,)] = floor.rows("SELECT now()")
    with listening(floor) as hook:
        floor.manage("shell", "-c", ENDPOINT.format(port=hook.port))
        for name in ("live", "worker", "clock"):
            floor.start(name)
        outside, *batches = crossings(vessels, harbour.inside, rounds=ROUNDS)

        def report(batch: Sequence[Report]) -> None:
            Reporter(floor.url("live", ""), harbour.key, [batch]).start().finish()

        report(outside)
        for number in range(KILLS):
            before = hook.count()
            report(batches[2 * number])
            wait_for(lambda before=before: hook.count() > before, "webhooks to be under way")  # type: ignore[misc]
            with dead(floor, hook, VICTIMS[number % len(VICTIMS)]):
                report(batches[2 * number + 1])
        wait_for(lambda: floor.value('SELECT count(*) FROM events_event WHERE "offset" IS NULL') == 0, "the relay")
        owed = floor.rows(OWED, began)
        assert len(owed) >= VESSELS * (ROUNDS - 1)

        def is_done() -> bool:
            floor.execute(HASTEN)
            return set(owed) <= {(subject, each) for subject, came in hook.got().items() for each in came}

        wait_for(is_done, f"the webhooks\n{floor.log('worker')}\n{floor.log('clock')}", seconds=90)
        wait_for(lambda: floor.value(LEFT) == 0, "the last results", seconds=30)
        got = hook.got()
    assert {(subject, each) for subject, came in got.items() for each in came} == set(owed)
    for subject, came in got.items():
        first = list(dict.fromkeys(came))
        assert first == sorted(first), subject
    assert_log_has_no_gap(floor)
    doubled = sum(len(came) - len(set(came)) for came in got.values())
    assert doubled < len(owed)
