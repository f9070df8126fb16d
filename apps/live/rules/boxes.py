"""Boxes of GeoJSON geometries, and whether they touch the box that a subscription asks for.

Snapshot and events are both judged here, so that they agree to the last digit; SQL only narrows down.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from apps.core.types import BBox

PARTS = {"MultiPoint", "MultiLineString", "MultiPolygon"}


def boxes_of(geometry: Mapping[str, Any] | None) -> tuple[BBox, ...]:
    """Return one box per part of a GeoJSON geometry; none for no or an empty geometry.

    Per part, since an area split at the antimeridian would otherwise span the world.
    """
    if not geometry:
        return ()
    if geometry["type"] == "GeometryCollection":
        return tuple(box for part in geometry["geometries"] for box in boxes_of(part))
    coordinates = geometry["coordinates"]
    parts = coordinates if geometry["type"] in PARTS else [coordinates]
    return tuple(box for part in parts if (box := _box(part)) is not None)


def touches(boxes: Sequence[BBox], wanted: BBox | None) -> bool:
    """Say whether any of the boxes shares a point with the wanted one; ``None`` wants everything."""
    if wanted is None:
        return True
    return any(_overlap(box, wanted) for box in boxes)


def is_point_in(lon: float, lat: float, wanted: BBox | None) -> bool:
    """Say the same for a point, cheaply: positions are judged often."""
    return wanted is None or wanted.contains(lon, lat)


def _box(part: Any) -> BBox | None:
    points = list(_points(part))
    if not points:
        return None
    lons = [point[0] for point in points]
    lats = [point[1] for point in points]
    return BBox(west=min(lons), south=min(lats), east=max(lons), north=max(lats))


def _points(coordinates: Any) -> Iterator[Sequence[float]]:
    if coordinates and isinstance(coordinates[0], int | float):
        yield coordinates
        return
    for inner in coordinates:
        yield from _points(inner)


def _overlap(box: BBox, wanted: BBox) -> bool:
    if box.north < wanted.south or box.south > wanted.north:
        return False
    if wanted.west <= wanted.east:
        return box.west <= wanted.east and box.east >= wanted.west
    return box.east >= wanted.west or box.west <= wanted.east
