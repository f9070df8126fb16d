"""Free windows: they are free, they are the next ones, and what recurs can still say them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import shapely
from shapely import MultiPolygon

from apps.core.clock import now
from apps.core.types import Datum, TimeWindow
from apps.operations import queries, services
from apps.operations.rules.checks import volumes_errors, written_out
from apps.operations.rules.freeing import Blocked, later_shifts, moved, searched, times_reached
from apps.operations.rules.meeting import meetings
from apps.operations.types import (
    FreeWindow,
    Meeting,
    PlannedVolume,
    Recurrence,
    Shift,
    SpaceConflict,
    Span,
    Standing,
    VolumeDraft,
)
from tests.factories.access import make_cast, make_policy
from tests.factories.operations import band, make_operation, make_operation_kind, submit, volume
from tests.factories.zones import make_zone, make_zone_kind, square

pytestmark = pytest.mark.django_db
TOMORROW = now().replace(minute=0, second=0, microsecond=0) + timedelta(days=1)
HOUR, MINUTE, WEEK = timedelta(hours=1), timedelta(minutes=1), timedelta(days=7)
NEW_YORK = ZoneInfo("America/New_York")
NAMES = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


def windows_of(planned: Sequence[PlannedVolume]) -> list[FreeWindow]:
    """Return the free windows of a plan of no standing."""
    organisation_id = make_cast().harbour.pk
    return queries.free_windows(planned, standing=Standing(), organisation_id=organisation_id)


def weekly(first: datetime, *, count: int, days: str = "", lasting: timedelta = HOUR) -> VolumeDraft:
    """Return a volume that recurs by the clocks of New York, on the day of the first unless told otherwise."""
    days = days or NAMES[first.astimezone(NEW_YORK).weekday()]
    rule = f"FREQ=WEEKLY;BYDAY={days};COUNT={count}"
    return volume(starts_at=first, lasting=lasting, recurrence=Recurrence(rule=rule, time_zone=NEW_YORK.key))


def starts_of(planned: Sequence[PlannedVolume]) -> list[datetime]:
    """Return when each time begins, as the clocks of New York show it, without their offset."""
    return [each.during.start.astimezone(NEW_YORK).replace(tzinfo=None) for each in written_out(planned)]


def monday(weeks: int = 1) -> datetime:
    """Return nine in the morning of a Monday that is so many weeks away, by the clocks of New York."""
    today = now().astimezone(NEW_YORK)
    day = today.date() + timedelta(weeks=weeks, days=-today.weekday())
    return datetime(day.year, day.month, day.day, 9, tzinfo=NEW_YORK)


def test_no_window_begins_beyond_what_was_looked_at() -> None:
    wanted = written_out([volume(starts_at=TOMORROW)])[0]
    by = replace(wanted, during=Span(TOMORROW, TOMORROW + WEEK))
    assert list(later_shifts([Blocked(wanted, by)], TOMORROW, horizon=WEEK)) == []
    assert list(later_shifts([Blocked(wanted, by)], TOMORROW, horizon=WEEK + MINUTE)) == [Shift(later=WEEK + MINUTE)]


def test_they_are_free_and_the_next_ones() -> None:
    for hours in (0, 1, 4):
        at = TOMORROW + timedelta(hours=hours)
        submit(make_operation(volumes=[volume(heights=band(0, 120), starts_at=at, lasting=timedelta(minutes=59))]))
    wanted = [volume(heights=band(50, 100), starts_at=TOMORROW + timedelta(minutes=30), lasting=HOUR)]
    mine = make_operation(volumes=wanted)
    windows = windows_of(wanted)
    assert [each.shift for each in windows] == [
        Shift(later=timedelta(minutes=90)),
        Shift(later=timedelta(minutes=270)),
        Shift(higher_m=71),
    ]
    for each in windows:
        assert not queries.find_conflicts(written_out(each.volumes))
    with pytest.raises(SpaceConflict) as refused:
        submit(mine)
    details: Any = refused.value.details
    assert [(each["later_s"], each["higher_m"]) for each in details["free"]] == [(5_400, 0), (16_200, 0), (0, 71)]
    assert [each["volumes"][0]["lower_m"] for each in details["free"]] == [50, 50, 121]


def test_where_somebody_would_have_to_agree_is_not_free() -> None:
    for hours, heights in ((0, band(300, 400)), (1, band(0, 120, Datum.AGL))):
        submit(make_operation(volumes=[volume(heights=heights, starts_at=TOMORROW + hours * 2 * HOUR)]))
    (first, *_) = windows_of([volume(heights=band(300, 400), starts_at=TOMORROW + HOUR / 2)])
    assert first.shift == Shift(later=2.5 * HOUR + MINUTE)


def test_a_prohibited_zone_has_no_free_time_but_a_free_layer() -> None:
    make_zone(
        kind=make_zone_kind(constraint="prohibited"), area=MultiPolygon([shapely.box(0, 0, 1, 1)]), band=band(0, 300)
    )
    assert [each.shift for each in windows_of([volume(heights=band(100, 150))])] == [Shift(higher_m=201)]


def test_a_zone_is_in_the_way_of_those_volumes_only_that_meet_it() -> None:
    """The second volume is nowhere near: its end does not push the plan past the end of the zone."""
    kind = make_zone_kind(constraint="prohibited")
    make_zone(kind=kind, area=square(), validity=TimeWindow(start=TOMORROW, end=TOMORROW + HOUR))
    late = volume(square(5, 5), starts_at=TOMORROW - HOUR * 3, lasting=HOUR)
    (first, *_) = windows_of([volume(starts_at=TOMORROW, lasting=HOUR), late])
    assert first.shift == Shift(later=HOUR + MINUTE)


def test_what_recurs_moves_to_other_days_that_its_rule_can_say() -> None:
    """Every Monday is taken until the next morning: what was meant for Mondays and Wednesdays goes a day later."""
    submit(make_operation(volumes=[weekly(monday(), count=8, lasting=timedelta(hours=23, minutes=30))]))
    wanted = weekly(monday(), days="MO,WE", count=10)
    (first, *_) = windows_of([wanted])
    assert first.shift == Shift(later=timedelta(hours=23, minutes=31))
    (there,) = first.volumes
    assert there.recurrence == Recurrence(rule="FREQ=WEEKLY;BYDAY=TU,TH;COUNT=10", time_zone=NEW_YORK.key)
    was, then = starts_of([wanted]), starts_of(first.volumes)
    assert {later - sooner for sooner, later in zip(was, then, strict=True)} == {first.shift.later}
    assert not queries.find_conflicts(written_out(first.volumes))


def test_a_refusal_tells_what_can_be_planned_as_it_is() -> None:
    submit(make_operation(volumes=[weekly(monday(), count=3)]))
    mine = make_operation(volumes=[weekly(monday(), count=4)])
    with pytest.raises(SpaceConflict) as refused:
        submit(mine)
    details: Any = refused.value.details
    (there,) = details["free"][0]["volumes"]
    drafts = [
        replace(
            weekly(monday(), count=4),
            starts_at=datetime.fromisoformat(there["starts_at"]),
            ends_at=datetime.fromisoformat(there["ends_at"]),
            recurrence=Recurrence(**there["recurrence"]),
        )
    ]
    assert submit(make_operation(volumes=drafts)).state == "approved"


def test_hundreds_of_times_have_free_windows_too() -> None:
    taken = weekly(monday(), days="MO,TU,WE,TH,FR", count=390)
    submit(make_operation(volumes=[taken]))
    (first, *_) = windows_of([weekly(monday(), days="MO,TU,WE,TH,FR", count=390, lasting=HOUR * 2)])
    assert first.shift == Shift(later=HOUR + MINUTE)


def test_where_a_change_of_clocks_comes_between_no_window_is_told_that_is_none() -> None:
    """Saturdays are taken for 27 h 30 min. A minute later by the clocks is an hour too soon on a Sunday in spring."""
    saturday = monday() + timedelta(days=5, hours=13)
    wanted = [weekly(saturday, count=53)]
    times = [each.during.start for each in written_out(wanted)]
    submit(make_operation(volumes=[weekly(saturday, count=53, lasting=timedelta(hours=27, minutes=30))]))
    naive = Shift(later=timedelta(hours=27, minutes=31))
    assert all(
        len(queries.find_conflicts([written_out([volume(starts_at=each + naive.later)])[0]])) == 0 for each in times
    )
    assert queries.find_conflicts(written_out([moved(each, naive) for each in wanted]))
    assert naive not in [each.shift for each in windows_of(wanted)]


def test_whoever_may_not_see_the_plan_is_not_told_where_it_would_be_free() -> None:
    cast = make_cast()
    submit(make_operation(organisation=cast.elsewhere, volumes=[volume(starts_at=TOMORROW)]))
    mine = make_operation(organisation=cast.harbour, volumes=[volume(starts_at=TOMORROW)])

    def told() -> Any:
        with pytest.raises(SpaceConflict) as refused:
            services.move_operation(mine, "submit", actor=cast.actor("alice"), at=now())
        details: Any = refused.value.details
        return details["free"]

    assert told()
    make_policy("limit", ["operations.view"], hidden_fields=["starts_at"], users=[cast.alice])
    assert told() == []


def test_a_moved_plan_is_one_that_may_be_planned() -> None:
    planned = weekly(monday(), days="MO,TU,WE,TH,FR", count=50)
    for minutes in range(1, 7 * 24 * 60, 97):
        there = moved(planned, Shift(later=timedelta(minutes=minutes)))
        draft = replace(planned, starts_at=there.starts_at, ends_at=there.ends_at, recurrence=there.recurrence)
        assert not list(volumes_errors([draft], at=now()))


def test_no_pair_is_forgotten_that_may_meet_within_the_horizon() -> None:
    """What is searched, and which times of it are looked at, against every pair."""
    chance = random.Random(7)
    for _ in range(200):
        lasting = timedelta(minutes=chance.randint(1, 300))
        begins = sorted(TOMORROW + timedelta(minutes=chance.randint(0, 5_000)) for _ in range(chance.randint(1, 12)))
        times = [written_out([volume(starts_at=each, lasting=lasting)])[0] for each in dict.fromkeys(begins)]
        horizon = timedelta(minutes=chance.randint(0, 600))
        around = searched(times, horizon=horizon)
        assert all(one.during.end < other.during.start for one, other in pairwise(around))
        start = TOMORROW + timedelta(minutes=chance.randint(-500, 6_000))
        by = written_out([volume(starts_at=start, lasting=timedelta(minutes=chance.randint(1, 400)))])[0]
        reached = [
            each
            for each in times
            if each.during.start <= by.during.end and by.during.start <= each.during.end + horizon
        ]
        assert list(times_reached(times, by.during, horizon=horizon)) == reached
        assert (Meeting.MEET in meetings(around, [by] * len(around))) == bool(reached)


@pytest.mark.parametrize("seed", range(2))
def test_whatever_stands_around_what_is_told_is_free_and_nothing_sooner_is(seed) -> None:
    chance, kind = random.Random(seed), make_operation_kind(may_share=True)
    in_the_way = [volume(starts_at=TOMORROW, heights=band(0, 100))]
    for _ in range(20):
        begins = TOMORROW + timedelta(minutes=chance.randint(0, 2 * 24 * 60))
        lasting, low_m = timedelta(minutes=chance.randint(10, 600)), chance.randint(0, 300)
        in_the_way.append(volume(starts_at=begins, lasting=lasting, heights=band(low_m, low_m + 100)))
    submit(make_operation(kind=kind, volumes=in_the_way))
    wanted = [
        volume(starts_at=TOMORROW + timedelta(hours=place), lasting=HOUR, heights=band(80, 250)) for place in range(2)
    ]
    windows = windows_of(wanted)
    for each in windows:
        assert not queries.find_conflicts(written_out(each.volumes))
    soonest = min(each.shift.later for each in windows if each.shift.later)
    for minutes in range(0, int(soonest / MINUTE), 7):
        sooner = [moved(each, Shift(later=timedelta(minutes=minutes))) for each in wanted]
        assert queries.find_conflicts(written_out(sooner))
