"""Worker, clock, relay, receiver and services killed in the middle of sagas: nothing is lost, nothing is half done.

``WATCHFLOOR_BOOKING_KILLS=100 ./dev test tests/faults/test_booking.py -k always -n 0`` does it for longer.
"""

from __future__ import annotations

import os

import pytest
import structlog

from tests.faults.counting import assert_log_has_no_gap
from tests.faults.floor import DESKS
from tests.faults.harbour import Harbour
from tests.faults.killing import killing
from tests.faults.visits import Visits

pytestmark = pytest.mark.faults
log = structlog.get_logger(__name__)

KILLS = int(os.environ.get("WATCHFLOOR_BOOKING_KILLS", "6"))
SEED = int(os.environ.get("WATCHFLOOR_BOOKING_SEED", "4"))


@pytest.mark.timeout(800 + 15 * KILLS)
def test_always_both_are_booked_or_neither_and_nobody_is_forgotten(
    harbour: Harbour, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHFLOOR_WEBHOOK_TIMEOUT_S", "1")
    with killing(harbour, visitors=3 * KILLS, seed=SEED) as disturbed:
        disturbed.disturb(KILLS, visits=2)
        disturbed.settle(seconds=180 + 2 * KILLS)
        visits = disturbed.visits
        assert (disturbed.wrong(), visits.outcomes().total()) == ({}, len(visits.asked))
        told = {"owed": len(disturbed.hook.owed()), "came": disturbed.hook.count()}
    assert disturbed.killed.total() == KILLS
    assert_log_has_no_gap(harbour.floor)
    about = {"killed": dict(disturbed.killed), "died": dict(visits.died), "outcomes": dict(visits.outcomes())}
    log.info("disturbed", **about, incidents=len(disturbed.intrusions.intruders), webhooks=told)


def test_the_count_tells_what_is_missing_and_what_is_double(harbour: Harbour) -> None:
    visits = Visits(harbour.floor)
    visits.bring(2)
    # Nothing goes wrong here, so that nothing but a slow machine would be late.
    harbour.floor.execute("UPDATE lifecycle_service SET timeout = interval '30 seconds'")
    for name in ("web", "worker", "clock", *DESKS):
        harbour.floor.start(name)
    visits.ask(2)
    visits.settle()
    assert (visits.wrong(), visits.outcomes()) == ({}, {"booked": 2})
    harbour.floor.execute(f"UPDATE assets_asset SET state = 'refused' WHERE id = '{visits.asked[0]}'")
    assert visits.wrong() == {visits.asked[0]: ("refused", [1, 1])}
    harbour.floor.execute(f"UPDATE assets_asset SET state = 'booked' WHERE id = '{visits.asked[0]}'")
