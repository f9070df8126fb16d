"""``worker`` and ``clock`` killed while transitions are due: each happens once, whoever was in the middle of it."""

from __future__ import annotations

import time

import pytest

from tests.faults.floor import wait_for
from tests.faults.harbour import Harbour
from tests.faults.intrusions import ESCALATIONS, INCIDENTS
from tests.faults.reporter import Reporter, crossings

pytestmark = pytest.mark.faults

VESSELS = 30
SOON = f"""
UPDATE lifecycle_timer SET due_at = now() + interval '1 second', claimed_until = NULL
WHERE object_id IN ({INCIDENTS}) RETURNING 1
"""


@pytest.mark.parametrize("victim", ["worker", "clock"])
def test_every_due_transition_happens_once(harbour: Harbour, victim: str) -> None:
    floor, vessels = harbour.floor, harbour.take(VESSELS)
    about = (vessels, harbour.zone_id)
    floor.start("live")
    Reporter(floor.url("live", ""), harbour.key, crossings(vessels, harbour.inside, rounds=2)).start().finish()
    assert len(floor.rows(INCIDENTS, *about)) == VESSELS
    assert len(floor.rows(SOON, *about)) == VESSELS
    floor.start("worker")
    floor.start("clock")
    for _ in range(3):
        time.sleep(1.0)
        floor.kill(victim)
        floor.start(victim)
    wait_for(lambda: floor.rows(ESCALATIONS, *about) == [(VESSELS, VESSELS)], f"the escalations\n{floor.log('clock')}")
    time.sleep(2.0)
    assert floor.rows(ESCALATIONS, *about) == [(VESSELS, VESSELS)]


def test_without_redis_and_workers_the_clock_escalates_by_itself(harbour: Harbour) -> None:
    floor, vessels = harbour.floor, harbour.take(VESSELS)
    about = (vessels, harbour.zone_id)
    floor.start("live")
    Reporter(floor.url("live", ""), harbour.key, crossings(vessels, harbour.inside, rounds=2)).start().finish()
    floor.kill_redis()
    assert len(floor.rows(SOON, *about)) == VESSELS
    floor.start("clock")
    wait_for(lambda: floor.rows(ESCALATIONS, *about) == [(VESSELS, VESSELS)], f"the escalations\n{floor.log('clock')}")
