"""What is left of an object when an obligation has been kept: hidden fields are absent, places lie on a grid. Pure.

A place is told as the middle of its cell. Cells are the same for everybody and for ever, so asking again, of whatever
moves within one, tells nothing more.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, Final

from apps.access.judging import FREE, Obligations
from apps.core.types import Feature

METRES_PER_DEGREE: Final = 111_320.0
GEOMETRY: Final = "geometry"
# What tells of a move must not tell of a hidden state.
STATE: Final = "state"
STATE_CATEGORY: Final = "state_category"
# Where something is includes at which height.
HEIGHTS: Final = "heights"


def veiled(feature: Feature, owed: Obligations) -> Feature:
    """Return a published object with what is to be kept kept; the object itself where nothing is."""
    if owed == FREE:
        return feature
    return replace(
        feature,
        properties=without(feature.properties, owed.hidden),
        geometry=None if GEOMETRY in owed.hidden else coarsened(feature.geometry, owed.coarsen_m),
    )


def veiled_object(shown: Mapping[str, Any] | None, owed: Obligations) -> Mapping[str, Any] | None:
    """Return the same for an object as it stands in an event."""
    if shown is None or owed == FREE:
        return shown
    kept = {**shown, "properties": without(shown.get("properties") or {}, owed.hidden)}
    if GEOMETRY in kept:
        kept[GEOMETRY] = None if GEOMETRY in owed.hidden else coarsened(shown[GEOMETRY], owed.coarsen_m)
    return kept


def veiled_data(data: Mapping[str, Any], owed: Obligations) -> dict[str, Any]:
    """Return the data of an event: the object, what it was before, and its move."""
    if owed == FREE:
        return dict(data)
    move = None if STATE in owed.hidden else data.get("lifecycle")
    return {
        **data,
        "object": veiled_object(data.get("object"), owed),
        "previous": veiled_object(data.get("previous"), owed),
        "lifecycle": move,
    }


def without(properties: Mapping[str, Any], hidden: Collection[str]) -> dict[str, Any]:
    """Return the properties without the hidden ones.

    A dotted name hides a member, a hidden state its category, a hidden geometry the heights.
    """
    hidden = {*hidden, STATE_CATEGORY} if STATE in hidden else hidden
    hidden = {*hidden, HEIGHTS} if GEOMETRY in hidden else hidden
    kept = {name: value for name, value in properties.items() if name not in hidden}
    for name in hidden:
        head, dot, member = name.partition(".")
        if dot and isinstance(kept.get(head), Mapping):
            kept[head] = {key: value for key, value in kept[head].items() if key != member}
    return kept


def coarsened(geometry: Mapping[str, Any] | None, grid_m: float) -> Mapping[str, Any] | None:
    """Return a GeoJSON geometry whose places lie on the grid; the geometry itself without one."""
    if geometry is None or grid_m <= 0:
        return geometry
    return {**geometry, "coordinates": _snapped(geometry["coordinates"], grid_m)}


def snap(lon: float, lat: float, grid_m: float) -> tuple[float, float]:
    """Return the middle of the cell in which a place lies; cells are about ``grid_m`` metres wide and high."""
    step = grid_m / METRES_PER_DEGREE
    row = min((math.floor(lat / step) + 0.5) * step, 90.0)
    width = min(step / max(math.cos(math.radians(row)), 1e-3), 360.0)
    column = (math.floor(lon / width) + 0.5) * width
    return round(max(-180.0, min(column, 180.0)), 6), round(max(-90.0, row), 6)


def _snapped(coordinates: Any, grid_m: float) -> Any:
    if coordinates and isinstance(coordinates[0], int | float):
        return list(snap(coordinates[0], coordinates[1], grid_m))
    return [_snapped(each, grid_m) for each in coordinates]
