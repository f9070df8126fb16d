"""Gaps and layers, without a database: free whatever the datums are, the nearest, and not below the ground."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import pytest

from apps.core.types import Datum
from apps.operations.rules.freeing import Blocked, higher_shifts, later_shifts, moved
from apps.operations.rules.meeting import bands_meet
from apps.operations.types import Meeting, PlannedVolume, Shift, Span, Volume4D
from apps.zones.types import AltitudeBand
from tests.factories.core import NOON, after
from tests.factories.operations import band
from tests.factories.zones import square


def held(heights: AltitudeBand) -> Volume4D:
    return Volume4D(footprint=square(), band=heights, during=Span(NOON, NOON))


def shifts(wanted: AltitudeBand, *by: AltitudeBand) -> list[float]:
    """Return by how many metres a band may be moved to get out of the way of others."""
    blocked = [Blocked(held(wanted), held(each)) for each in by]
    return [each.higher_m for each in higher_shifts(blocked, [wanted])]


def raised(wanted: AltitudeBand, metres: float) -> AltitudeBand:
    planned = PlannedVolume(footprint=square(), band=wanted, starts_at=NOON, ends_at=after(minutes=1))
    return moved(planned, Shift(higher_m=metres)).band


@pytest.mark.parametrize(
    ("wanted", "by", "expected"),
    [
        (band(50, 100), [band(60, 120)], [71, -41]),
        (band(10, 60), [band(30, 90)], [81]),
        (band(-50, -10), [band(-30, 0)], [51]),
        (band(50, 100), [band(60, None)], [-41]),
        (band(50, 100), [band(60, 120), band(150, 200)], [151, -41]),
        (band(None, 100), [band(60, 120)], []),
    ],
    ids=["above and below", "not below the ground", "nor lower than it was", "open above", "two", "open below"],
)
def test_the_nearest_layers(wanted: AltitudeBand, by: list[AltitudeBand], expected: list[float]) -> None:
    assert shifts(wanted, *by) == expected


def test_a_gap_that_ends_when_it_begins_is_none() -> None:
    hour, minute = timedelta(hours=1), timedelta(minutes=1)
    wanted = replace(held(band(0, 1)), during=Span(NOON, NOON + hour))
    taken = [Span(NOON, NOON + hour), Span(NOON + 2 * hour + minute, NOON + 3 * hour)]

    def told(spans: list[Span]) -> list[timedelta]:
        blocked = [Blocked(wanted, replace(wanted, during=each)) for each in spans]
        return [each.later for each in later_shifts(blocked, NOON, horizon=24 * hour)]

    assert told(taken) == [3 * hour + minute]
    later = Span(taken[1].start + timedelta(seconds=1), taken[1].end)
    assert told([taken[0], later]) == [hour + minute, 3 * hour + minute]


def test_whatever_is_told_is_free_and_a_metre_less_is_not() -> None:
    chance, datums = random.Random(7), [Datum.AMSL, Datum.WGS84, Datum.AGL]
    told = 0
    for _ in range(300):
        lower, height = chance.randint(0, 400), chance.randint(1, 200)
        wanted = band(lower, lower + height, chance.choice(datums))
        by = band(lower + chance.randint(-300, height), lower + height + chance.randint(0, 300), chance.choice(datums))
        if bands_meet(wanted, by) is Meeting.APART:
            continue
        for metres in shifts(wanted, by):
            told += 1
            assert bands_meet(raised(wanted, metres), by) is Meeting.APART
            assert bands_meet(raised(wanted, metres - (1 if metres > 0 else -1)), by) is not Meeting.APART
    assert told > 200
