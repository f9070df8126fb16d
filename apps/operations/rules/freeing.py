"""Where the same volumes would be free: later, or higher or lower, all of them by the same measure."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final, NamedTuple

from apps.core.types import Datum
from apps.operations.rules import recurrence
from apps.operations.rules.meeting import ABOVE_SEA_M
from apps.operations.types import PlannedVolume, Shift, Span, Volume4D
from apps.zones.types import AltitudeBand

MINUTE: Final = timedelta(minutes=1)


class Blocked(NamedTuple):
    """A wanted volume, and one that would refuse it wherever the two met."""

    wanted: Volume4D
    by: Volume4D


def later_shifts(blocked: Iterable[Blocked], first: datetime, *, horizon: timedelta) -> Iterator[Shift]:
    """Yield the next times at which nothing is in the way: when each gap begins, in whole minutes by the clock.

    ``first`` is when the earliest volume starts. Of what is blocked only the times are looked at: these are all pairs
    whose footprints and heights meet, or may meet.
    """
    forbidden = [(by.during.start - wanted.during.end, by.during.end - wanted.during.start) for wanted, by in blocked]
    for end, next_start in _gaps(_merged((s.total_seconds(), e.total_seconds()) for s, e in forbidden)):
        if end > horizon.total_seconds():
            break
        later = _whole_minutes(first, timedelta(seconds=end))
        # What begins beyond the horizon was not asked for.
        if timedelta(0) < later <= horizon and later.total_seconds() < next_start:
            yield Shift(later=later)


def higher_shifts(blocked: Iterable[Blocked], bands: Sequence[AltitudeBand]) -> Iterator[Shift]:
    """Yield the nearest layers above and below in which nothing is in the way, in whole metres.

    Only where every band has both bounds above one datum. Of what is blocked only the heights are looked at: these are
    all pairs whose footprints and times meet.
    """
    if any(band.lower_m is None or band.upper_m is None or band.lower_datum != band.upper_datum for band in bands):
        return
    merged = list(_merged(_forbidden_heights(each.wanted.band, each.by.band) for each in blocked))
    around = next(((low, high) for low, high in merged if low <= 0 <= high), None)
    if around is None:
        return
    floor_m = min((band.lower_m or 0.0) for band in bands)
    down, up = math.ceil(around[0]) - 1 if math.isfinite(around[0]) else None, _above(around[1])
    if up is not None and not any(low <= up <= high for low, high in merged):
        yield Shift(higher_m=up)
    is_free = down is not None and not any(low <= down <= high for low, high in merged)
    if down is not None and is_free and floor_m + down >= min(0.0, floor_m):
        yield Shift(higher_m=down)


def times_reached(times: Sequence[Volume4D], during: Span, *, horizon: timedelta) -> Sequence[Volume4D]:
    """Return those of times in order, all of one length, that reach into a span if moved up to so much later."""
    first = bisect_left(times, during.start, key=lambda each: each.during.end + horizon)
    return times[first : bisect_right(times, during.end, key=lambda each: each.during.start)]


def searched(times: Sequence[Volume4D], *, horizon: timedelta) -> list[Volume4D]:
    """Return what the same times, in order, touch while they are moved up to so much later: where they join, one."""
    spans = [Span(each.during.start, each.during.end + horizon) for each in times]
    firsts = [0, *(place for place, (one, next_) in enumerate(pairwise(spans), start=1) if one.end < next_.start)]
    return [
        Volume4D(
            footprint=times[first].footprint,
            band=times[first].band,
            during=Span(spans[first].start, spans[after - 1].end),
            number=times[first].number,
        )
        for first, after in pairwise([*firsts, len(spans)])
    ]


def moved(volume: PlannedVolume, shift: Shift) -> PlannedVolume:
    """Return a volume moved in time and height; what recurs is moved by the clocks of its zone."""
    starts_at, rule = recurrence.moved(volume.starts_at, volume.recurrence, shift.later)
    return PlannedVolume(
        footprint=volume.footprint,
        band=_raised(volume.band, shift.higher_m),
        starts_at=starts_at,
        ends_at=starts_at + (volume.ends_at - volume.starts_at),
        recurrence=rule,
    )


def _raised(band: AltitudeBand, metres: float) -> AltitudeBand:
    return AltitudeBand(
        lower_m=None if band.lower_m is None else band.lower_m + metres,
        lower_datum=band.lower_datum,
        upper_m=None if band.upper_m is None else band.upper_m + metres,
        upper_datum=band.upper_datum,
    )


def _forbidden_heights(wanted: AltitudeBand, by: AltitudeBand) -> tuple[float, float]:
    """Return by which shifts, both ends included, a band meets or may meet another."""
    lowest, highest = -math.inf, math.inf
    if by.lower_m is not None and by.lower_datum is not None and wanted.upper_datum is not None:
        slack = 0.0 if by.lower_datum is wanted.upper_datum else _slack(by.lower_datum, wanted.upper_datum)
        lowest = by.lower_m - (wanted.upper_m or 0.0) - slack
    if by.upper_m is not None and by.upper_datum is not None and wanted.lower_datum is not None:
        slack = 0.0 if by.upper_datum is wanted.lower_datum else _slack(wanted.lower_datum, by.upper_datum)
        highest = by.upper_m - (wanted.lower_m or 0.0) + slack
    return lowest, highest


def _slack(lower: Datum, upper: Datum) -> float:
    """Return by how much a lower bound may seem higher above an upper one than it is."""
    return ABOVE_SEA_M[upper][1] - ABOVE_SEA_M[lower][0]


def _above(height_m: float) -> float | None:
    return math.floor(height_m) + 1 if math.isfinite(height_m) else None


def _merged(intervals: Iterable[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """Yield the same numbers as closed intervals that are in order and apart."""
    found: list[tuple[float, float]] = []
    for start, end in sorted(intervals):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((start, end))
    return iter(found)


def _gaps(intervals: Iterable[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """Yield what lies after each interval, up to the next; both ends are taken."""
    merged = list(intervals)
    for place, (_, end) in enumerate(merged):
        yield end, merged[place + 1][0] if place + 1 < len(merged) else math.inf


def _whole_minutes(first: datetime, after: timedelta) -> timedelta:
    """Return the least shift beyond one that brings the start to a whole minute."""
    start = first + after
    whole = start.replace(second=0, microsecond=0) + MINUTE
    return whole - first
