"""Shapes as they are given, and the exact areas that they stand for.

A circle and a corridor are measured on the WGS 84 ellipsoid. Their areas hold every point of them and reach at most
1 cm further, so that nothing which is inside is ever taken for outside. Lines run straight in degrees, as in GeoJSON.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, cast

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Geod
from shapely import LineString, MultiPolygon, Polygon

from apps.core.geometry import MAX_VERTICES, parse_multipolygon, parse_point, to_geojson
from apps.core.types import FieldError, Invalid
from apps.operations.types import Area, Circle, Corridor, Position, Shape

TOLERANCE_M: Final = 0.01
LARGEST_RADIUS_M: Final = 50_000.0
LARGEST_WIDTH_M: Final = 10_000.0
LONGEST_LINE_M: Final = 200_000.0
MOST_POSITIONS: Final = 1_000
# Within so many metres a straight line in degrees and one in metres differ by less than 2 mm below 60 degrees.
STEP_M: Final = 200.0
# So far a straight line in degrees may run beside the shortest way between two positions of an outline.
BEND_M: Final = 0.002
# A corridor is widened piece by piece: so near to the middle of a piece, a plane is true to 2 mm.
PIECE_STEPS: Final = 40

_GEOD: Final = Geod(ellps="WGS84")


def read_shape(value: object, *, pointer: str = "") -> Shape:
    """Return the shape that JSON describes; raises ``Invalid`` with the place of what is wrong."""
    if not isinstance(value, Mapping):
        raise _invalid(pointer, "not_an_object", "A shape is a JSON object.")
    match value.get("type"):
        case "Circle":
            _require_only(value, {"type", "centre", "radius_m"}, pointer)
            point = parse_point({"type": "Point", "coordinates": value.get("centre")}, pointer=f"{pointer}/centre")
            return Circle(
                centre=(point.x, point.y), radius_m=_read_length(value, "radius_m", LARGEST_RADIUS_M, pointer)
            )
        case "Corridor":
            _require_only(value, {"type", "coordinates", "width_m"}, pointer)
            line = _read_line(value.get("coordinates"), f"{pointer}/coordinates")
            return Corridor(line=line, width_m=_read_length(value, "width_m", LARGEST_WIDTH_M, pointer))
        case "Polygon" | "MultiPolygon":
            return Area(polygons=_read_polygons(value, pointer))
    detail = "The type is Polygon, MultiPolygon, Circle or Corridor."
    raise _invalid(f"{pointer}/type", "unknown_shape", detail)


def write_shape(shape: Shape) -> dict[str, Any]:
    """Return the JSON that ``read_shape`` reads as this shape."""
    match shape:
        case Circle():
            return {"type": "Circle", "centre": list(shape.centre), "radius_m": shape.radius_m}
        case Corridor():
            return {"type": "Corridor", "coordinates": [list(each) for each in shape.line], "width_m": shape.width_m}
        case Area():
            return to_geojson(shape.polygons)


def footprint_of(shape: Shape, *, pointer: str = "") -> MultiPolygon:
    """Return the area of a shape, cut at the antimeridian; raises ``Invalid`` for one around a pole, or too winding."""
    match shape:
        case Circle():
            rings = [_circle(shape)]
        case Corridor():
            rings = _corridor(shape)
        case Area():
            return shape.polygons
    coordinates = [[[wrapped(lon), lat] for lon, lat in ring] for ring in rings]
    if sum(map(len, coordinates)) > MAX_VERTICES:
        raise _invalid(pointer, "too_many_vertices", f"Its outline has more than {MAX_VERTICES} vertices.")
    return parse_multipolygon({"type": "Polygon", "coordinates": coordinates}, pointer=pointer)


def from_geodesics(ring: Sequence[Position]) -> list[Position]:
    """Return a closed ring whose edges are the shortest ways on the ellipsoid, as one with edges straight in degrees.

    It has as many positions more as that takes, and its longitudes may leave the world to one side.
    """
    return _bent(np.array(_unwrapped(ring)), is_geodesic=True)


def to_geodesics(polygon: Polygon) -> list[Position]:
    """Return the outer ring of a polygon, whose edges run straight in degrees, as one whose edges are shortest ways."""
    return _bent(shapely.get_coordinates(polygon.exterior), is_geodesic=False)


def whole_of(footprints: Iterable[MultiPolygon]) -> MultiPolygon:
    """Return everything that lies in one of these areas, of which some may be one and the same object."""
    whole = shapely.union_all(list({id(each): each for each in footprints}.values()))
    return whole if isinstance(whole, MultiPolygon) else MultiPolygon([cast("Polygon", whole)])


def _bent(ring: NDArray[np.float64], *, is_geodesic: bool) -> list[Position]:
    """Return a ring with its edges halved until both ways between any two positions run within ``BEND_M``."""
    while len(ring) <= MAX_VERTICES:
        (lons, lats), (next_lons, next_lats) = ring[:-1].T, ring[1:].T
        straight = (ring[:-1] + ring[1:]) / 2
        bearings, _, lengths = _GEOD.inv(lons, lats, next_lons, next_lats)
        mid_lons, mid_lats, _ = _GEOD.fwd(lons, lats, bearings, lengths / 2)
        shortest = np.column_stack((_near(mid_lons, straight[:, 0]), mid_lats))
        _, _, apart_m = _GEOD.inv(*straight.T, *shortest.T)
        places = np.flatnonzero(apart_m > BEND_M)
        if not places.size:
            break
        ring = np.insert(ring, places + 1, (shortest if is_geodesic else straight)[places], axis=0)
    return [(lon, lat) for lon, lat in ring.tolist()]


def _circle(circle: Circle) -> list[Position]:
    """Return a ring around the circle: its edges are just outside, its corners at most 1 cm.

    An edge runs straight in degrees, a little beside the shortest way between its corners: hence the slack.
    """
    slack_m = TOLERANCE_M / 3
    radius_m = circle.radius_m + slack_m
    count = max(16, math.ceil(math.pi / math.acos(radius_m / (radius_m + slack_m))))
    bearings = np.linspace(0.0, 360.0, count, endpoint=False)[::-1]
    lon, lat = circle.centre
    reach_m = radius_m / math.cos(math.pi / count)
    lons, lats, _ = _GEOD.fwd(np.full(count, lon), np.full(count, lat), bearings, np.full(count, reach_m))
    ring = list(zip(_near(lons, lon).tolist(), lats.tolist(), strict=True))
    return [*ring, ring[0]]


def _corridor(corridor: Corridor) -> list[list[Position]]:
    """Return the rings of the area around the line: the outer one, and those of the holes that it encloses."""
    half_m = corridor.width_m / 2
    pieces = [_widened(piece, half_m) for piece in _pieces(_stepped(_unwrapped(corridor.line)))]
    # Each piece begins where the one before ends, so that together they are one polygon.
    polygon = cast("Polygon", shapely.union_all(pieces))
    return [list(ring.coords) for ring in (polygon.exterior, *polygon.interiors)]


def _stepped(line: Sequence[Position]) -> NDArray[np.float64]:
    """Return the line with a position at least every ``STEP_M`` metres."""
    # No degree is longer than one of latitude at the poles.
    segments = shapely.segmentize(LineString(line), STEP_M / 111_700.0)
    stepped: NDArray[np.float64] = shapely.get_coordinates(segments)
    return stepped


def _pieces(positions: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
    """Yield short stretches of the line, each beginning where the one before ends."""
    for first in range(0, len(positions) - 1, PIECE_STEPS):
        yield positions[first : first + PIECE_STEPS + 1]


def _widened(piece: NDArray[np.float64], half_m: float) -> Polygon:
    """Return everything within so many metres of a piece, in degrees."""
    middle = piece[len(piece) // 2]
    slack_m = TOLERANCE_M / 2
    reach_m = half_m + slack_m
    quarter = max(8, math.ceil(math.pi / 4 / math.acos(1 - slack_m / reach_m)))
    plane = LineString(_to_plane(piece, middle))
    area = shapely.segmentize(shapely.buffer(plane, reach_m, quad_segs=quarter), STEP_M)
    return shapely.transform(area, lambda metres: _from_plane(metres, middle))


def _to_plane(positions: NDArray[np.float64], middle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return positions as metres east and north of the middle, true in distance and bearing from there."""
    count = len(positions)
    lons, lats = np.full(count, middle[0]), np.full(count, middle[1])
    bearings, _, distances = _GEOD.inv(lons, lats, positions[:, 0], positions[:, 1])
    angles = np.radians(bearings)
    return np.column_stack((distances * np.sin(angles), distances * np.cos(angles)))


