"""``worker``, ``clock`` and the receiver killed while webhooks go out: all of it arrives, in order of each subject."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from tests.faults.counting import assert_log_has_no_gap
from tests.faults.floor import Floor, wait_for
from tests.faults.harbour import Harbour
from tests.faults.receiving import FAILED, Hook, hasten, listening
from tests.faults.reporter import Report, Reporter, crossings

pytestmark = pytest.mark.faults

# Each process once; WATCHFLOOR_TEST_KILLS=15 is the long form.
KILLS = int(os.environ.get("WATCHFLOOR_TEST_KILLS", "3"))
VICTIMS = ("worker", "receiver", "clock")
# The first batch tells where the vessels are, then there are two for each kill: one that is under way, one meanwhile.
VESSELS, ROUNDS = 15, 1 + 2 * KILLS


@contextmanager
def dead(floor: Floor, hook: Hook, victim: str) -> Iterator[None]:
    """Kill somebody, and bring them back when the block has ended; the receiver only when it has been missed."""
    if victim == "receiver":
        hook.kill()
        failed = floor.value(FAILED)
        yield
        wait_for(lambda: floor.value(FAILED) > failed, "a delivery to fail")
        hook.start()
        # Where it took so long that all have failed twice, nothing would be under way for minutes.
        hasten(floor)
    else:
        floor.kill(victim)
        yield
        floor.start(victim)


def test_everything_arrives_at_least_once_and_in_order_of_each_subject(
    harbour: Harbour, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHFLOOR_OUTBOUND_HOSTS", "127.0.0.1")
    monkeypatch.setenv("WATCHFLOOR_WEBHOOK_TIMEOUT_S", "3")
    floor, vessels = harbour.floor, harbour.take(VESSELS)
    with listening(floor, ["watchfloor.finding.*"]) as hook:
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
        hook.wait_for_all(seconds=120)
        owed, got = hook.owed(), hook.got()
        assert len(owed) >= VESSELS * (ROUNDS - 1)
        assert hook.wrong() == {}
    assert_log_has_no_gap(floor)
    doubled = sum(len(came) - len(set(came)) for came in got.values())
    assert doubled < len(owed)
