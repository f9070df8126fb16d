"""What touches a box: points, parts, the antimeridian, and agreement with a slow oracle."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import box, mapping

from apps.core.types import BBox
from apps.live.rules.boxes import boxes_of, is_point_in, touches

HARBOUR = BBox(west=-74.3, south=40.4, east=-73.7, north=40.9)
DATE_LINE = BBox(west=170.0, south=-20.0, east=-170.0, north=0.0)
NO_BOX = None


def square(west: float, south: float, size: float = 1.0) -> list[list[list[float]]]:
    east, north = west + size, south + size
    return [[[west, south], [east, south], [east, north], [west, north], [west, south]]]


@pytest.mark.parametrize(
    ("geometry", "expected"),
    [
        (None, ()),
        ({"type": "Point", "coordinates": [1.0, 2.0]}, (BBox(west=1.0, south=2.0, east=1.0, north=2.0),)),
        ({"type": "MultiPoint", "coordinates": []}, ()),
        ({"type": "LineString", "coordinates": [[0, 5], [2, 3]]}, (BBox(west=0, south=3, east=2, north=5),)),
        ({"type": "Polygon", "coordinates": square(0, 0)}, (BBox(west=0, south=0, east=1, north=1),)),
        (
            {"type": "MultiPolygon", "coordinates": [square(179, 0), square(-180, 0)]},
            (BBox(west=179, south=0, east=180, north=1), BBox(west=-180, south=0, east=-179, north=1)),
        ),
        (
            {"type": "GeometryCollection", "geometries": [{"type": "Point", "coordinates": [3, 4]}]},
            (BBox(west=3, south=4, east=3, north=4),),
        ),
    ],
)
def test_one_box_per_part(geometry, expected) -> None:
    assert boxes_of(geometry) == expected


@pytest.mark.parametrize(
    ("coordinates", "wanted", "expected"),
    [
        ([-74.0, 40.6], HARBOUR, True),
        ([-74.3, 40.4], HARBOUR, True),  # the boundary counts as inside
        ([-74.31, 40.4], HARBOUR, False),
        ([175.0, -10.0], DATE_LINE, True),
        ([-175.0, -10.0], DATE_LINE, True),
        ([0.0, -10.0], DATE_LINE, False),
        ([0.0, 0.0], NO_BOX, True),
    ],
)
def test_points(coordinates, wanted, expected) -> None:
    boxes = boxes_of({"type": "Point", "coordinates": coordinates})
    assert touches(boxes, wanted) is expected
    assert is_point_in(coordinates[0], coordinates[1], wanted) is expected


def test_without_geometry_in_no_box_but_everywhere() -> None:
    assert touches((), HARBOUR) is False
    assert touches((), NO_BOX) is True


def test_an_area_split_at_the_antimeridian_does_not_span_the_world() -> None:
    split = boxes_of({"type": "MultiPolygon", "coordinates": [square(179, 0), square(-180, 0)]})
    assert touches(split, BBox(west=-10, south=-10, east=10, north=10)) is False
    assert touches(split, DATE_LINE) is True


lons = st.integers(-180, 170)
lats = st.integers(-90, 80)


squares = st.tuples(lons, lats, st.integers(1, 10))


@given(squares, squares)
def test_agrees_with_shapely(one, other) -> None:
    (west, south, size), (left, bottom, width) = one, other
    area, wanted = box(west, south, west + size, south + size), box(left, bottom, left + width, bottom + width)
    asked = BBox(west=left, south=bottom, east=left + width, north=bottom + width)
    assert touches(boxes_of(mapping(area)), asked) == area.intersects(wanted)


@given(lons, lons, lons)
def test_a_box_and_the_rest_of_the_world_share_only_their_edges(one, other, lon) -> None:
    west, east = sorted((one, other))
    is_inside = is_point_in(lon, 0, BBox(west=west, south=-1, east=east, north=1))
    is_around = west != east and is_point_in(lon, 0, BBox(west=east, south=-1, east=west, north=1))
    assert is_inside or is_around or west == east
    assert not (is_inside and is_around) or lon in (west, east)