def _from_plane(metres: NDArray[np.float64], middle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what ``_to_plane`` was given, its longitudes near that of the middle."""
    count = len(metres)
    bearings = np.degrees(np.arctan2(metres[:, 0], metres[:, 1]))
    lons, lats, _ = _GEOD.fwd(
        np.full(count, middle[0]), np.full(count, middle[1]), bearings, np.hypot(metres[:, 0], metres[:, 1])
    )
    return np.column_stack((_near(lons, middle[0]), lats))


def _near(lons: NDArray[np.float64], lon: float | NDArray[np.float64]) -> NDArray[np.float64]:
    """Return longitudes that differ from one, or each from its own, by half a turn at most."""
    near: NDArray[np.float64] = lons - 360.0 * np.round((lons - lon) / 360.0)
    return near


def _unwrapped(line: Sequence[Position]) -> list[Position]:
    """Return the line with continuous longitudes, which may leave the world to one side."""
    unwrapped = [line[0]]
    for lon, lat in line[1:]:
        before = unwrapped[-1][0]
        unwrapped.append((lon - 360.0 * round((lon - before) / 360.0), lat))
    return unwrapped


def wrapped(lon: float) -> float:
    """Return a longitude as it is called in the world: from -180 to 180."""
    return lon if -180.0 <= lon <= 180.0 else (lon + 180.0) % 360.0 - 180.0


def _read_polygons(value: object, pointer: str) -> MultiPolygon:
    """Return polygons that can be read again as they are written: cut at the antimeridian they have more vertices."""
    polygons = parse_multipolygon(value, pointer=pointer)
    if shapely.get_num_coordinates(polygons) > MAX_VERTICES:
        detail = f"Cut at the antimeridian it has more than {MAX_VERTICES} vertices."
        raise _invalid(pointer, "too_many_vertices", detail)
    return polygons


def _read_line(value: object, pointer: str) -> tuple[Position, ...]:
    if not isinstance(value, list | tuple) or not 2 <= len(value) <= MOST_POSITIONS:
        raise _invalid(pointer, "not_a_line", f"A line has 2 to {MOST_POSITIONS} positions.")
    points = [
        parse_point({"type": "Point", "coordinates": each}, pointer=f"{pointer}/{place}")
        for place, each in enumerate(value)
    ]
    line = tuple((point.x, point.y) for point in points)
    lons, lats = zip(*line, strict=True)
    length_m = _GEOD.line_length(lons, lats)
    if not 0.01 <= length_m <= LONGEST_LINE_M:
        detail = f"A line is from 1 cm to {LONGEST_LINE_M / 1000:.0f} km long."
        raise _invalid(pointer, "out_of_range", detail)
    return line


def _read_length(value: Mapping[str, object], name: str, most: float, pointer: str) -> float:
    length = value.get(name)
    if isinstance(length, bool) or not isinstance(length, int | float) or not 0.1 <= length <= most:
        raise _invalid(f"{pointer}/{name}", "out_of_range", f"A number of metres from 0.1 to {most:.0f}.")
    return float(length)


def _require_only(value: Mapping[str, object], known: set[str], pointer: str) -> None:
    unknown = sorted(set(value) - known)
    if unknown:
        raise _invalid(f"{pointer}/{unknown[0][:100]}", "unknown_field", "No such field.")


def _invalid(pointer: str, code: str, detail: str) -> Invalid:
    error = FieldError(pointer=pointer, code=code, detail=detail)
    return Invalid("The shape is not right.", code="invalid_geometry", errors=[error])
