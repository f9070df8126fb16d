"""Whether volumes meet, exactly: closed intervals, footprints themselves and not their boxes; and who gives way.

Heights above the same datum are compared as numbers. Those above different ones are compared only where that is sound
whatever the place and the day: the geoid lies between 107 m below and 86 m above the WGS 84 ellipsoid (EGM2008), the
ground between 440 m below the sea and 8,850 m above. Pressure altitudes say nothing certain about any other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon

from apps.core.types import Datum
from apps.operations.types import Meeting, Span, Standing, Verdict, Volume4D
from apps.zones.types import AltitudeBand, Constraint

# What is to be added, at least and at most, to a height above a datum for that above the sea.
ABOVE_SEA_M: Final[dict[Datum, tuple[float, float]]] = {
    Datum.AMSL: (0.0, 0.0),
    Datum.WGS84: (-86.0, 107.0),
    Datum.AGL: (-440.0, 8_850.0),
    Datum.BARO: (-math.inf, math.inf),
}


def meetings(ones: Sequence[Volume4D], others: Sequence[Volume4D]) -> list[Meeting]:
    """Say of each pair of volumes whether they share a point of space and time. Touching is meeting.

    Areas are compared once, also where the same two come many times: what recurs has one for all of its times.
    """
    pairs = list(zip(ones, others, strict=True))
    areas = {(id(one.footprint), id(other.footprint)): (one.footprint, other.footprint) for one, other in pairs}
    firsts, seconds = [first for first, _ in areas.values()], [second for _, second in areas.values()]
    near = dict(zip(areas, footprints_meet(firsts, seconds).tolist(), strict=True))
    return [
        bands_meet(one.band, other.band)
        if near[id(one.footprint), id(other.footprint)] and spans_meet(one.during, other.during)
        else Meeting.APART
        for one, other in pairs
    ]


def spans_meet(one: Span, other: Span) -> bool:
    """Say whether two closed intervals share an instant."""
    return one.start <= other.end and other.start <= one.end


def bands_meet(one: AltitudeBand, other: AltitudeBand) -> Meeting:
    """Say whether two closed bands share a height; ``UNKNOWN`` where their datums do not let anybody say."""
    answers = (
        _at_most(one.lower_m, one.lower_datum, other.upper_m, other.upper_datum),
        _at_most(other.lower_m, other.lower_datum, one.upper_m, one.upper_datum),
    )
    if False in answers:
        return Meeting.APART
    return Meeting.UNKNOWN if None in answers else Meeting.MEET


def footprints_meet(ones: Sequence[MultiPolygon], others: Sequence[MultiPolygon]) -> NDArray[np.bool_]:
    """Say of each pair of areas whether they share a point, also one on the antimeridian, or a pole."""
    first, second = _array(ones), _array(others)
    (west, south, east, north), (wests, souths, easts, norths) = _bounds(first), _bounds(second)
    at_a_pole = ((south <= -90.0) & (souths <= -90.0)) | ((north >= 90.0) & (norths >= 90.0))
    found: NDArray[np.bool_] = shapely.intersects(first, second) | at_a_pole
    on_antimeridian = ((west <= -180.0) | (east >= 180.0)) & ((wests <= -180.0) | (easts >= 180.0))
    for place in np.flatnonzero(~found & on_antimeridian):
        found[place] = any(shapely.intersects(first[place], _turned(second[place], by)) for by in (-360.0, 360.0))
    return found


def lowest_above_sea_m(band: AltitudeBand) -> float:
    """Return a height above the sea below which nothing of the band can lie; minus infinity for an open one."""
    if band.lower_m is None or band.lower_datum is None:
        return -math.inf
    return band.lower_m + ABOVE_SEA_M[band.lower_datum][0]


def highest_above_sea_m(band: AltitudeBand) -> float:
    """Return a height above the sea above which nothing of the band can lie; infinity for an open one."""
    if band.upper_m is None or band.upper_datum is None:
        return math.inf
    return band.upper_m + ABOVE_SEA_M[band.upper_datum][1]


def verdict(mine: Standing, other: Standing, found: Meeting) -> Verdict:
    """Return what follows for me where my volume meets another's, or may meet it. It is not told of volumes apart."""
    if mine.priority > other.priority:
        return Verdict.OVERRULES
    if mine.priority == other.priority and mine.may_share and other.may_share:
        return Verdict.SHARED
    return Verdict.REFUSED if found is Meeting.MEET else Verdict.NEEDS_APPROVAL


def zone_verdict(constraint: Constraint, found: Meeting) -> Verdict:
    """Return what follows for a volume that meets, or may meet, a zone of a kind with such a constraint."""
    if constraint is Constraint.PROHIBITED and found is Meeting.MEET:
        return Verdict.REFUSED
    if constraint in (Constraint.PROHIBITED, Constraint.AUTHORISATION):
        return Verdict.NEEDS_APPROVAL
    return Verdict.CONDITIONAL if constraint is Constraint.CONDITIONAL else Verdict.ADVISORY


def _at_most(lower_m: float | None, lower: Datum | None, upper_m: float | None, upper: Datum | None) -> bool | None:
    """Say whether a lower bound lies at or below an upper one; ``None`` where that cannot be known."""
    if lower_m is None or upper_m is None or lower is None or upper is None:
        return True
    if lower is upper:
        return lower_m <= upper_m
    (lower_least, lower_most), (upper_least, upper_most) = ABOVE_SEA_M[lower], ABOVE_SEA_M[upper]
    if lower_m + lower_most <= upper_m + upper_least:
        return True
    return False if lower_m + lower_least > upper_m + upper_most else None


def _array(areas: Sequence[MultiPolygon]) -> NDArray[Any]:
    array = np.empty(len(areas), dtype=object)
    array[:] = areas
    return array


def _bounds(areas: NDArray[Any]) -> NDArray[np.float64]:
    """Return the least and the greatest coordinates of areas: west, south, east, north."""
    bounds: NDArray[np.float64] = shapely.bounds(areas).reshape(-1, 4).T
    return bounds


def _turned(area: MultiPolygon, degrees: float) -> MultiPolygon:
    return shapely.transform(area, lambda lon_lat: lon_lat + np.array((degrees, 0.0)))
