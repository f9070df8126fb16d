"""Worker, clock and the services killed in the middle of sagas: always both booked or neither, and nothing twice.

``WATCHFLOOR_BOOKING_KILLS=100 ./dev test tests/faults/test_booking.py`` does it for longer.
"""

from __future__ import annotations

import os

import pytest
import structlog

from tests.faults.harbour import Harbour
from tests.faults.visits import Visits

pytestmark = pytest.mark.faults
log = structlog.get_logger(__name__)

KILLS = int(os.environ.get("WATCHFLOOR_BOOKING_KILLS", "6"))
KILLS_PER_ROUND = 6
ROUNDS = max(1, KILLS // KILLS_PER_ROUND)
# The harbour has some forty vessels of the kinds that ask for berths.
VISITS_PER_ROUND = max(1, min(10, 30 // ROUNDS))


@pytest.mark.timeout(300 + 15 * KILLS)
def test_always_both_are_booked_or_neither(harbour: Harbour) -> None:
    visits = Visits(harbour.floor, seed=int(os.environ.get("WATCHFLOOR_BOOKING_SEED", "4")))
    visits.open()
    for _ in range(ROUNDS):
        visits.ask(VISITS_PER_ROUND)
        visits.disturb(KILLS_PER_ROUND)
    visits.settle()
    assert (visits.wrong(), visits.outcomes().total()) == ({}, len(visits.asked))
    assert visits.killed.total() >= KILLS_PER_ROUND
    log.info("visits", killed=dict(visits.killed), outcomes=dict(visits.outcomes()))


def test_the_count_tells_what_is_missing_and_what_is_double(harbour: Harbour) -> None:
    visits = Visits(harbour.floor, seed=1)
    visits.open()
    visits.let_fail("")
    visits.ask(2)
    visits.settle()
    assert (visits.wrong(), visits.outcomes()) == ({}, {"booked": 2})
    harbour.floor.execute(f"UPDATE assets_asset SET state = 'refused' WHERE id = '{visits.asked[0]}'")
    assert visits.wrong() == {visits.asked[0]: ("refused", [1, 1])}
    harbour.floor.execute(f"UPDATE assets_asset SET state = 'booked' WHERE id = '{visits.asked[0]}'")
