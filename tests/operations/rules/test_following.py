"""Keeping to a plan, fix by fix, without a database."""

from __future__ import annotations

from datetime import timedelta

import pytest

from apps.core.ids import new_id
from apps.core.types import Fix
from apps.operations.rules.following import Keeping, Running, RunningVolume, keep_up
from apps.operations.types import Area, Span
from apps.zones.types import EVERY_HEIGHT
from tests.factories.core import NOON
from tests.factories.zones import square

HOUR = timedelta(hours=1)


def running() -> Running:
    """Return an operation in the square from noon to one, and from three to four."""
    times = [Span(NOON, NOON + HOUR), Span(NOON + 3 * HOUR, NOON + 4 * HOUR)]
    return Running(
        id=new_id(),
        organisation_id=new_id(),
        title="Survey",
        tolerance_m=0.0,
        nonconforming_after=timedelta(seconds=30),
        asset_ids=frozenset(),
        volumes=[RunningVolume(square(), EVERY_HEIGHT, times, Area(polygons=square()))],
    )


def fix(at: timedelta, lon: float) -> Fix:
    return Fix(fixed_at=NOON + at, lon=lon, lat=0.5)


@pytest.mark.parametrize("late", [timedelta(seconds=59), timedelta(minutes=1)], ids=["earlier", "same instant"])
def test_a_fix_that_is_no_later_than_the_last_tells_nothing(late: timedelta) -> None:
    was = keep_up(Keeping(), running(), fix(timedelta(minutes=1), 2.0))
    assert was.outside_since == NOON + timedelta(minutes=1)
    assert keep_up(was, running(), fix(late, 0.5)) is was


@pytest.mark.parametrize(
    ("at", "is_asked"),
    [
        (timedelta(0), True),
        (HOUR, True),
        (HOUR + timedelta(microseconds=1), False),
        (3 * HOUR - timedelta(microseconds=1), False),
        (3 * HOUR, True),
        (4 * HOUR, True),
    ],
    ids=str,
)
def test_both_ends_of_a_time_belong_to_it_to_the_microsecond(at: timedelta, is_asked: bool) -> None:
    kept = keep_up(Keeping(), running(), fix(at, 2.0))
    assert (kept.outside_since is not None) is is_asked
