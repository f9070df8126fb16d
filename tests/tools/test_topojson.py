"""The base map: two squares that share a side, as TopoJSON writes them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from watchfloor_dev import topojson

# Arc 0 is the shared side, drawn upwards; 1 closes the left square, 2 the right one (which runs along ~0).
TOPOLOGY = {
    "type": "Topology",
    "transform": {"scale": [0.5, 0.5], "translate": [-10, 20]},
    "arcs": [
        [[2, 0], [0, 2]],
        [[2, 2], [-2, 0], [0, -2], [2, 0]],
        [[2, 0], [2, 0], [0, 2], [-2, 0]],
    ],
    "objects": {
        "countries": {
            "type": "GeometryCollection",
            "geometries": [
                {"type": "Polygon", "arcs": [[0, 1]], "properties": {"name": "West"}},
                {"type": "MultiPolygon", "arcs": [[[2, -1]]], "properties": {"name": "East"}},
            ],
        },
        "land": {"type": "Point", "coordinates": [0, 0]},
    },
}
WEST = [[-9.0, 20.0], [-9.0, 21.0], [-10.0, 21.0], [-10.0, 20.0], [-9.0, 20.0]]
EAST = [[-9.0, 20.0], [-8.0, 20.0], [-8.0, 21.0], [-9.0, 21.0], [-9.0, 20.0]]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "world.json"
    path.write_text(json.dumps(TOPOLOGY))
    return path


def test_polygons_are_closed_and_keep_their_names(source: Path, tmp_path: Path) -> None:
    topojson.convert(source, tmp_path / "out", "countries")
    assert json.loads((tmp_path / "out").read_text()) == {
        "type": "FeatureCollection",
        "features": [
            {"type": "Feature", "properties": {"name": name}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
            for name, ring in (("West", WEST), ("East", EAST))
        ],
    }


def test_a_border_is_what_two_share_and_is_drawn_once(source: Path, tmp_path: Path) -> None:
    topojson.convert_borders(source, tmp_path / "out", "countries")
    (feature,) = json.loads((tmp_path / "out").read_text())["features"]
    assert feature["geometry"] == {"type": "MultiLineString", "coordinates": [[[-9.0, 20.0], [-9.0, 21.0]]]}


def test_another_kind_of_geometry_is_refused(source: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="unexpected geometry in the base map: Point"):
        topojson.convert(source, tmp_path / "out", "land")


def test_a_ring_over_the_antimeridian_goes_on_beyond_it():
    ring = [[179.0, 0.0], [-179.0, 0.0], [-179.0, 1.0], [179.0, 1.0], [179.0, 0.0]]
    assert topojson._unwrapped(ring) == [[179.0, 0.0], [181.0, 0.0], [181.0, 1.0], [179.0, 1.0], [179.0, 0.0]]


def test_a_ring_round_a_pole_is_closed_along_it():
    ring = [[-120.0, -70.0], [0.0, -70.0], [120.0, -70.0], [-120.0, -70.0]]
    assert topojson._unwrapped(ring) == [
        [-120.0, -70.0], [0.0, -70.0], [120.0, -70.0], [240.0, -70.0], [240.0, -90.0], [-120.0, -90.0], [-120.0, -70.0],
    ]  # fmt: skip
