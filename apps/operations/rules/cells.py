"""What stands for volumes where they are found and locked: boxes, whole metres, and cells of the earth by the day.

All of it is generous: volumes that meet always share a box, a range of metres and a cell. The exact test comes after.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Final, NamedTuple

import shapely
from shapely import MultiPolygon

from apps.operations.rules.meeting import highest_above_sea_m, lowest_above_sea_m
from apps.operations.types import Span, Volume4D
from apps.zones.types import AltitudeBand

CELLS_PER_DEGREE: Final = 10
COLUMNS: Final = 360 * CELLS_PER_DEGREE
ROWS: Final = 180 * CELLS_PER_DEGREE
# Whoever needs more locks than that takes the one that stands for all.
MOST_CELLS: Final = 256
_FIRST_DAY: Final = date(2000, 1, 1).toordinal()


class Box(NamedTuple):
    """A box in degrees; ``west <= east``."""

    west: float
    south: float
    east: float
    north: float


class Cell(NamedTuple):
    """A tenth of a degree square on one day (UTC), as two numbers of 32 bits."""

    place: int
    day: int


def boxes_of(footprint: MultiPolygon) -> list[Box]:
    """Return boxes that hold an area: two where it is cut at the antimeridian, and its edge there on the other side.

    Where it touches a pole, another holds that, which every longitude does.
    """
    parts = [Box(*shapely.bounds(part).tolist()) for part in footprint.geoms]
    whole = _around(parts)
    poles = [Box(-180.0, lat, 180.0, lat) for lat in (-90.0, 90.0) if lat in (whole.south, whole.north)]
    if whole.west > -180.0 and whole.east < 180.0:
        return [whole, *poles]
    halves = [[box for box in parts if (box.east >= 180.0) is is_east] for is_east in (False, True)]
    found = [_around(half) for half in halves if half]
    beyond = [Box(-180.0, box.south, -180.0, box.north) for box in found if box.east >= 180.0]
    beyond += [Box(180.0, box.south, 180.0, box.north) for box in found if box.west <= -180.0]
    return [*found, *beyond, *poles]


def metres_of(band: AltitudeBand) -> tuple[int | None, int | None]:
    """Return the lowest and the highest whole metre above the sea that a band may reach; ``None`` is open."""
    lowest_m, highest_m = lowest_above_sea_m(band), highest_above_sea_m(band)
    return (
        math.floor(lowest_m) if math.isfinite(lowest_m) else None,
        math.ceil(highest_m) if math.isfinite(highest_m) else None,
    )


def cells_of(volumes: Iterable[Volume4D]) -> list[Cell] | None:
    """Return the cells that volumes touch, sorted; ``None`` where they are more than anybody should lock one by one."""
    found: set[Cell] = set()
    for volume in volumes:
        days = _days(volume.during)
        for box in boxes_of(volume.footprint):
            columns, rows = _columns(box), _rows(box)
            if len(columns) * len(rows) * len(days) > MOST_CELLS:
                return None
            places = [column % COLUMNS * ROWS + row for column in columns for row in rows]
            found.update(itertools.starmap(Cell, itertools.product(places, days)))
        if len(found) > MOST_CELLS:
            return None
    return sorted(found)


def _columns(box: Box) -> range:
    if abs(box.south) == 90.0 and box.south == box.north:
        # All meridians meet at a pole.
        return range(1)
    return range(_floor(box.west + 180.0), _floor(box.east + 180.0) + 1)


def _rows(box: Box) -> range:
    return range(min(_floor(box.south + 90.0), ROWS - 1), min(_floor(box.north + 90.0), ROWS - 1) + 1)


def _floor(degrees: float) -> int:
    return math.floor(degrees * CELLS_PER_DEGREE)


def _days(during: Span) -> range:
    return range(_day(during.start), _day(during.end) + 1)


def _day(at: datetime) -> int:
    return at.astimezone(UTC).date().toordinal() - _FIRST_DAY


def _around(boxes: Sequence[Box]) -> Box:
    return Box(
        min(box.west for box in boxes),
        min(box.south for box in boxes),
        max(box.east for box in boxes),
        max(box.north for box in boxes),
    )
