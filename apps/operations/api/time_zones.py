"""The time zones of a calendar (RFC 5545, section 3.6.5): how their clocks go while its events take place.

Written out here: the library that writes calendars misses clocks that are put back for a month, as in Morocco, and
tells when they are put forward by what they show afterwards.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from icalendar import Timezone, TimezoneDaylight, TimezoneStandard

_DAY: Final = timedelta(days=1)


def time_zone(name: str, first: datetime, last: datetime) -> Timezone:
    """Return a time zone: what its clocks show from an instant (UTC, whole seconds) on, and each change of them."""
    zone = ZoneInfo(name)
    found = Timezone()
    found.add("tzid", name)
    before = _offset(first, zone)
    for at in (first, *_changes(zone, first, last)):
        found.add_component(_observance(zone, at, before))
        before = _offset(at, zone)
    return found


def _changes(zone: ZoneInfo, first: datetime, last: datetime) -> Iterator[datetime]:
    """Yield the instants between two from which on the clocks are at another offset; one a day at most."""
    at = first
    while at < last:
        before = _offset(at, zone)
        if _offset(at + _DAY, zone) != before:
            seconds = range(int(_DAY.total_seconds()))
            later = bisect_left(seconds, 1, key=lambda each: _offset(at + timedelta(seconds=each), zone) != before)
            yield at + timedelta(seconds=later)
        at += _DAY


def _observance(zone: ZoneInfo, at: datetime, before: timedelta) -> TimezoneStandard | TimezoneDaylight:
    """Return what the clocks show from an instant on, which is told by the offset before it."""
    shown = at.astimezone(zone)
    observance = TimezoneDaylight() if shown.dst() else TimezoneStandard()
    observance.DTSTART = (at + before).replace(tzinfo=None)
    observance.TZOFFSETFROM, observance.TZOFFSETTO = before, _offset(at, zone)
    observance.add("tzname", shown.tzname() or zone.key)
    return observance


def _offset(at: datetime, zone: ZoneInfo) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta(0)
