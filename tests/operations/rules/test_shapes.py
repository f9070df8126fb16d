"""Shapes: what is read, and that the area of a round one holds all of it and reaches at most 1 cm further."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

from apps.core.types import Invalid
from apps.operations.rules.shapes import footprint_of, read_shape, write_shape
from apps.operations.types import Circle, Corridor

GEOD = Geod(ellps="WGS84")
CENTIMETRE = 0.01


def around(lon: float, lat: float, distance_m: float, count: int) -> Any:
    """Return points at a distance from a place, in all directions."""
    bearings = np.linspace(0.0, 360.0, count, endpoint=False) + 0.123
    lons, lats, _ = GEOD.fwd(np.full(count, lon), np.full(count, lat), bearings, np.full(count, distance_m))
    return shapely.points(lons, lats)


@settings(max_examples=40, deadline=None)
@given(st.floats(-180, 180), st.floats(-80, 80), st.floats(0.5, 50_000))
def test_a_circle_holds_what_is_within_its_radius_and_nothing_beyond_a_centimetre(lon, lat, radius_m) -> None:
    area = footprint_of(Circle(centre=(lon, lat), radius_m=radius_m))
    assert shapely.covers(area, around(lon, lat, radius_m - 1e-4, 97)).all()
    assert not shapely.covers(area, around(lon, lat, radius_m + 1.1 * CENTIMETRE, 97)).any()


@settings(max_examples=8, deadline=None)
@given(
    st.floats(-179, 179),
    st.floats(-65, 65),
    st.lists(st.tuples(st.floats(-0.01, 0.01), st.floats(-0.01, 0.01)), min_size=1, max_size=3).filter(
        lambda steps: all(math.hypot(*step) > 1e-4 for step in steps)
    ),
    st.floats(2, 2_000),
)
def test_a_corridor_holds_what_is_within_half_its_width_and_nothing_beyond_a_centimetre(
    lon, lat, steps, width_m
) -> None:
    line = [(lon, lat)]
    for east, north in steps:
        line.append((line[-1][0] + east, line[-1][1] + north))
    area = footprint_of(Corridor(line=tuple(line), width_m=width_m))
    dense = shapely.get_coordinates(shapely.segmentize(shapely.LineString(line), 5e-6))
    somewhere = dense[:: max(1, len(dense) // 5)]
    for place_lon, place_lat in somewhere:
        for distance_m in (width_m / 2 - 0.001, width_m / 2 + 1.2 * CENTIMETRE):
            for point in around(place_lon, place_lat, distance_m, 7):
                nearest_m = _distance_m(point, dense)
                if nearest_m <= width_m / 2 - 0.001:
                    assert area.covers(point), nearest_m
                elif nearest_m >= width_m / 2 + 1.2 * CENTIMETRE:
                    assert not area.covers(point), nearest_m


def test_a_circle_across_the_antimeridian_is_cut_there() -> None:
    area = footprint_of(Circle(centre=(179.99, 10.0), radius_m=5_000))
    assert len(area.geoms) == 2
    assert area.bounds[0] == -180
    assert area.bounds[2] == 180


@pytest.mark.parametrize(
    "shape",
    [
        {"type": "Circle", "centre": [10.0, 50.0], "radius_m": 500.0},
        {"type": "Corridor", "coordinates": [[10.0, 50.0], [10.1, 50.1]], "width_m": 100.0},
    ],
    ids=["circle", "corridor"],
)
def test_what_was_read_is_written_as_it_was(shape: dict[str, Any]) -> None:
    assert write_shape(read_shape(shape)) == shape


@pytest.mark.parametrize(
    ("shape", "fault"),
    [
        ([], ("", "not_an_object")),
        ({"type": "Point", "coordinates": [0, 0]}, ("/type", "unknown_shape")),
        ({"type": "Circle", "centre": [0, 91], "radius_m": 5}, ("/centre/coordinates", "out_of_world")),
        ({"type": "Circle", "centre": [0, 0], "radius_m": 0}, ("/radius_m", "out_of_range")),
        ({"type": "Circle", "centre": [0, 0], "radius_m": float("nan")}, ("/radius_m", "out_of_range")),
        ({"type": "Circle", "centre": [0, 0], "radius_m": True}, ("/radius_m", "out_of_range")),
        ({"type": "Circle", "centre": [0, 0], "radius_m": 5, "height": 3}, ("/height", "unknown_field")),
        ({"type": "Corridor", "coordinates": [[0, 0]], "width_m": 5}, ("/coordinates", "not_a_line")),
        ({"type": "Corridor", "coordinates": [[0, 0], [0, 0]], "width_m": 5}, ("/coordinates", "out_of_range")),
        ({"type": "Corridor", "coordinates": [[0, 0], [5, 0]], "width_m": 5}, ("/coordinates", "out_of_range")),
        ({"type": "Corridor", "coordinates": [[0, 0], [1, 0]]}, ("/width_m", "out_of_range")),
    ],
    ids=str,
)
def test_what_is_no_shape_is_refused_with_its_place(shape: object, fault: tuple[str, str]) -> None:
    with pytest.raises(Invalid) as refused:
        read_shape(shape)
    assert [(each.pointer, each.code) for each in refused.value.errors] == [fault]


def test_a_circle_around_a_pole_is_refused() -> None:
    with pytest.raises(Invalid) as refused:
        footprint_of(Circle(centre=(0.0, 89.99), radius_m=5_000))
    assert [each.code for each in refused.value.errors] == ["encloses_pole"]


def _distance_m(point: Any, dense: Any) -> float:
    """Return how far a point is from a line, by the nearest of many places on it."""
    nearest = int(np.argmin(_distances_m(point, dense)))
    stretch = shapely.LineString(dense[max(0, nearest - 1) : nearest + 2])
    return float(
        np.min(_distances_m(point, shapely.get_coordinates(shapely.segmentize(stretch, stretch.length / 400))))
    )


def _distances_m(point: Any, places: Any) -> Any:
    count = len(places)
    _, _, distances = GEOD.inv(np.full(count, point.x), np.full(count, point.y), places[:, 0], places[:, 1])
    return distances
