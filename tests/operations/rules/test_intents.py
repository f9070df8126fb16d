"""Polygons of F3548: their edges are the shortest ways on the ellipsoid, those of ours run straight in degrees."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import shapely
from pyproj import Geod
from shapely import LineString, MultiPolygon, Point, Polygon

from apps.core.types import Datum
from apps.operations.rules.intents import read_intent_volume, write_intent_volumes
from apps.operations.rules.shapes import footprint_of, read_shape
from apps.operations.types import Area, Span
from tests.factories.core import NOON
from tests.factories.operations import band

GEOD = Geod(ellps="WGS84")
# Half a centimetre, in degrees of latitude.
NEAR = 0.005 / 111_000
WHEN = {name: {"value": "2026-07-01T12:00:00Z", "format": "RFC3339"} for name in ("time_start", "time_end")}


def read(vertices: list[dict[str, float]]) -> MultiPolygon:
    """Return the area of a polygon of F3548."""
    body = read_intent_volume({"volume": {"outline_polygon": {"vertices": vertices}}, **WHEN})
    return footprint_of(read_shape(body["shape"]))


def written(area: MultiPolygon) -> list[list[dict[str, float]]]:
    """Return the polygons of F3548 that an area is."""
    heights = band(0, 100, Datum.WGS84)
    volumes: list[Any] = list(
        write_intent_volumes(Area(polygons=area), area, heights, [Span(NOON, NOON)], pointer="/volumes/0")
    )
    return [each["volume"]["outline_polygon"]["vertices"] for each in volumes]


def off_edge(area: MultiPolygon, lon: float, lat: float) -> float:
    """Return how far a place is from the edge of a northern area, in degrees; a cut at the antimeridian is none."""
    whole = shapely.union_all([shapely.transform(each, lambda lon_lat: lon_lat % 360.0) for each in area.geoms])
    return float(whole.boundary.distance(Point(lon % 360.0, lat)))


@pytest.mark.parametrize("west", [10.0, 179.4], ids=["in the middle", "across the antimeridian"])
def test_edges_that_are_read_are_the_shortest_ways(west: float) -> None:
    east = west + 1.0 if west + 1.0 <= 180.0 else west - 359.0
    corners = [(west, 60.0), (east, 60.0), (east, 60.5), (west, 60.2)]
    area = read([{"lng": lng, "lat": lat} for lng, lat in corners])
    for (lon, lat), (next_lon, next_lat) in pairwise([*corners, corners[0]]):
        for place in ((lon, lat), *GEOD.npts(lon, lat, next_lon, next_lat, 50)):
            assert off_edge(area, *place) < NEAR
    assert off_edge(area, west + 0.5, 60.0) > 100 / 111_000


def test_short_edges_have_no_more_vertices() -> None:
    corners = [(10.0, 60.0), (10.002, 60.0), (10.002, 60.001)]
    assert len(read([{"lng": lng, "lat": lat} for lng, lat in corners]).geoms[0].exterior.coords) == 4


def test_an_area_is_the_same_once_it_was_written_and_read() -> None:
    area = MultiPolygon([Polygon([(10.0, 60.0), (12.0, 60.0), (12.0, 60.5), (10.0, 60.2)])])
    (vertices,) = written(area)
    places = [tuple(each.values()) for each in vertices]
    assert len(set(places)) == len(places) > 100
    back = read(vertices)
    straight: LineString = shapely.segmentize(area.geoms[0].exterior, 0.01)
    for lon, lat in straight.coords:
        assert off_edge(back, lon, lat) < 2 * NEAR


def test_what_is_cut_at_the_antimeridian_is_two_polygons() -> None:
    east, west = shapely.box(179.5, 10, 180, 10.5), shapely.box(-180, 10, -179.5, 10.5)
    assert [{each["lng"] < 0 for each in one} for one in written(MultiPolygon([east, west]))] == [{False}, {True}]
