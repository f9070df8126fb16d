"""Whether volumes meet, found out another way: by distances, and by trying out what the ground and the geoid may be."""

from __future__ import annotations

import math
from collections.abc import Sequence

import shapely

from apps.core.types import Datum
from apps.operations.types import Meeting, Volume4D
from apps.zones.types import AltitudeBand

# How far above the sea the zero of a datum may lie.
ZEROS = {Datum.AMSL: (0.0, 0.0), Datum.WGS84: (-86.0, 107.0), Datum.AGL: (-440.0, 8850.0), Datum.BARO: (-1e7, 1e7)}


def meeting(one: Volume4D, other: Volume4D) -> Meeting:
    """Say whether two volumes meet whose bands each have one datum."""
    starts, ends = zip(*((each.during.start, each.during.end) for each in (one, other)), strict=True)
    if max(starts) > min(ends) or shapely.distance(one.footprint, other.footprint) > 0:
        return Meeting.APART
    found = {_overlap(one.band, zero, other.band, others) for zero, others in _zeros([one.band, other.band])}
    return Meeting.UNKNOWN if len(found) == 2 else Meeting.MEET if found == {True} else Meeting.APART


def _overlap(one: AltitudeBand, zero: float, other: AltitudeBand, others: float) -> bool:
    lowest = max(_above_sea(one.lower_m, zero, -math.inf), _above_sea(other.lower_m, others, -math.inf))
    return lowest <= min(_above_sea(one.upper_m, zero, math.inf), _above_sea(other.upper_m, others, math.inf))


def _above_sea(height_m: float | None, zero: float, open_end: float) -> float:
    return open_end if height_m is None else height_m + zero


def _zeros(bands: Sequence[AltitudeBand]) -> list[tuple[float, float]]:
    """Return where the zeros of two bands may lie: the ends of what is possible, and wherever bounds fall together."""
    datums = [band.lower_datum or band.upper_datum or Datum.AMSL for band in bands]
    heights = [each for band in bands for each in (band.lower_m, band.upper_m) if each is not None]
    apart = {one - other for one in heights for other in heights}
    tried = [
        {low, high, *(each for each in apart if low <= each <= high)} for low, high in (ZEROS[each] for each in datums)
    ]
    if datums[0] is datums[1]:
        return [(zero, zero) for zero in tried[0]]
    return [(zero, other) for zero in tried[0] for other in tried[1]]
