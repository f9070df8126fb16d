"""Laws of meeting: as brute force finds it, the same from both sides, growing with the volumes, equal in parts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import MultiPolygon

from apps.core.types import Datum
from apps.operations.rules.cells import boxes_of, cells_of, metres_of
from apps.operations.rules.meeting import bands_meet, footprints_meet, meetings, verdict, zone_verdict
from apps.operations.types import Meeting, Span, Standing, Verdict, Volume4D
from apps.zones.types import AltitudeBand, Constraint
from tests.factories.core import NOON
from tests.factories.operations import band
from tests.operations import brute

# On a coarse grid things touch all the time.
WHOLE = st.integers(0, 6)
ORDER = [Meeting.APART, Meeting.UNKNOWN, Meeting.MEET]


def meeting(one: Volume4D, other: Volume4D) -> Meeting:
    """Return what is found of one pair."""
    (found,) = meetings([one], [other])
    return found


@st.composite
def spans(draw: st.DrawFn) -> Span:
    start, lasting = draw(st.integers(0, 6)), draw(st.integers(1, 4))
    return Span(NOON + timedelta(hours=start), NOON + timedelta(hours=start + lasting))


@st.composite
def bands(draw: st.DrawFn) -> AltitudeBand:
    lower, height = draw(st.integers(-6, 100)) * 100, draw(st.sampled_from([1, 100, 300, 9_000, 20_000]))
    is_open = draw(st.sampled_from([(False, False), (False, False), (True, False), (False, True), (True, True)]))
    return band(None if is_open[0] else lower, None if is_open[1] else lower + height, draw(st.sampled_from(Datum)))


@st.composite
def rectangles(draw: st.DrawFn) -> MultiPolygon:
    west, south = draw(WHOLE), draw(WHOLE)
    return MultiPolygon([shapely.box(west, south, west + draw(st.integers(1, 3)), south + draw(st.integers(1, 3)))])


@st.composite
def triangles(draw: st.DrawFn) -> MultiPolygon:
    corners = draw(
        st.lists(st.tuples(WHOLE, WHOLE), min_size=3, max_size=3, unique=True).filter(
            lambda each: shapely.Polygon(each).area > 0
        )
    )
    return MultiPolygon([shapely.Polygon(corners)])


@st.composite
def volumes(draw: st.DrawFn, footprints: st.SearchStrategy[MultiPolygon] | None = None) -> Volume4D:
    areas = st.one_of(rectangles(), triangles()) if footprints is None else footprints
    return Volume4D(footprint=draw(areas), band=draw(bands()), during=draw(spans()))


@settings(max_examples=300, deadline=None)
@given(volumes(), volumes())
def test_it_is_as_brute_force_finds_it_and_the_same_from_both_sides(one: Volume4D, other: Volume4D) -> None:
    assert meeting(one, other) is brute.meeting(one, other)
    assert meeting(other, one) is meeting(one, other)
    assert meeting(one, one) is Meeting.MEET


@settings(max_examples=200, deadline=None)
@given(volumes(), volumes(), st.integers(0, 3), st.integers(0, 500), st.integers(0, 2))
def test_who_wants_more_meets_no_less(one: Volume4D, other: Volume4D, wider: int, taller: int, longer: int) -> None:
    by = timedelta(hours=longer)
    heights = one.band
    grown = replace(
        one,
        footprint=MultiPolygon([shapely.box(*one.footprint.buffer(wider).bounds)]),
        during=Span(one.during.start - by, one.during.end + by),
        band=replace(
            heights,
            lower_m=None if heights.lower_m is None else heights.lower_m - taller,
            upper_m=None if heights.upper_m is None else heights.upper_m + taller,
        ),
    )
    assert ORDER.index(meeting(grown, other)) >= ORDER.index(meeting(one, other))


@settings(max_examples=200, deadline=None)
@given(volumes(rectangles()), volumes(), st.sampled_from(["footprint", "time", "height"]))
def test_a_volume_in_two_parts_meets_what_it_meets_whole(one: Volume4D, other: Volume4D, by: str) -> None:
    if by == "height":
        # Above one datum: whether heights can be compared may differ between a part and the whole.
        one, other = (replace(each, band=_above_sea(each.band)) for each in (one, other))
    parts = _parts(one, by)
    assert max((meeting(part, other) for part in parts), key=ORDER.index) is meeting(one, other)


@settings(max_examples=200, deadline=None)
@given(volumes(), volumes())
def test_what_meets_is_proposed_and_locks_a_cell_in_common(one: Volume4D, other: Volume4D) -> None:
    if meeting(one, other) is Meeting.APART:
        return
    boxes = [[shapely.box(*box) for box in boxes_of(each.footprint)] for each in (one, other)]
    assert any(first.intersects(second) for first in boxes[0] for second in boxes[1])
    (low, high), (other_low, other_high) = metres_of(one.band), metres_of(other.band)
    assert low is None or other_high is None or low <= other_high
    assert other_low is None or high is None or other_low <= high
    # Cells are smaller than our grid.
    areas = [shapely.transform(each.footprint, lambda lon_lat: lon_lat / 20) for each in (one, other)]
    locked = [cells_of([replace(each, footprint=area)]) for each, area in zip((one, other), areas, strict=True)]
    assert locked[0] is None or locked[1] is None or set(locked[0]) & set(locked[1])


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (band(0, 100), band(100, 200), Meeting.MEET),
        (band(0, 100), band(100.001, 200), Meeting.APART),
        (band(0, 120, Datum.AGL), band(120, 200, Datum.AGL), Meeting.MEET),
        (band(0, 120, Datum.AGL), band(300, 400), Meeting.UNKNOWN),
        (band(0, 120, Datum.AGL), band(8_971, 9_100), Meeting.APART),
        (band(0, 100, Datum.WGS84), band(0, 100), Meeting.UNKNOWN),
        (band(0, 100, Datum.WGS84), band(207, 300), Meeting.UNKNOWN),
        (band(0, 100, Datum.WGS84), band(208, 300), Meeting.APART),
        (band(0, 100, Datum.WGS84), band(-200, -86), Meeting.UNKNOWN),
        (band(0, 100, Datum.WGS84), band(-200, -87), Meeting.APART),
        (band(0, 120, Datum.AGL), band(-600, -440), Meeting.UNKNOWN),
        (band(0, 120, Datum.AGL), band(-600, -441), Meeting.APART),
        (band(0, 500, Datum.WGS84), band(200, 300), Meeting.MEET),
        (band(0, 500, Datum.WGS84), band(50, 107), Meeting.MEET),
        (band(0, 500, Datum.WGS84), band(50, 106), Meeting.UNKNOWN),
        (band(0, 100, Datum.BARO), band(5_000, 6_000), Meeting.UNKNOWN),
        (band(0, 100, Datum.BARO), band(101, 200, Datum.BARO), Meeting.APART),
        (band(None, None), band(5_000, 6_000, Datum.BARO), Meeting.MEET),
    ],
    ids=str,
)
def test_heights(one: AltitudeBand, other: AltitudeBand, expected: Meeting) -> None:
    assert bands_meet(one, other) is bands_meet(other, one) is expected


@pytest.mark.parametrize("pole", [-90, 90])
def test_areas_that_touch_at_a_pole_meet(pole: int) -> None:
    near, far = sorted((pole, pole - pole / 900)), sorted((-pole, -pole + pole / 900))
    areas = [MultiPolygon([shapely.box(west, lats[0], west + 1, lats[1])]) for west, lats in ((10, near), (100, near))]
    beyond = MultiPolygon([shapely.box(10, far[0], 11, far[1])])
    assert footprints_meet([areas[0], areas[0]], [areas[1], beyond]).tolist() == [True, False]
    boxes = [[shapely.box(*box) for box in boxes_of(each)] for each in areas]
    assert any(first.intersects(second) for first in boxes[0] for second in boxes[1])
    volumes = [Volume4D(footprint=each, band=band(0, 1), during=Span(NOON, NOON)) for each in areas]
    locked = [cells_of([each]) for each in volumes]
    assert set(locked[0] or ()) & set(locked[1] or ())


def test_areas_that_touch_across_the_antimeridian_meet() -> None:
    east = MultiPolygon([shapely.box(179.9, 0, 180, 0.1)])
    west = MultiPolygon([shapely.box(-180, 0, -179.9, 0.1)])
    apart = MultiPolygon([shapely.box(-180, 1.5, -179, 2)])
    assert footprints_meet([east, east], [west, apart]).tolist() == [True, False]
    assert footprints_meet([west, apart], [east, east]).tolist() == [True, False]
    volumes = [Volume4D(footprint=each, band=band(0, 1), during=Span(NOON, NOON)) for each in (east, west)]
    locked = [cells_of([each]) for each in volumes]
    assert set(locked[0] or ()) & set(locked[1] or ())


@pytest.mark.parametrize(
    ("mine", "other", "found", "expected"),
    [
        (Standing(priority=1), Standing(priority=2), Meeting.MEET, Verdict.REFUSED),
        (Standing(priority=1, may_share=True), Standing(priority=2, may_share=True), Meeting.MEET, Verdict.REFUSED),
        (Standing(priority=2), Standing(priority=1), Meeting.MEET, Verdict.OVERRULES),
        (Standing(priority=2), Standing(priority=1), Meeting.UNKNOWN, Verdict.OVERRULES),
        (Standing(), Standing(), Meeting.MEET, Verdict.REFUSED),
        (Standing(), Standing(), Meeting.UNKNOWN, Verdict.NEEDS_APPROVAL),
        (Standing(may_share=True), Standing(), Meeting.MEET, Verdict.REFUSED),
        (Standing(), Standing(may_share=True), Meeting.MEET, Verdict.REFUSED),
        (Standing(may_share=True), Standing(may_share=True), Meeting.MEET, Verdict.SHARED),
    ],
    ids=str,
)
def test_who_gives_way(mine: Standing, other: Standing, found: Meeting, expected: Verdict) -> None:
    assert verdict(mine, other, found) is expected


@pytest.mark.parametrize(
    ("constraint", "found", "expected"),
    [
        (Constraint.PROHIBITED, Meeting.MEET, Verdict.REFUSED),
        (Constraint.PROHIBITED, Meeting.UNKNOWN, Verdict.NEEDS_APPROVAL),
        (Constraint.AUTHORISATION, Meeting.MEET, Verdict.NEEDS_APPROVAL),
        (Constraint.AUTHORISATION, Meeting.UNKNOWN, Verdict.NEEDS_APPROVAL),
        (Constraint.CONDITIONAL, Meeting.UNKNOWN, Verdict.CONDITIONAL),
        (Constraint.ADVISORY, Meeting.UNKNOWN, Verdict.ADVISORY),
    ],
    ids=str,
)
def test_what_a_zone_asks(constraint: Constraint, found: Meeting, expected: Verdict) -> None:
    assert zone_verdict(constraint, found) is expected


def test_what_lasts_over_midnight_locks_both_days_and_all_lock_in_one_order() -> None:
    midnight, hour = NOON + timedelta(hours=12), timedelta(hours=1)
    area = MultiPolygon([shapely.box(-74.15, 40.55, -73.85, 40.75)])
    spans = [Span(midnight - hour, midnight + hour), Span(midnight, midnight + hour)]
    both, second = (cells_of([Volume4D(footprint=area, band=band(0, 1), during=each)]) for each in spans)
    assert both is not None
    assert second is not None
    assert len(both) == 2 * len(second) > 2
    assert set(second) < set(both)
    assert both == sorted(both)


def _above_sea(heights: AltitudeBand) -> AltitudeBand:
    return band(heights.lower_m, heights.upper_m)


def _parts(volume: Volume4D, by: str) -> list[Volume4D]:
    """Return a volume in two, the cut belonging to both."""
    west, south, east, north = volume.footprint.bounds
    if by == "footprint":
        middle = (west + east) / 2
        halves = (shapely.box(west, south, middle, north), shapely.box(middle, south, east, north))
        return [replace(volume, footprint=MultiPolygon([half])) for half in halves]
    if by == "time":
        start, end = volume.during.start, volume.during.end
        at = start + (end - start) / 2
        return [replace(volume, during=Span(start, at)), replace(volume, during=Span(at, end))]
    lower, upper = volume.band.lower_m, volume.band.upper_m
    cut = (lower + upper) / 2 if lower is not None and upper is not None else lower if lower is not None else upper
    cut = 0.0 if cut is None else cut
    return [replace(volume, band=band(lower, cut)), replace(volume, band=band(cut, upper))]
