"""``web`` and ``live`` killed in mid-batch, Redis killed, PostgreSQL restarted: nothing lost, nothing double."""

from __future__ import annotations

import time

import pytest

from tests.faults.counting import assert_log_has_no_gap, assert_positions_are, findings
from tests.faults.floor import wait_for
from tests.faults.harbour import Harbour
from tests.faults.reporter import Reporter, crossings

pytestmark = pytest.mark.faults

ROUNDS = 40


@pytest.mark.parametrize("server", ["live", "web"])
def test_a_killed_server_loses_no_accepted_fix_and_doubles_none(harbour: Harbour, server: str) -> None:
    floor, vessels = harbour.floor, harbour.take(10)
    batches = crossings(vessels, harbour.inside, rounds=ROUNDS)
    floor.start(server)
    floor.start("clock")
    reporter = Reporter(floor.url(server, ""), harbour.key, batches, pause_s=0.02).start()
    for quarter in (1, 2, 3):
        wait_for(lambda quarter=quarter: reporter.accepted >= quarter * ROUNDS // 4, "the load to go on")  # type: ignore[misc]
        floor.kill(server)
        floor.start(server)
    reporter.finish()
    assert reporter.refused, "the server was never away"
    assert_positions_are(floor, batches)
    expected = {(mmsi, kind): ROUNDS // 2 for mmsi in vessels for kind in ("entered", "left")}
    expected |= {(mmsi, "left"): ROUNDS // 2 - 1 for mmsi in vessels}
    assert findings(floor, vessels, harbour.zone_id) == expected
    assert_log_has_no_gap(floor)


def test_without_redis_everything_is_stored_and_numbered(harbour: Harbour) -> None:
    floor, vessels = harbour.floor, harbour.take(10)
    batches = crossings(vessels, harbour.inside, rounds=ROUNDS)
    floor.start("live")
    floor.start("clock")
    reporter = Reporter(floor.url("live", ""), harbour.key, batches, pause_s=0.05).start()
    wait_for(lambda: reporter.accepted >= ROUNDS // 4, "the load to begin")
    floor.kill_redis()
    wait_for(lambda: reporter.accepted >= ROUNDS // 2, "the load to go on without Redis")
    wait_for(lambda: floor.value('SELECT count(*) FROM events_event WHERE "offset" IS NULL') < 50, "the relay to poll")
    floor.start_redis()
    reporter.finish()
    assert reporter.refused == []
    assert_positions_are(floor, batches)
    assert_log_has_no_gap(floor)


def test_a_restart_of_postgresql_delays_and_loses_nothing(harbour: Harbour) -> None:
    floor, vessels = harbour.floor, harbour.take(10)
    batches = crossings(vessels, harbour.inside, rounds=ROUNDS)
    floor.start("live")
    floor.start("clock")
    reporter = Reporter(floor.url("live", ""), harbour.key, batches, pause_s=0.02).start()
    for third in (1, 2):
        wait_for(lambda third=third: reporter.accepted >= third * ROUNDS // 3, "the load to go on")  # type: ignore[misc]
        floor.restart_postgres()
        time.sleep(0.2)
    reporter.finish()
    assert_positions_are(floor, batches)
    assert_log_has_no_gap(floor)
