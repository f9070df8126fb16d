"""GeoJSON checked once, on entry: what comes out is valid, finite, closed, in the world and cut at the antimeridian.

Degrees WGS 84, lon lat. Heights in coordinates are read and dropped: altitude is a field of its own here.
Sources: RFC 7946 (sections 3.1, 3.1.9), OGC Simple Features for validity (as GEOS judges it).
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence

import numpy as np
import shapely
from django.contrib.gis.geos import GEOSGeometry
from shapely import MultiPolygon, Point, Polygon
from shapely.geometry.base import BaseGeometry

from apps.core.types import FieldError, Invalid

SRID = 4326
MAX_VERTICES = 10_000
# Enough to mend a drawing by; a hostile one does not get a megabyte of answer.
MAX_ERRORS = 20

Position = tuple[float, float]
Ring = list[Position]


def parse_point(geojson: object, *, pointer: str = "/geometry") -> Point:
    """Return the point; raises ``Invalid`` with the place of what is wrong."""
    geometry = _expect_type(geojson, ("Point",), pointer)
    errors = _Errors()
    position = errors.position(geometry.get("coordinates"), f"{pointer}/coordinates")
    errors.raise_if_any()
    return Point(position)


def parse_multipolygon(
    geojson: object, *, max_vertices: int = MAX_VERTICES, pointer: str = "/geometry"
) -> MultiPolygon:
    """Return a Polygon or MultiPolygon as a valid MultiPolygon, exterior rings counter-clockwise.

    An edge longer than 180 degrees of longitude is read as the short way round, over the antimeridian, and the
    shape is cut there. Raises ``Invalid`` with one field error per fault, a crossing with its place named.
    """
    geometry = _expect_type(geojson, ("Polygon", "MultiPolygon"), pointer)
    pointer = f"{pointer}/coordinates"
    coordinates = geometry.get("coordinates")
    errors = _Errors(max_vertices=max_vertices)
    if geometry["type"] == "Polygon":
        polygons = [errors.polygon(coordinates, pointer)]
    else:
        parts = errors.sequence(coordinates, pointer)
        polygons = [errors.polygon(part, f"{pointer}/{index}") for index, part in enumerate(parts)]
    errors.raise_if_any()
    return _assemble(polygons, pointer)


def to_geos(geometry: BaseGeometry) -> GEOSGeometry:
    """Return a shapely geometry as Django's, in storage SRID; by WKB, so no digit is lost."""
    return GEOSGeometry(memoryview(shapely.to_wkb(geometry)), srid=SRID)


def from_geos(geometry: GEOSGeometry) -> BaseGeometry:
    """Return Django's geometry as shapely's; by WKB, so no digit is lost."""
    return shapely.from_wkb(bytes(geometry.wkb))


def to_geojson(geometry: BaseGeometry | GEOSGeometry) -> dict[str, object]:
    """Return the geometry as a GeoJSON mapping with all its digits."""
    shape = from_geos(geometry) if isinstance(geometry, GEOSGeometry) else geometry
    return dict(shape.__geo_interface__)


class _Errors:
    """Walks untrusted coordinates, gathers what is wrong, and stops counting vertices at the limit."""

    def __init__(self, *, max_vertices: int = 1) -> None:
        self.found: list[FieldError] = []
        self.vertices_left = max_vertices
        self.max_vertices = max_vertices

    def add(self, pointer: str, code: str, detail: str) -> None:
        self.found.append(FieldError(pointer=pointer, code=code, detail=detail))
        if len(self.found) >= MAX_ERRORS:
            self.raise_if_any()

    def raise_if_any(self) -> None:
        if self.found:
            raise Invalid("The geometry is not right.", code="invalid_geometry", errors=self.found)

    def sequence(self, value: object, pointer: str) -> Sequence[object]:
        if isinstance(value, list | tuple) and value:
            return value
        self.add(pointer, "not_coordinates", "A list of coordinates is missing or empty.")
        return ()

    def polygon(self, value: object, pointer: str) -> list[Ring]:
        rings = self.sequence(value, pointer)
        return [self.ring(ring, f"{pointer}/{index}") for index, ring in enumerate(rings)]

    def ring(self, value: object, pointer: str) -> Ring:
        positions = self.sequence(value, pointer)
        self.vertices_left -= len(positions)
        if self.vertices_left < 0:
            self.add(pointer, "too_many_vertices", f"More than {self.max_vertices} vertices.")
            self.raise_if_any()
        ring = [self.position(each, f"{pointer}/{index}") for index, each in enumerate(positions)]
        if positions and len(ring) < 4:
            self.add(pointer, "too_few_positions", "A ring needs at least four positions.")
        elif ring and ring[0] != ring[-1]:
            self.add(pointer, "not_closed", "The last position of a ring must equal its first.")
        return ring

    def position(self, value: object, pointer: str) -> Position:
        if not (isinstance(value, list | tuple) and 2 <= len(value) <= 3 and all(_is_number(each) for each in value)):
            self.add(pointer, "not_a_position", "A position is a list of two or three numbers, lon lat.")
        elif not all(math.isfinite(each) for each in value):
            self.add(pointer, "not_finite", "A coordinate is not a finite number.")
        elif not (-180 <= value[0] <= 180 and -90 <= value[1] <= 90):
            self.add(pointer, "out_of_world", f"{value[0]:.6g} {value[1]:.6g} is not on Earth (lon lat, degrees).")
        else:
            return float(value[0]), float(value[1])
        return 0.0, 0.0


