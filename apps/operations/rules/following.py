"""How well assets keep to the operations that they take part in, as their fixes show it. Pure.

A fix is compared with the volumes that are in force at its instant; where none is, nothing is asked of it. Whoever
was inside is outside beyond the tolerance only, and whoever was outside is inside again within the volume only, so
that an asset on the edge does not go to and fro.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

import numpy as np
import shapely
from pyproj import Geod
from shapely import LineString, MultiPolygon, Point

from apps.core.types import Datum, Fix
from apps.operations.rules.meeting import ABOVE_SEA_M
from apps.operations.types import Corridor, Shape, Span
from apps.zones.types import AltitudeBand

_GEOD: Final = Geod(ellps="WGS84")


class RunningVolume:
    """A volume of an operation that runs, with all its times, ready to be compared with fixes.

    Distances are looked for on a map whose degrees of longitude are as short as they are there, and measured on the
    ellipsoid.
    """

    __slots__ = ("_area", "_band", "_line", "_scale", "_turns", "footprint", "spans")

    def __init__(self, footprint: MultiPolygon, band: AltitudeBand, spans: Sequence[Span], shape: Shape) -> None:
        self.footprint = footprint
        self.spans = tuple(spans)
        west, south, east, north = footprint.bounds
        self._band = band
        self._scale = np.array((max(math.cos(math.radians((south + north) / 2)), 1e-6), 1.0))
        self._turns = (0.0, 360.0, -360.0) if west <= -180.0 or east >= 180.0 else (0.0,)
        self._area = shapely.transform(footprint, lambda lon_lat: lon_lat * self._scale)
        self._line = self._scaled_line(shape)
        shapely.prepare(self._area)

    def is_in_force(self, at: datetime) -> bool:
        """Say whether the instant lies in one of its times, both ends included."""
        return any(span.start <= at <= span.end for span in self.spans)

    def covers_then(self, fix: Fix) -> bool:
        """Say of a fix within the footprint whether it lies in the volume: when it is in force, at such a height."""
        return self.is_in_force(fix.fixed_at) and not off_band_m(self._band, fix.altitude_m, fix.altitude_datum)

    def distance_m(self, fix: Fix) -> float:
        """Return how far a fix lies outside, 0 inside; a height that cannot be compared is not asked for."""
        across = min(self._across_m(fix.lon + turn, fix.lat) for turn in self._turns)
        return math.hypot(across, off_band_m(self._band, fix.altitude_m, fix.altitude_datum))

    def progress(self, fix: Fix) -> float | None:
        """Return how far along the corridor a fix is, from 0 to 1; ``None`` for other shapes."""
        if self._line is None or not self._line.length:
            return None
        return float(shapely.line_locate_point(self._line, self._at(fix.lon, fix.lat), normalized=True))

    def _across_m(self, lon: float, lat: float) -> float:
        place = self._at(lon, lat)
        if shapely.intersects(self._area, place):
            return 0.0
        (_, _), (x, y) = shapely.get_coordinates(shapely.shortest_line(place, self._area))
        return float(_GEOD.inv(lon, lat, x / self._scale[0], y)[2])

    def _at(self, lon: float, lat: float) -> Point:
        return Point(lon * self._scale[0], lat)

    def _scaled_line(self, shape: Shape) -> LineString | None:
        if not isinstance(shape, Corridor):
            return None
        line: LineString = shapely.transform(LineString(shape.line), lambda lon_lat: lon_lat * self._scale)
        return line


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """An operation that runs, and what is asked of its assets."""

    id: UUID
    organisation_id: UUID
    title: str
    tolerance_m: float
    nonconforming_after: timedelta
    asset_ids: frozenset[UUID]
    volumes: Sequence[RunningVolume]


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """How an asset keeps to an operation, as far as is known; the columns of ``AssignedAsset``."""

    followed_at: datetime | None = None
    reached_at: datetime | None = None
    outside_since: datetime | None = None
    distance_m: float | None = None
    progress: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An asset, whose it is, and new fixes of it in the order of their instants."""

    asset_id: UUID
    organisation_id: UUID
    fixes: Sequence[Fix]


