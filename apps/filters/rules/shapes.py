"""Geometries in filters: GeoJSON and boxes to shapely, and how far apart two shapes are.

CRS84, degrees, lon lat; heights in coordinates are read and dropped. Predicates are planar, the boundary belongs to a
shape, as PostGIS and GEOS both have it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from apps.core.types import BBox
from apps.filters.rules import words

# The mean radius that PostGIS uses for geography on the sphere: (2a + b) / 3 of WGS 84.
EARTH_RADIUS_M: Final = (2 * 6378137.0 + 6356752.314245179498) / 3
# An edge that goes half round the world is an error to PostGIS; it cuts them as we do, into equal parts.
LONGEST_EDGE_DEG: Final = 60.0
_HORIZON: Final = math.cos(math.radians(89.0))

Planar = Callable[[BaseGeometry, BaseGeometry], Any]
RELATIONS: Final[Mapping[str, Planar]] = {
    "s_intersects": shapely.intersects,
    "s_equals": shapely.equals,
    "s_disjoint": shapely.disjoint,
    "s_touches": shapely.touches,
    "s_within": shapely.within,
    "s_overlaps": shapely.overlaps,
    "s_crosses": shapely.crosses,
    "s_contains": shapely.contains,
}
# The same with the operands exchanged, so that the one which stays can be the prepared first.
CONVERSE: Final[Mapping[str, Planar]] = {
    **RELATIONS,
    "s_within": shapely.contains,
    "s_contains": shapely.within,
}


class ShapeFault(ValueError):
    """What is wrong with a geometry, in words."""


def read_shape(written: Mapping[str, Any]) -> BaseGeometry:
    """Return a GeoJSON geometry or a ``bbox`` as shapely's; raises ``ShapeFault``."""
    if "bbox" in written:
        return _box(written["bbox"])
    shape = _shape(written)
    if shape.is_empty:
        raise ShapeFault("An empty geometry meets nothing.")
    if not shape.is_valid:
        raise ShapeFault(f"The geometry is not valid: {shapely.is_valid_reason(shape)}.")
    west, south, east, north = shape.bounds
    if not (west >= -180 and east <= 180 and south >= -90 and north <= 90):
        raise ShapeFault("The geometry leaves the world (lon lat, degrees).")
    return shape


def box_of(written: Mapping[str, Any] | None) -> BBox | None:
    """Return what was written as a box as one; ``None`` for other geometries."""
    if not written or "bbox" not in written:
        return None
    bounds = [float(each) for each in written["bbox"]]
    half = len(bounds) // 2
    return BBox(west=bounds[0], south=bounds[1], east=bounds[half], north=bounds[half + 1])


def distance_m(left: BaseGeometry, right: BaseGeometry) -> float:
    """Return the shortest distance on the sphere, in metres; at least one of the two is a point.

    Edges are great circles, once cut to ``LONGEST_EDGE_DEG``. Around the point these are straight lines in the gnomonic
    projection, and what is nearest there is nearest on the sphere. That sees half the world; of a shape that reaches
    further the arcs are measured one by one, and the plane says whether the point lies within it.
    """
    point, shape = (left, right) if isinstance(left, shapely.Point) else (right, left)
    ((x, y),) = shapely.get_coordinates(point)
    lon, lat = math.radians(x), math.radians(y)
    if isinstance(shape, shapely.Point):
        return EARTH_RADIUS_M * float(_angles(lon, lat, np.array([[shape.x, shape.y]]))[0])
    shape = cut(shape)
    vertices = shapely.get_coordinates(shape)
    angles = _angles(lon, lat, vertices)
    if float(np.cos(angles).min()) < _HORIZON:
        is_within = bool(shapely.intersects_xy(shape, x, y))
        return 0.0 if is_within else EARTH_RADIUS_M * min(float(angles.min()), _angle_to_arcs(lon, lat, shape))
    flat = shapely.set_coordinates(shapely.from_wkb(shapely.to_wkb(shape)), _gnomonic(lon, lat, vertices))
    return EARTH_RADIUS_M * math.atan(shapely.distance(shapely.Point(0.0, 0.0), flat))


def fault_in_measuring(shape: BaseGeometry) -> str | None:
    """Return what a shape is that no distance is measured to; ``None`` for all others.

    Of what covers more than half of the world, PostGIS takes the other half for the inside.
    """
    if shape.geom_type == "GeometryCollection":
        return "GEOMETRYCOLLECTION"
    # The cylinder around a sphere has its areas.
    lons, lats = np.radians(shapely.get_coordinates(cut(shape))).T
    flat = shapely.set_coordinates(cut(shape), np.column_stack([lons, np.sin(lats)]))
    return "polygon over more than half of the world" if shapely.area(flat) > 2 * math.pi else None


def cut(shape: BaseGeometry) -> BaseGeometry:
    """Return a shape with its long edges cut: of one that goes half round the world nobody knows which way it goes."""
    return shapely.segmentize(shape, LONGEST_EDGE_DEG)


