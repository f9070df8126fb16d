"""The soak in its short form: a few accidents under traffic, and a count that would tell."""

from __future__ import annotations

import pytest

from benchmarks._soak.judging import OVERDUE_TIMERS, wrong_fixes, wrong_incidents
from benchmarks._soak.run import Size, soak
from benchmarks._soak.traffic import Sailor
from tests.faults.floor import wait_for
from tests.faults.harbour import Harbour
from tests.faults.intrusions import INCIDENTS

pytestmark = pytest.mark.faults

EVIDENCE = f"SELECT id::text FROM incidents_evidence WHERE incident_id IN ({INCIDENTS}) LIMIT 1"
OPENING = f"SELECT id::text FROM lifecycle_transition WHERE from_state = '' AND object_id IN ({INCIDENTS}) LIMIT 1"


def test_a_short_soak_finds_nothing_wrong(harbour: Harbour) -> None:
    size = Size(seconds=12, victims=3, sailors=2, vessels=5, screens=2, seed=5, pause_s=(1.0, 2.0))
    counted = soak(harbour, size)
    assert counted["failures"] == []
    assert counted["refused"] > 0
    assert len(counted["accidents"]) > 2
    assert min(counted["fixes"]["sent"], counted["findings"]["expected"], counted["screens"]["told"]) > 0


def test_the_count_tells_what_is_missing_and_what_is_double(harbour: Harbour) -> None:
    floor = harbour.floor
    floor.start("live")
    floor.start("clock")
    sailor = Sailor(floor, harbour.key, vessels=harbour.take(3), inside=harbour.inside, seed=1)
    sailor.names = ("live",)
    for _ in range(4):
        sailor.act()
    sailor.client.close()
    assert wrong_fixes(floor, [sailor]) == {"sent": 12, "missing": 0, "double": 0}
    forgotten = sailor.accepted.pop()
    sailor.accepted.append([*forgotten, forgotten[0]])
    sailor.accepted.pop(0)
    assert wrong_fixes(floor, [sailor]) == {"sent": 10, "missing": 1, "double": 3}
    wait_for(lambda: floor.value(OVERDUE_TIMERS) == 0, "the clock to do what tests before this one have left")
    before = wrong_incidents(floor, harbour.zone_id)
    # Of our own vessels: the clock finds that others are silent, which is no evidence of this zone.
    evidence, opening = (floor.value(query, sailor.vessels, harbour.zone_id) for query in (EVIDENCE, OPENING))
    move = f"UPDATE incidents_evidence SET effective_at = effective_at {{}} interval '1 day' WHERE id = '{evidence}'"
    begin = f"UPDATE lifecycle_transition SET from_state = '{{}}' WHERE id = '{opening}'"
    floor.execute(move.format("+"))
    floor.execute(begin.format("nowhere"))
    after = wrong_incidents(floor, harbour.zone_id)
    # The harbour is used again.
    floor.execute(move.format("-"))
    floor.execute(begin.format(""))
    assert {name: after[name] - was for name, was in before.items() if after[name] != was} == {
        "evidence_missing": 1,
        "histories_broken": 1,
    }
    assert wrong_incidents(floor, harbour.zone_id) == before
