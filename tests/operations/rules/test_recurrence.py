"""Weekly times: by the clocks there, across both of their changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.core.types import Invalid
from apps.operations.rules.recurrence import moved, spans_of
from apps.operations.types import Recurrence

NEW_YORK = "America/New_York"
DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


def local(text: str, zone: str = NEW_YORK) -> datetime:
    """Return an instant as the clocks of a place show it."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def starts(first: str, rule: str, zone: str = NEW_YORK) -> list[str]:
    """Return when each time begins, as the clocks there show it."""
    start = local(first, zone)
    spans = spans_of(start, start + timedelta(hours=2), Recurrence(rule=rule, time_zone=zone))
    assert {each.end - each.start for each in spans} == {timedelta(hours=2)}
    return [each.start.astimezone(ZoneInfo(zone)).isoformat() for each in spans]


def test_in_spring_the_hour_that_is_left_out_is_read_by_the_offset_before() -> None:
    assert starts("2026-03-01T02:30", "FREQ=WEEKLY;COUNT=3") == [
        "2026-03-01T02:30:00-05:00",
        "2026-03-08T03:30:00-04:00",
        "2026-03-15T02:30:00-04:00",
    ]


def test_in_autumn_the_hour_that_comes_twice_is_the_first_of_the_two() -> None:
    assert starts("2026-10-25T01:30", "FREQ=WEEKLY;COUNT=3") == [
        "2026-10-25T01:30:00-04:00",
        "2026-11-01T01:30:00-04:00",
        "2026-11-08T01:30:00-05:00",
    ]


def test_what_begins_within_a_second_recurs_within_it() -> None:
    assert starts("2026-07-06T22:00:00.250000", "FREQ=WEEKLY;COUNT=2") == [
        "2026-07-06T22:00:00.250000-04:00",
        "2026-07-13T22:00:00.250000-04:00",
    ]


def test_days_intervals_and_an_end() -> None:
    assert starts("2026-07-06T22:00", "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE;UNTIL=20260723T020000Z") == [
        "2026-07-06T22:00:00-04:00",
        "2026-07-08T22:00:00-04:00",
        "2026-07-20T22:00:00-04:00",
        "2026-07-22T22:00:00-04:00",
    ]


@pytest.mark.parametrize(
    ("first", "until", "last"),
    [
        ("2026-10-25T01:30", "20261101T060000Z", "2026-11-01T01:30:00-04:00"),
        ("2026-10-25T01:30", "20261101T052959Z", "2026-10-25T01:30:00-04:00"),
        ("2026-03-01T02:30", "20260308T072959Z", "2026-03-01T02:30:00-05:00"),
        ("2026-03-01T02:30", "20260308T073000Z", "2026-03-08T03:30:00-04:00"),
    ],
    ids=["between both in autumn", "before the first", "the clocks show it, it is not yet", "it is"],
)
def test_an_end_is_an_instant_also_while_the_clocks_change(first: str, until: str, last: str) -> None:
    assert starts(first, f"FREQ=WEEKLY;UNTIL={until}")[-1] == last