def _angle_to_arcs(lon: float, lat: float, shape: BaseGeometry) -> float:
    """Return the least angle to the inner points of the edges; infinity where the ends are nearest of all."""
    parts = shapely.get_parts(shape)
    lines = shapely.get_rings(parts) if shape.geom_type.endswith("Polygon") else parts
    positions, line_of = shapely.get_coordinates(lines, return_index=True)
    on_sphere = _unit(np.radians(positions[:, 0]), np.radians(positions[:, 1]))
    is_edge = line_of[1:] == line_of[:-1]
    starts, ends = on_sphere[:-1][is_edge], on_sphere[1:][is_edge]
    here = _unit(np.array([lon]), np.array([lat]))[0]
    normals = np.cross(starts, ends)
    heights = normals @ here
    feet = here - normals * (heights / np.maximum(np.einsum("ij,ij->i", normals, normals), 1e-300))[:, None]
    is_between = (np.einsum("ij,ij->i", np.cross(starts, feet), normals) >= 0) & (
        np.einsum("ij,ij->i", np.cross(feet, ends), normals) >= 0
    )
    lengths = np.linalg.norm(feet, axis=1)
    # From the pole of its circle all of an arc is as far as its ends.
    is_known = is_between & (lengths > 1e-9)
    cosines = (feet @ here)[is_known] / lengths[is_known]
    return float(np.arccos(np.clip(cosines, -1.0, 1.0)).min(initial=math.inf))


def _unit(lons: NDArray[np.float64], lats: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([np.cos(lats) * np.cos(lons), np.cos(lats) * np.sin(lons), np.sin(lats)])


def _angles(lon: float, lat: float, positions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the angles at the centre of the Earth, well-conditioned for near and for far."""
    lons, lats = np.radians(positions[:, 0]), np.radians(positions[:, 1])
    turn = lons - lon
    across = np.hypot(
        np.cos(lats) * np.sin(turn),
        math.cos(lat) * np.sin(lats) - math.sin(lat) * np.cos(lats) * np.cos(turn),
    )
    along = math.sin(lat) * np.sin(lats) + math.cos(lat) * np.cos(lats) * np.cos(turn)
    angles: NDArray[np.float64] = np.arctan2(across, along)
    return angles


def _gnomonic(lon: float, lat: float, positions: NDArray[np.float64]) -> NDArray[np.float64]:
    lons, lats = np.radians(positions[:, 0]), np.radians(positions[:, 1])
    turn = lons - lon
    along = math.sin(lat) * np.sin(lats) + math.cos(lat) * np.cos(lats) * np.cos(turn)
    east = np.cos(lats) * np.sin(turn) / along
    north = (math.cos(lat) * np.sin(lats) - math.sin(lat) * np.cos(lats) * np.cos(turn)) / along
    return np.column_stack([east, north])


def _box(bounds: object) -> BaseGeometry:
    if not isinstance(bounds, Sequence) or len(bounds) not in (4, 6) or not all(map(_is_number, bounds)):
        raise ShapeFault("A box is west, south, east, north in degrees.")
    half = len(bounds) // 2
    (west, south), (east, north) = bounds[:2], bounds[half : half + 2]
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90):
        raise ShapeFault("The box leaves the world, or its south lies above its north.")
    if west <= east:
        return _rectangle(west, south, east, north)
    return shapely.union(_rectangle(west, south, 180, north), _rectangle(-180, south, east, north))


def _rectangle(west: float, south: float, east: float, north: float) -> BaseGeometry:
    """Return a box as what it is: a rectangle, or a line or a point where it has no area."""
    corners = [(west, south), (east, north)]
    if west < east and south < north:
        return shapely.box(west, south, east, north)
    return shapely.Point(corners[0]) if corners[0] == corners[1] else shapely.LineString(corners)


def _shape(written: Mapping[str, Any]) -> BaseGeometry:
    kind = written.get("type")
    if kind == "GeometryCollection":
        members = written.get("geometries")
        if not isinstance(members, list) or not all(isinstance(each, Mapping) for each in members):
            raise ShapeFault("A GeometryCollection has a list of geometries.")
        return shapely.GeometryCollection([_plain(each) for each in members])
    return _plain(written)


def _plain(written: Mapping[str, Any]) -> BaseGeometry:
    kind, coordinates = written.get("type"), written.get("coordinates")
    depth = _DEPTHS.get(str(kind))
    if depth is None:
        raise ShapeFault(f"{str(kind)[:40]!r} is none of {', '.join(words.SHAPES.values())}.")
    try:
        return shapely.geometry.shape({"type": kind, "coordinates": _positions(coordinates, depth)})
    except (ValueError, TypeError, IndexError, shapely.errors.ShapelyError) as error:
        if isinstance(error, ShapeFault):
            raise
        raise ShapeFault(f"No {kind} can be made of it: {str(error)[:100]}.") from error


_DEPTHS: Final = {
    "Point": 0, "MultiPoint": 1, "LineString": 1, "Polygon": 2, "MultiLineString": 2, "MultiPolygon": 3,
}  # fmt: skip


def _positions(coordinates: object, depth: int) -> Any:
    if not isinstance(coordinates, list | tuple):
        raise ShapeFault("A list of coordinates is missing.")
    if depth:
        return [_positions(each, depth - 1) for each in coordinates]
    if not (2 <= len(coordinates) <= 3 and all(map(_is_number, coordinates))):
        raise ShapeFault("A position is two or three numbers, lon lat.")
    return float(coordinates[0]), float(coordinates[1])


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**53