class Move(NamedTuple):
    """That an operation no longer conforms, or does again, and since when."""

    conforms: bool
    at: datetime


def keep_up(was: Keeping, running: Running, fix: Fix) -> Keeping:
    """Return how an asset keeps to an operation, now that it is known where it was at another instant."""
    if was.followed_at is not None and fix.fixed_at <= was.followed_at:
        return was
    in_force = [volume for volume in running.volumes if volume.is_in_force(fix.fixed_at)]
    if not in_force:
        return replace(was, followed_at=fix.fixed_at, outside_since=None, distance_m=None)
    distance_m, nearest = min(((volume.distance_m(fix), volume) for volume in in_force), key=lambda pair: pair[0])
    is_outside = distance_m > (running.tolerance_m if was.outside_since is None else 0.0)
    return Keeping(
        followed_at=fix.fixed_at,
        reached_at=was.reached_at or (None if is_outside else fix.fixed_at),
        outside_since=(was.outside_since or fix.fixed_at) if is_outside else None,
        distance_m=distance_m,
        progress=nearest.progress(fix),
    )


def strays_at(keepings: Iterable[Keeping], after: timedelta, since: datetime) -> datetime | None:
    """Return the first instant at which one of these has been outside for so long; ``None`` where all are inside.

    What was before ``since``, when the operation was last said to conform, does not count.
    """
    outside = [each.outside_since for each in keepings if each.outside_since is not None]
    return max(min(outside), since) + after if outside else None


def follow(
    running: Running,
    keepings: dict[UUID, Keeping],
    fixes: Sequence[tuple[UUID, Fix]],
    *,
    conforms: bool,
    since: datetime,
) -> list[Move]:
    """Bring keepings up to date with fixes in the order of their instants; return what that means for the operation.

    ``conforms`` says whether it does so far, ``since`` since when. Until somebody is seen inside, they are taken to
    have stayed outside.
    """
    moves: list[Move] = []
    for asset_id, fix in fixes:
        strayed_at = strays_at(keepings.values(), running.nonconforming_after, since)
        if conforms and strayed_at is not None and strayed_at <= fix.fixed_at:
            moves.append(Move(conforms=False, at=strayed_at))
            conforms = False
        keepings[asset_id] = keep_up(keepings[asset_id], running, fix)
        strayed_at = strays_at(keepings.values(), running.nonconforming_after, since)
        if not conforms and strayed_at is None:
            moves.append(Move(conforms=True, at=fix.fixed_at))
            conforms, since = True, fix.fixed_at
        elif conforms and strayed_at is not None and strayed_at <= fix.fixed_at:
            moves.append(Move(conforms=False, at=strayed_at))
            conforms = False
    return moves


def late_by(starts_at: datetime, reached_at: datetime | None, at: datetime) -> timedelta:
    """Return by how much an asset came later than planned, or is late by now."""
    return max((reached_at or at) - starts_at, timedelta(0))


def overrun_by(ends_at: datetime, closed_at: datetime | None, at: datetime) -> timedelta:
    """Return for how long an operation went on after its planned end, or has gone on by now."""
    return max((closed_at or at) - ends_at, timedelta(0))


def off_band_m(band: AltitudeBand, altitude_m: float | None, datum: Datum | None) -> float:
    """Return how far a height certainly lies outside a band, 0 where it may lie inside."""
    if altitude_m is None or datum is None:
        return 0.0
    off = 0.0
    if band.lower_m is not None and band.lower_datum is not None:
        lowest, _ = _compared(band.lower_m, band.lower_datum, datum)
        off = max(off, lowest - altitude_m)
    if band.upper_m is not None and band.upper_datum is not None:
        _, highest = _compared(band.upper_m, band.upper_datum, datum)
        off = max(off, altitude_m - highest)
    return off


def _compared(bound_m: float, bound: Datum, datum: Datum) -> tuple[float, float]:
    """Return between which heights above the second datum a height above the first lies."""
    if bound is datum:
        return bound_m, bound_m
    (bound_least, bound_most), (least, most) = ABOVE_SEA_M[bound], ABOVE_SEA_M[datum]
    return bound_m + bound_least - most, bound_m + bound_most - least
