"""GeoJSON on entry: what is wrong is told with its place, what crosses the antimeridian is cut, no digit is lost."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import Point, box

from apps.core.geometry import MAX_VERTICES, from_geos, parse_multipolygon, parse_point, to_geojson, to_geos
from apps.core.types import Invalid

SQUARE = [[0, 0], [2, 0], [2, 2], [0, 2], [0, 0]]


def polygon(*rings: Any) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": list(rings)}


def faults(geojson: Any, *, max_vertices: int = MAX_VERTICES) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as refused:
        parse_multipolygon(geojson, max_vertices=max_vertices)
    assert refused.value.code == "invalid_geometry"
    return [(error.pointer, error.code) for error in refused.value.errors]


def test_a_polygon_becomes_a_multipolygon_turned_the_right_way() -> None:
    clockwise = parse_multipolygon(polygon(SQUARE[::-1]))

    assert to_geojson(clockwise) == {
        "type": "MultiPolygon",
        "coordinates": [(((0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (0.0, 2.0), (0.0, 0.0)),)],
    }


def test_heights_in_coordinates_are_dropped() -> None:
    flat = parse_multipolygon(polygon([[*each, 99.5] for each in SQUARE]))

    assert (flat.has_z, flat.area) == (False, 4.0)


@pytest.mark.parametrize(
    ("geojson", "expected"),
    [
        (None, [("/geometry", "wrong_geometry_type")]),
        ([], [("/geometry", "wrong_geometry_type")]),
        ({"type": "Point", "coordinates": [0, 0]}, [("/geometry", "wrong_geometry_type")]),
        ({"type": ["Polygon"], "coordinates": []}, [("/geometry", "wrong_geometry_type")]),
        ({"type": "Polygon"}, [("/geometry/coordinates", "not_coordinates")]),
        (polygon(), [("/geometry/coordinates", "not_coordinates")]),
        (polygon("ring"), [("/geometry/coordinates/0", "not_coordinates")]),
        (polygon([[0, 0], [1, 0], [0, 0]]), [("/geometry/coordinates/0", "too_few_positions")]),
        (polygon([*SQUARE[:-1], [0, 0.1]]), [("/geometry/coordinates/0", "not_closed")]),
        (polygon([[0, 0], [1, 91], [1, 1], [0, 0]]), [("/geometry/coordinates/0/1", "out_of_world")]),
        (polygon([[0, 0], [181, 0], [1, 1], [0, 0]]), [("/geometry/coordinates/0/1", "out_of_world")]),
        (polygon([[0, 0], [math.nan, 0], [1, 1], [0, 0]]), [("/geometry/coordinates/0/1", "not_finite")]),
        (polygon([[0, 0], [math.inf, 0], [1, 1], [0, 0]]), [("/geometry/coordinates/0/1", "not_finite")]),
        (polygon([[0, 0], ["1", 0], [1, 1], [0, 0]]), [("/geometry/coordinates/0/1", "not_a_position")]),
        (polygon([[0, 0], [True, 0], [1, 1], [0, 0]]), [("/geometry/coordinates/0/1", "not_a_position")]),
        (polygon([[0, 0], [1], [1, 1], [0, 0]]), [("/geometry/coordinates/0/1", "not_a_position")]),
        (polygon([[0, 0], [10**5000, 0], [1, 1], [0, 0]]), [("/geometry/coordinates/0/1", "not_a_position")]),
        (polygon([[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]), [("/geometry/coordinates", "self_crossing")]),
        (polygon([[0, 0], [1, 0], [2, 0], [0, 0]]), [("/geometry/coordinates", "no_area")]),
        (
            {"type": "MultiPolygon", "coordinates": [[SQUARE], [[[1, 1], [3, 1], [3, 3], [1, 3], [1, 1]]]]},
            [("/geometry/coordinates", "self_crossing")],
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(geojson: Any, expected: list[tuple[str, str]]) -> None:
    assert faults(geojson) == expected


def test_a_crossing_is_named_in_degrees() -> None:
    with pytest.raises(Invalid) as refused:
        parse_multipolygon(polygon([[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]))

    assert refused.value.errors[0].detail == "Self-intersection at 1 1 (lon lat)."


def test_too_many_vertices_end_the_reading() -> None:
    ring = [[math.cos(step / 50), math.sin(step / 50)] for step in range(300)]

    assert faults(polygon([*ring, ring[0]]), max_vertices=300) == [("/geometry/coordinates/0", "too_many_vertices")]


def test_a_thousand_faults_get_twenty_answers() -> None:
    assert len(faults(polygon([["x", "y"]] * 1000))) == 20


def test_a_shape_over_the_antimeridian_is_cut_there() -> None:
    fiji = parse_multipolygon(polygon([[179, -20], [-179, -20], [-179, -10], [179, -10], [179, -20]]))

    assert sorted(part.bounds for part in fiji.geoms) == [(-180, -20, -179, -10), (179, -20, 180, -10)]


def test_a_hole_over_the_antimeridian_is_cut_with_its_shell() -> None:
    shell = [[170, -10], [-170, -10], [-170, 10], [170, 10], [170, -10]]
    hole = [[-179, -1], [-178, -1], [-178, 1], [-179, 1], [-179, -1]]

    cut = parse_multipolygon(polygon(shell, hole))

    assert cut.area == pytest.approx(20 * 20 - 2)
    assert not cut.contains(Point(-178.5, 0))


def test_the_frame_of_a_world_map_is_the_whole_world() -> None:
    frame = [[-180, -90], [180, -90], [180, 90], [-180, 90], [-180, -90]]

    assert parse_multipolygon(polygon(frame)).equals(box(-180, -90, 180, 90))


def test_a_ring_around_a_pole_is_refused_with_advice() -> None:
    assert faults(polygon([[0, 80], [120, 80], [-120, 80], [0, 80]])) == [("/geometry/coordinates", "encloses_pole")]


@pytest.mark.parametrize(
    "coordinates", [None, [], [1], [1, 2, 3, 4], [0, 91], [181, 0], [math.nan, 0], ["0", "0"], [[0, 0]]]
)
def test_what_is_no_point_is_refused(coordinates: Any) -> None:
    with pytest.raises(Invalid):
        parse_point({"type": "Point", "coordinates": coordinates})


@settings(deadline=None)
@given(st.floats(-180, 180), st.floats(-90, 90))
def test_no_digit_is_lost_on_the_way_to_the_database_and_back(lon: float, lat: float) -> None:
    point = parse_point({"type": "Point", "coordinates": [lon, lat]})
    stored = to_geos(point)

    assert (stored.srid, from_geos(stored).coords[0]) == (4326, (lon, lat))
    assert to_geojson(stored) == {"type": "Point", "coordinates": (lon, lat)}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from(["type", "coordinates"]), inner),
    max_leaves=30,
)


@settings(deadline=None)
@given(st.sampled_from(["Polygon", "MultiPolygon"]), JSON)
def test_anything_at_all_is_either_valid_or_refused(kind: str, coordinates: Any) -> None:
    try:
        shape = parse_multipolygon({"type": kind, "coordinates": coordinates})
    except Invalid:
        return
    assert shape.is_valid
    assert shape.area > 0