@settings(max_examples=100, deadline=None)
@given(
    st.datetimes(datetime(2025, 1, 1), datetime(2027, 12, 31)),  # noqa: DTZ001 - by the clocks of a place
    st.sets(st.integers(0, 6), min_size=1),
    st.integers(1, 3),
    st.integers(1, 60),
    st.sampled_from([NEW_YORK, "Europe/Lisbon", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca"]),
)
def test_they_are_the_days_that_one_counts_on_a_calendar(moment, days, interval, count, name) -> None:
    first, at, zone = moment.date(), moment.time().replace(second=0, microsecond=0), ZoneInfo(name)
    days = {*days, first.weekday()}
    begins = datetime.combine(first, at, zone).astimezone(UTC)
    by_day = ",".join(DAYS[each] for each in sorted(days))
    rule = f"FREQ=WEEKLY;INTERVAL={interval};BYDAY={by_day};COUNT={count}"
    # Where the first falls into an hour that is left out, the clocks show another time of day for all of them.
    shown = begins.astimezone(zone)
    found = spans_of(begins, begins + timedelta(minutes=90), Recurrence(rule=rule, time_zone=name))
    monday = first - timedelta(days=first.weekday())
    expected: list[datetime] = []
    day = first
    while len(expected) < count:
        if day.weekday() in days and (day - monday).days // 7 % interval == 0:
            expected.append(datetime.combine(day, shown.time(), zone).astimezone(UTC))
        day += timedelta(days=1)
    assert [each.start for each in found] == [begins, *expected[1:]]
    assert all(each.end - each.start == timedelta(minutes=90) for each in found)


@pytest.mark.parametrize(
    ("rule", "zone", "code"),
    [
        ("FREQ=DAILY;COUNT=2", NEW_YORK, "not_weekly"),
        ("FREQ=WEEKLY", NEW_YORK, "endless"),
        ("FREQ=WEEKLY;COUNT=2;UNTIL=20260801T000000Z", NEW_YORK, "endless"),
        ("FREQ=WEEKLY;COUNT=0", NEW_YORK, "not_a_number"),
        ("FREQ=WEEKLY;COUNT=401", NEW_YORK, "too_many"),
        ("FREQ=WEEKLY;BYDAY=2MO;COUNT=2", NEW_YORK, "not_a_day"),
        ("FREQ=WEEKLY;BYDAY=TU;COUNT=2", NEW_YORK, "not_the_first"),
        ("FREQ=WEEKLY;UNTIL=20260801", NEW_YORK, "not_an_instant"),
        ("FREQ=WEEKLY;UNTIL=20269901T000000Z", NEW_YORK, "not_an_instant"),
        ("FREQ=WEEKLY;BYHOUR=3;COUNT=2", NEW_YORK, "not_a_rule"),
        ("FREQ=WEEKLY;COUNT=2;COUNT=3", NEW_YORK, "not_a_rule"),
        ("nonsense", NEW_YORK, "not_a_rule"),
        ("FREQ=WEEKLY;COUNT=2", "America/Gotham", "unknown_time_zone"),
        ("FREQ=WEEKLY;COUNT=2", "../../etc/passwd", "unknown_time_zone"),
        ("FREQ=WEEKLY;COUNT=2", "localtime", "unknown_time_zone"),
    ],
)
def test_a_rule_that_is_none_is_refused(rule: str, zone: str, code: str) -> None:
    start = local("2026-07-06T22:00")
    with pytest.raises(Invalid) as refused:
        spans_of(start, start + timedelta(hours=1), Recurrence(rule=rule, time_zone=zone))
    assert [each.code for each in refused.value.errors] == [code]


RULES = st.fixed_dictionaries(
    {"days": st.sets(st.integers(0, 6)), "interval": st.integers(1, 3), "count": st.integers(1, 30)},
    optional={"wkst": st.sampled_from(DAYS)},
)


@settings(max_examples=100, deadline=None)
@given(
    st.datetimes(datetime(2025, 1, 1), datetime(2027, 12, 31)),  # noqa: DTZ001 - by the clocks of a place
    RULES,
    st.booleans(),
    st.integers(1, 7 * 24 * 60),
)
def test_each_time_of_what_is_moved_is_moved_by_the_same(moment, terms, is_until, minutes) -> None:
    """Whatever the rule: its days go along, and its end, and the weeks that it leaves out stay those."""
    first = moment.replace(second=0, microsecond=0, hour=12)
    days = ",".join(DAYS[each] for each in sorted({*terms["days"], first.weekday()}))
    rule = f"FREQ=WEEKLY;INTERVAL={terms['interval']};BYDAY={days};COUNT={terms['count']}"
    rule += f";WKST={terms['wkst']}" if "wkst" in terms else ""
    was = starts(first.isoformat(), rule)
    if is_until:
        last = datetime.fromisoformat(was[-1]).astimezone(UTC)
        rule = rule.replace(f"COUNT={terms['count']}", f"UNTIL={last:%Y%m%dT%H%M%SZ}")
    start, recurrence = moved(
        local(first.isoformat()), Recurrence(rule=rule, time_zone=NEW_YORK), timedelta(minutes=minutes)
    )
    assert recurrence is not None
    shown = start.astimezone(ZoneInfo(NEW_YORK)).replace(tzinfo=None).isoformat()
    then = [datetime.fromisoformat(each).replace(tzinfo=None) for each in starts(shown, recurrence.rule)]
    expected = [datetime.fromisoformat(each).replace(tzinfo=None) + timedelta(minutes=minutes) for each in was]
    # In a night in spring the clocks leave an hour out; where the first falls into it, all go by what the clocks show.
    left_out = [each for each in expected if each not in then]
    assert [each for each in then if each not in expected] == [each + timedelta(hours=1) for each in left_out]