def _is_number(value: object) -> bool:
    if isinstance(value, bool):
        return False
    # An integer may have more digits than any float; it is no coordinate then.
    return isinstance(value, float) or (isinstance(value, int) and abs(value) < 2**53)


def _expect_type(geojson: object, kinds: tuple[str, ...], pointer: str) -> Mapping[str, object]:
    if isinstance(geojson, Mapping) and geojson.get("type") in kinds:
        return geojson
    detail = f"Expected a GeoJSON {' or '.join(kinds)}."
    error = FieldError(pointer=pointer, code="wrong_geometry_type", detail=detail)
    raise Invalid("The geometry is not right.", code="invalid_geometry", errors=[error])


def _assemble(polygons: list[list[Ring]], pointer: str) -> MultiPolygon:
    """Unwrap, judge, cut and orient polygons whose positions are known to be good."""
    parts: list[Polygon] = []
    for rings in polygons:
        unwrapped = _unwrap_polygon(rings, pointer)
        _require_valid(unwrapped, pointer)
        parts.extend(_cut(unwrapped))
    whole = MultiPolygon([shapely.geometry.polygon.orient(part) for part in parts])
    # Parts that are valid one by one may still lie over each other.
    _require_valid(whole, pointer)
    return whole


def _unwrap_polygon(rings: list[Ring], pointer: str) -> Polygon:
    shell, *holes = [_unwrap_ring(ring, pointer) for ring in rings]
    west = min(lon for lon, _ in shell)
    east = max(lon for lon, _ in shell)
    return Polygon(shell, [_shift_near(hole, west, east) for hole in holes])


def _unwrap_ring(ring: Ring, pointer: str) -> Ring:
    """Return the ring with continuous longitudes, which may leave the world to one side."""
    unwrapped = [ring[0]]
    turn = 0.0
    for (lon_before, _), (lon, lat) in itertools.pairwise(ring):
        # An edge from -180 to 180 runs along a parallel of the whole world: that is a map's frame, no crossing.
        if 180 < abs(lon - lon_before) < 360:
            turn += math.copysign(360.0, lon_before - lon)
        unwrapped.append((lon + turn, lat))
    if turn:
        detail = "The ring goes around a pole. Draw it along the antimeridian up to the pole instead."
        error = FieldError(pointer=pointer, code="encloses_pole", detail=detail)
        raise Invalid("The geometry is not right.", code="invalid_geometry", errors=[error])
    return unwrapped


def _shift_near(hole: Ring, west: float, east: float) -> Ring:
    middle = (min(lon for lon, _ in hole) + max(lon for lon, _ in hole)) / 2
    shift = 360.0 if middle < west else -360.0 if middle > east else 0.0
    return [(lon + shift, lat) for lon, lat in hole]


def _cut(polygon: Polygon) -> list[Polygon]:
    """Return the polygon's parts inside the world, those beyond the antimeridian moved to the other side."""
    west, _, east, _ = polygon.bounds
    if west >= -180 and east <= 180:
        return [polygon]
    parts: list[Polygon] = []
    for shift in (-360.0, 0.0, 360.0):
        inside = polygon.intersection(shapely.box(-180 + shift, -90, 180 + shift, 90))
        parts.extend(_moved(part, -shift) for part in shapely.get_parts(inside) if isinstance(part, Polygon))
    return parts


def _moved(polygon: Polygon, degrees: float) -> Polygon:
    moved: Polygon = shapely.transform(polygon, lambda lon_lat: lon_lat + np.array((degrees, 0.0)))
    return moved


def _require_valid(shape: Polygon | MultiPolygon, pointer: str) -> None:
    # The hull, since the signed halves of a bow tie cancel each other out.
    if shape.is_empty or shape.convex_hull.area == 0:
        raise _invalid_shape(pointer, "no_area", "The shape has no area.")
    if shape.is_valid:
        return
    reason = shapely.is_valid_reason(shape)
    match = re.match(r"^(?P<what>[^\[]+)\[(?P<lon>\S+) (?P<lat>\S+)\]", reason)
    what, place = (match["what"], f" at {match['lon']} {match['lat']} (lon lat)") if match else (reason, "")
    code = "self_crossing" if "ntersection" in what else "invalid_shape"
    raise _invalid_shape(pointer, code, f"{what}{place}.")


def _invalid_shape(pointer: str, code: str, detail: str) -> Invalid:
    error = FieldError(pointer=pointer, code=code, detail=detail)
    return Invalid("The geometry is not right.", code="invalid_geometry", errors=[error])
