"""Keeping to a plan, fix by fix, without a database."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from pyproj import Geod
from shapely import MultiPolygon, Polygon

from apps.core.ids import new_id
from apps.core.types import Datum, Fix
from apps.operations.rules.following import (
    Keeping,
    Move,
    Running,
    RunningVolume,
    follow,
    keep_up,
    late_by,
    off_band_m,
    overrun_by,
)
from apps.operations.types import Area, Span
from apps.zones.types import EVERY_HEIGHT, AltitudeBand
from tests.factories.core import NOON
from tests.factories.operations import band
from tests.factories.zones import square

HOUR = timedelta(hours=1)
GEOD = Geod(ellps="WGS84")
TIMES = (Span(NOON, NOON + HOUR), Span(NOON + 3 * HOUR, NOON + 4 * HOUR))


def area_volume(area: MultiPolygon, heights: AltitudeBand = EVERY_HEIGHT) -> RunningVolume:
    """Return a volume from noon to one, and from three to four."""
    return RunningVolume(area, heights, TIMES, Area(polygons=area))


def running(*volumes: RunningVolume, tolerance_m: float = 0.0) -> Running:
    """Return an operation in these volumes, or in the square."""
    return Running(
        id=new_id(),
        organisation_id=new_id(),
        title="Survey",
        tolerance_m=tolerance_m,
        nonconforming_after=timedelta(seconds=30),
        asset_ids=frozenset(),
        volumes=volumes or [area_volume(square())],
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


def test_between_two_times_nothing_is_asked_and_nobody_stays_outside() -> None:
    was = keep_up(Keeping(), running(), fix(HOUR, 2.0))
    assert was.outside_since is not None
    between = keep_up(was, running(), fix(2 * HOUR, 2.0))
    assert (between.outside_since, between.distance_m, between.followed_at) == (None, None, NOON + 2 * HOUR)


def test_in_the_north_a_distance_is_that_on_the_ground() -> None:
    """Of the slanted edge another place is nearest in degrees."""
    area = MultiPolygon([Polygon([(10.0, 60.0), (11.0, 60.0), (10.0, 61.0)])])
    places = np.linspace((11.0, 60.0), (10.0, 61.0), 10_001)
    _, _, distances_m = GEOD.inv(np.full(10_001, 11.0), np.full(10_001, 61.0), *places.T)
    found = area_volume(area).distance_m(Fix(fixed_at=NOON, lon=11.0, lat=61.0))
    assert found == pytest.approx(float(distances_m.min()), rel=0.001)


@pytest.mark.parametrize(("west", "lon"), [(179.0, -179.99), (-180.0, 179.99)], ids=["from the east", "from the west"])
def test_the_antimeridian_is_no_edge_of_the_world(west: float, lon: float) -> None:
    found = area_volume(square(west)).distance_m(Fix(fixed_at=NOON, lon=lon, lat=0.5))
    assert found == pytest.approx(0.01 * 111_320, rel=0.001)


@pytest.mark.parametrize(
    ("altitude_m", "datum", "expected"),
    [
        (70.0, Datum.AMSL, 30.0),
        (100.0, Datum.AMSL, 0.0),
        (200.0, Datum.AMSL, 0.0),
        (230.0, Datum.AMSL, 30.0),
        # The geoid lies 107 m below to 86 m above the ellipsoid.
        (-7.0, Datum.WGS84, 0.0),
        (-8.0, Datum.WGS84, 1.0),
        (286.0, Datum.WGS84, 0.0),
        (287.0, Datum.WGS84, 1.0),
        (-5_000.0, Datum.BARO, 0.0),
    ],
)
def test_a_height_is_outside_as_far_as_is_certain(altitude_m: float, datum: Datum, expected: float) -> None:
    assert off_band_m(band(100, 200), altitude_m, datum) == expected


def test_of_two_volumes_at_once_the_nearest_counts() -> None:
    both = running(area_volume(square(5)), area_volume(square()), area_volume(square(9)))
    kept = keep_up(Keeping(), both, fix(timedelta(0), 0.5))
    assert (kept.distance_m, kept.outside_since) == (0.0, None)


@pytest.mark.parametrize(("altitude_m", "is_outside"), [(130.0, False), (130.001, True)])
def test_as_far_as_the_tolerance_is_within_it(altitude_m: float, is_outside: bool) -> None:
    tolerant = running(area_volume(square(), band(0, 100)), tolerance_m=30.0)
    seen = Fix(fixed_at=NOON, lon=0.5, lat=0.5, altitude_m=altitude_m, altitude_datum=Datum.AMSL)
    assert (keep_up(Keeping(), tolerant, seen).outside_since is not None) is is_outside


@pytest.mark.parametrize("lon", [0.5, 2.0], ids=["seen inside", "seen outside"])
@pytest.mark.parametrize("short_of", [timedelta(0), timedelta(microseconds=1)], ids=["for so long", "for less"])
def test_whoever_was_outside_for_just_so_long_no_longer_conforms(lon: float, short_of: timedelta) -> None:
    one, at = new_id(), timedelta(seconds=40) - short_of
    fixes = [(one, fix(timedelta(seconds=10), 2.0)), (one, fix(at, lon))]
    moves = follow(running(), {one: Keeping()}, fixes, conforms=True, since=NOON)
    deviated = [] if short_of else [Move(conforms=False, at=NOON + at)]
    assert moves == deviated + ([Move(conforms=True, at=NOON + at)] if deviated and lon < 1 else [])


def test_whoever_was_outside_first_counts() -> None:
    first, second = new_id(), new_id()
    fixes = [(each, fix(timedelta(seconds=at), 2.0)) for each, at in ((first, 10), (second, 25), (second, 45))]
    moves = follow(running(), {first: Keeping(), second: Keeping()}, fixes, conforms=True, since=NOON)
    assert moves == [Move(conforms=False, at=NOON + timedelta(seconds=40))]


def test_late_and_beyond_the_end_are_never_less_than_nothing() -> None:
    hour, minute = HOUR, timedelta(minutes=1)
    assert late_by(NOON, NOON + minute, NOON + hour) == minute
    assert late_by(NOON, None, NOON + hour) == hour
    assert late_by(NOON, NOON - minute, NOON + hour) == timedelta(0)
    assert overrun_by(NOON, None, NOON + hour) == hour
    assert overrun_by(NOON, NOON + minute, NOON + hour) == minute
    assert overrun_by(NOON, NOON - minute, NOON + hour) == timedelta(0)
