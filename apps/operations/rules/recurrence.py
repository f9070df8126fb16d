"""Weekly times, written out: a subset of RFC 5545 in a named time zone, right across changes of its clocks.

Each time begins at the same time of day by the clocks there and lasts exactly as long as the first (RFC 5545, section
3.8.5.3). A time of day that a change of clocks leaves out is read by the offset before it, one that comes twice is the
first of the two (section 3.3.5).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice, takewhile
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from dateutil.rrule import FR, MO, SA, SU, TH, TU, WE, WEEKLY, rrule, weekday

from apps.core.types import FieldError, Invalid
from apps.operations.types import ALWAYS, Recurrence, Span

MOST_TIMES: Final = 400
DAYS: Final = {"MO": MO, "TU": TU, "WE": WE, "TH": TH, "FR": FR, "SA": SA, "SU": SU}
PARTS: Final = {"FREQ", "INTERVAL", "BYDAY", "COUNT", "UNTIL", "WKST"}
_UNTIL: Final = re.compile(r"\d{8}T\d{6}Z")


def spans_of(starts_at: datetime, ends_at: datetime, recurrence: Recurrence | None) -> list[Span]:
    """Return the times of a volume, in order; raises ``Invalid``, with pointers below a volume, for a bad rule."""
    if recurrence is None:
        return [Span(starts_at, ends_at)]
    lasting = ends_at - starts_at
    zone = _zone(recurrence.time_zone)
    try:
        starts = _starts(starts_at, recurrence.rule, zone)
        return [Span(start, start + lasting) for start in starts]
    except OverflowError:
        raise _invalid("rule", "too_far", "The rule leads beyond all calendars.") from None


def moved(starts_at: datetime, recurrence: Recurrence | None, later: timedelta) -> tuple[datetime, Recurrence | None]:
    """Return a first time and its rule so much later; what recurs is moved by the clocks of its zone.

    The days of the rule, its end and where its weeks begin go along, so that every time of it is moved by the same. A
    change of clocks may leave one time out at the end, or let one more in.
    """
    if recurrence is None or not later:
        return starts_at + later, recurrence
    zone = _zone(recurrence.time_zone)
    first = starts_at.astimezone(zone).replace(tzinfo=None)
    new = first + later
    days = new.toordinal() - first.toordinal()
    parts = dict(_parts(recurrence.rule))
    if "BYDAY" in parts:
        parts["BYDAY"] = ",".join(_day_after(day, days) for day in parts["BYDAY"].split(","))
    if "INTERVAL" in parts or "WKST" in parts:
        parts["WKST"] = _day_after(parts.get("WKST", "MO"), days)
    if until := _until(parts):
        there = until.astimezone(zone).replace(tzinfo=None)
        parts["UNTIL"] = f"{_instant(there + later, zone):%Y%m%dT%H%M%SZ}"
    rule = ";".join(f"{name}={value}" for name, value in parts.items())
    return _instant(new, zone), Recurrence(rule=rule, time_zone=recurrence.time_zone)


def _day_after(day: str, days: int) -> str:
    names = list(DAYS)
    return names[(names.index(day) + days) % len(names)]


def _starts(starts_at: datetime, rule: str, zone: ZoneInfo) -> list[datetime]:
    first = starts_at.astimezone(zone).replace(tzinfo=None)
    # A rule knows whole seconds.
    beyond = timedelta(microseconds=first.microsecond)
    parts = _parts(rule)
    until = _until(parts) or ALWAYS.end
    # An end is an instant: where a time of day comes twice, or is left out, clocks alone do not tell which is later.
    within = takewhile(lambda each: _instant(each, zone) <= until, _rule(parts, first - beyond))
    begins = [each + beyond for each in islice(within, MOST_TIMES + 1)]
    if not begins or begins[0] != first:
        detail = f"It starts on a {first:%A} there, {first:%Y-%m-%d %H:%M}, which is none of the times of the rule."
        raise _invalid("rule", "not_the_first", detail)
    if len(begins) > MOST_TIMES:
        raise _invalid("rule", "too_many", f"The rule makes more than {MOST_TIMES} times.")
    # The first is as it was said, also where its time of day comes twice.
    return [starts_at, *(_instant(each, zone) for each in begins[1:])]


def _rule(parts: Mapping[str, str], first: datetime) -> rrule:
    """Return the times of a rule by the clocks there, without its ``UNTIL``."""
    if parts.get("FREQ") != "WEEKLY":
        raise _invalid("rule", "not_weekly", "The rule says FREQ=WEEKLY.")
    if ("COUNT" in parts) == ("UNTIL" in parts):
        raise _invalid("rule", "endless", "The rule ends by COUNT or by UNTIL.")
    return rrule(
        WEEKLY,
        dtstart=first,
        interval=_number(parts, "INTERVAL") or 1,
        byweekday=[_day(each) for each in parts["BYDAY"].split(",")] if "BYDAY" in parts else None,
        count=_number(parts, "COUNT"),
        wkst=_day(parts.get("WKST", "MO")),
    )


def _parts(text: str) -> Mapping[str, str]:
    pairs = [part.partition("=") for part in text.upper().split(";")]
    parts = {name: value for name, _, value in pairs}
    # Some letters of other alphabets are those of ours in upper case, and a calendar reads what was written.
    if not text.isascii() or len(parts) != len(pairs) or not parts.keys() <= PARTS or not all(parts.values()):
        detail = f"A rule is made of {', '.join(sorted(PARTS))}: FREQ=WEEKLY;BYDAY=MO,WE;COUNT=10."
        raise _invalid("rule", "not_a_rule", detail)
    return parts


def _number(parts: Mapping[str, str], name: str) -> int | None:
    if name not in parts:
        return None
    text = parts[name]
    if not (text.isascii() and text.isdigit() and 1 <= len(text) <= 4 and int(text)):
        raise _invalid("rule", "not_a_number", f"{name} is a number from 1 to 9999.")
    return int(text)


def _day(text: str) -> weekday:
    if text not in DAYS:
        raise _invalid("rule", "not_a_day", f"A day is one of {', '.join(DAYS)}.")
    return DAYS[text]


def _until(parts: Mapping[str, str]) -> datetime | None:
    """Return the end of a rule, which RFC 5545 wants in UTC."""
    text = parts.get("UNTIL")
    if text is None:
        return None
    try:
        until = datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) if _UNTIL.fullmatch(text) else None
    except ValueError:
        until = None
    if until is None:
        raise _invalid("rule", "not_an_instant", "UNTIL is an instant in UTC: 20261231T235959Z.")
    return until


def _instant(shown: datetime, zone: ZoneInfo) -> datetime:
    """Return when the clocks there show that, the first time where they do so twice."""
    return shown.replace(tzinfo=zone).astimezone(UTC)


def _zone(name: str) -> ZoneInfo:
    if name not in _names():
        detail = "It is the name of a time zone, as in America/New_York."
        raise _invalid("time_zone", "unknown_time_zone", detail)
    return ZoneInfo(name)


@cache
def _names() -> AbstractSet[str]:
    """Return the names of all time zones, for which a whole directory is read; not those that each machine fills in."""
    return available_timezones() - {"localtime", "Factory"}


def _invalid(name: str, code: str, detail: str) -> Invalid:
    error = FieldError(pointer=f"/recurrence/{name}", code=code, detail=detail)
    return Invalid("The recurrence is not right.", errors=[error])
