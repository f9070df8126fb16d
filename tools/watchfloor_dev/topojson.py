"""Turns the base map's TopoJSON into GeoJSON, which the map can read: land, countries, and the borders between them.

TopoJSON stores each line once, quantised and as differences; a ring is a list of arc numbers, `~n` meaning arc n
backwards. Borders are the arcs that two countries share, so that none is drawn twice.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

DECIMALS = 4
HALF_TURN = 180.0

Position = list[float]
Line = list[Position]
Topology = dict[str, Any]


def convert(source: Path, target: Path, object_name: str) -> None:
    """Write the polygons of one object of a topology, one feature for each polygon."""
    topology = json.loads(source.read_text())
    arcs = _decode(topology)
    features = (
        _feature("Polygon", [_ring(arcs, ring) for ring in polygon], geometry)
        for geometry in _geometries(topology, object_name)
        for polygon in _polygons(geometry)
    )
    _write(features, target)


def convert_borders(source: Path, target: Path, object_name: str) -> None:
    """Write the lines between two countries; coasts are left to the land's outline."""
    topology = json.loads(source.read_text())
    arcs = _decode(topology)
    uses = Counter(chain.from_iterable(_arcs_used(geometry) for geometry in _geometries(topology, object_name)))
    shared = [arcs[number] for number, count in sorted(uses.items()) if count > 1]
    _write(
        [{"type": "Feature", "properties": {}, "geometry": {"type": "MultiLineString", "coordinates": shared}}], target
    )


def _decode(topology: Topology) -> list[Line]:
    """All arcs in degrees."""
    (scale_x, scale_y), (left, bottom) = topology["transform"]["scale"], topology["transform"]["translate"]
    decoded = []
    for arc in topology["arcs"]:
        x = y = 0
        line = []
        for step_x, step_y in arc:
            x, y = x + step_x, y + step_y
            line.append([round(x * scale_x + left, DECIMALS), round(y * scale_y + bottom, DECIMALS)])
        decoded.append(line)
    return decoded


def _geometries(topology: Topology, object_name: str) -> list[dict[str, Any]]:
    collection = topology["objects"][object_name]
    return list(collection["geometries"]) if collection["type"] == "GeometryCollection" else [collection]


def _polygons(geometry: dict[str, Any]) -> list[list[list[int]]]:
    """The polygons of a geometry, each a list of rings, each a list of arc numbers."""
    match geometry["type"]:
        case "Polygon":
            return [geometry["arcs"]]
        case "MultiPolygon":
            return list(geometry["arcs"])
        case other:
            raise ValueError(f"unexpected geometry in the base map: {other}")


def _ring(arcs: list[Line], numbers: list[int]) -> Line:
    """Join arcs; the first point of each is the last of the one before."""
    ring: Line = []
    for number in numbers:
        line = arcs[number] if number >= 0 else arcs[~number][::-1]
        ring.extend(line[1:] if ring else line)
    return _unwrapped(ring)


def _unwrapped(ring: Line) -> Line:
    """The ring with continuous longitudes, which may leave the world: a jump from 180 to -180 would cross the map.

    A ring that goes round a pole ends a whole turn away from its beginning, and is closed along that pole.
    """
    unwrapped, turn = [ring[0]], 0.0
    for (before, _), (longitude, latitude) in pairwise(ring):
        if abs(longitude - before) > HALF_TURN:
            turn += 2 * HALF_TURN if longitude < before else -2 * HALF_TURN
        unwrapped.append([round(longitude + turn, DECIMALS), latitude])
    if turn:
        pole = 90.0 if ring[0][1] > 0 else -90.0
        unwrapped += [[unwrapped[-1][0], pole], [ring[0][0], pole], ring[0]]
    return unwrapped


def _arcs_used(geometry: dict[str, Any]) -> Iterator[int]:
    """The numbers of a country's arcs, each once, whatever its direction."""
    rings = chain.from_iterable(_polygons(geometry))
    return iter({number if number >= 0 else ~number for number in chain.from_iterable(rings)})


def _feature(kind: str, coordinates: list[Line], geometry: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "Feature",
        "properties": geometry.get("properties", {}),
        "geometry": {"type": kind, "coordinates": coordinates},
    }


def _write(features: Iterable[dict[str, Any]], target: Path) -> None:
    collection = {"type": "FeatureCollection", "features": list(features)}
    target.write_text(json.dumps(collection, separators=(",", ":"), ensure_ascii=False), encoding="utf-8")
