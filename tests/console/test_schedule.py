"""The replay keeps the hour's order and spacing, whatever the speed, and never ends."""

from __future__ import annotations

from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.console.demo.dataset import Broadcast, broadcasts
from apps.console.demo.schedule import START_S, Due, laps, preroll


def _broadcast(second: float, mmsi: str = "1") -> Broadcast:
    return Broadcast(second=second, mmsi=mmsi, lon=0.0, lat=0.0, speed_mps=None, course_deg=None, heading_deg=None)


HOUR = (_broadcast(0.0), _broadcast(START_S - 100, "2"), _broadcast(START_S, "3"), _broadcast(START_S + 100, "4"))


def test_it_begins_in_the_middle_and_goes_on_with_the_beginning():
    first = list(islice(laps(HOUR, speed=10.0), 5))
    assert first == [
        Due(due_s=0.0, broadcast=HOUR[2]),
        Due(due_s=10.0, broadcast=HOUR[3]),
        Due(due_s=136.0, broadcast=HOUR[0]),
        Due(due_s=350.0, broadcast=HOUR[1]),
        Due(due_s=360.0, broadcast=HOUR[2]),
    ]


def test_the_last_minutes_before_the_start_lie_in_the_past():
    assert preroll(HOUR, speed=10.0) == [Due(due_s=-10.0, broadcast=HOUR[1])]


@given(st.floats(min_value=0.1, max_value=600.0))
def test_order_and_spacing_are_those_of_the_hour(speed: float):
    dues = list(islice(laps(HOUR, speed=speed), 12))
    assert all(before.due_s <= later.due_s for before, later in pairwise(dues))
    assert dues[4].due_s == pytest.approx(3600.0 / speed)


def test_something_happens_in_the_first_minute_at_the_default_speed():
    vessel = [due for due in islice(laps(broadcasts(), speed=10.0), 1500) if due.broadcast.mmsi == "367370920"]
    in_security_zone = [due for due in vessel if 2278 <= due.broadcast.second < 2368]
    assert in_security_zone[0].due_s < 10
