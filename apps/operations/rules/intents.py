"""Volumes and operational intents as ASTM F3548-21 and InterUSS say them, read into bodies of ours, and written.

Read: ``outline_circle`` or ``outline_polygon``, altitudes above the WGS 84 ellipsoid in metres, times of RFC 3339. What
is more than that (other units, both outlines) is refused by name. Written: a corridor as the polygon that it covers,
an area of several polygons as several volumes, a volume that recurs as one for each time. Heights that are open or
above another datum, and areas with holes, cannot be said, and are refused rather than said wrong.

Edges of their polygons are the shortest ways on the ellipsoid, those of ours run straight in degrees: long ones have
more vertices here than there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from shapely import MultiPolygon, Polygon

from apps.core.types import Datum, FieldError, Invalid
from apps.operations.rules.shapes import from_geodesics, to_geodesics, wrapped
from apps.operations.types import Circle, Position, Shape, Span
from apps.zones.types import AltitudeBand

STATES: Final[Mapping[str, str]] = {"approved": "Accepted", "active": "Activated"}
# Then F3548 wants the volumes in which somebody may be who is not where they should be, and nobody plans those here.
OFF_NOMINAL: Final = frozenset({"nonconforming", "contingent"})
LOWEST_M, HIGHEST_M = -8_000.0, 100_000.0
_OUTLINES: Final = ("outline_circle", "outline_polygon")
# What a place in a volume of ours is called where the volume was written as F3548 writes it.
_PLACES: Final = (
    (re.compile(r"/starts_at"), "/time_start/value"),
    (re.compile(r"/ends_at"), "/time_end/value"),
    (re.compile(r"/(lower|upper)_(?:m|datum)"), r"/volume/altitude_\1/value"),
    (re.compile(r"/shape/radius_m"), "/volume/outline_circle/radius/value"),
    (re.compile(r"/shape/centre(?:/.*)?"), "/volume/outline_circle/center"),
    (re.compile(r"/shape/coordinates/0/(\d+)(?:/.*)?"), r"/volume/outline_polygon/vertices/\1"),
    (re.compile(r"/shape(?:/.*)?"), "/volume"),
)


def is_intent_volume(body: object) -> bool:
    """Say whether a volume of a body is written as F3548 writes it: with ``volume``, where ours has ``shape``."""
    return isinstance(body, Mapping) and "volume" in body and "shape" not in body


def read_intent_volume(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a ``Volume4D`` as a volume of our REST bodies; raises ``Invalid`` with pointers below the volume."""
    _require_only(body, {"volume", "time_start", "time_end"}, "")
    volume = _object(body, "volume", "")
    _require_only(volume, {*_OUTLINES, "altitude_lower", "altitude_upper"}, "/volume")
    lower, upper = (_altitude(volume, f"altitude_{side}") for side in ("lower", "upper"))
    return {
        "shape": _shape(volume),
        "lower_m": lower,
        "lower_datum": None if lower is None else Datum.WGS84.value,
        "upper_m": upper,
        "upper_datum": None if upper is None else Datum.WGS84.value,
        "starts_at": _time(body, "time_start"),
        "ends_at": _time(body, "time_end"),
    }


def intent_pointer(pointer: str) -> str:
    """Return the place in a ``Volume4D`` of what has a place in the volume that it was read as; both below it."""
    found = (place.expand(said) for name, said in _PLACES if (place := name.fullmatch(pointer)))
    return next(found, pointer)


def written_state(state: str) -> str | None:
    """Return what F3548 calls a state, ``None`` for one it does not know; raises ``Invalid`` where it wants more."""
    if state in OFF_NOMINAL:
        detail = "F3548 wants off-nominal volumes of what does not conform, and none are planned."
        raise _invalid("/state", "off_nominal", detail)
    return STATES.get(state)


def write_intent_volumes(
    shape: Shape, footprint: MultiPolygon, band: AltitudeBand, times: Sequence[Span], *, pointer: str
) -> Iterator[dict[str, Any]]:
    """Yield a volume as ``Volume4D``, one for each time and polygon; raises ``Invalid`` for what cannot be said."""
    altitudes = _written_altitudes(band, pointer)
    for outline in _written_outlines(shape, footprint, pointer):
        for span in times:
            yield {
                "volume": {**outline, **altitudes},
                "time_start": _written_time(span.start),
                "time_end": _written_time(span.end),
            }


def _shape(volume: Mapping[str, Any]) -> dict[str, Any]:
    given = [name for name in _OUTLINES if volume.get(name) is not None]
    if len(given) != 1:
        raise _invalid("/volume", "not_one_outline", "It has an outline_circle or an outline_polygon, and one of them.")
    pointer = f"/volume/{given[0]}"
    outline = _object(volume, given[0], "/volume")
    if given[0] == "outline_circle":
        _require_only(outline, {"center", "radius"}, pointer)
        radius = _measure(_object(outline, "radius", pointer), {}, f"{pointer}/radius")
        return {
            "type": "Circle",
            "centre": list(_point(outline.get("center"), f"{pointer}/center")),
            "radius_m": radius,
        }
    _require_only(outline, {"vertices"}, pointer)
    vertices = outline.get("vertices")
    if not isinstance(vertices, list) or len(vertices) < 3:
        raise _invalid(f"{pointer}/vertices", "not_a_polygon", "A polygon has three vertices or more.")
    ring = [_point(each, f"{pointer}/vertices/{place}") for place, each in enumerate(vertices)]
    ring.append(ring[0])
    if all(abs(lng) <= 180.0 and abs(lat) <= 90.0 for lng, lat in ring):
        ring = [(wrapped(lng), lat) for lng, lat in from_geodesics(ring)]
    return {"type": "Polygon", "coordinates": [list(map(list, ring))]}


def _point(value: object, pointer: str) -> Position:
    if not isinstance(value, Mapping):
        raise _invalid(pointer, "not_a_position", "A position is an object with lng and lat.")
    return _number(value.get("lng"), f"{pointer}/lng"), _number(value.get("lat"), f"{pointer}/lat")


def _altitude(volume: Mapping[str, Any], name: str) -> float | None:
    if volume.get(name) is None:
        return None
    return _measure(_object(volume, name, "/volume"), {"reference": "W84"}, f"/volume/{name}")


def _measure(value: Mapping[str, Any], more: Mapping[str, str], pointer: str) -> float:
    """Return the number of metres that a value with its units is; ``more`` is what else it has to say."""
    for name, wanted in {**more, "units": "M"}.items():
        if value.get(name) != wanted:
            raise _invalid(f"{pointer}/{name}", "not_known", f"Only {wanted} is understood here.")
    return _number(value.get("value"), f"{pointer}/value")


def _time(body: Mapping[str, Any], name: str) -> object:
    value = _object(body, name, "")
    if value.get("format") != "RFC3339":
        raise _invalid(f"/{name}/format", "not_known", "Only RFC3339 is understood here.")
    return value.get("value")


def _object(value: Mapping[str, Any], name: str, pointer: str) -> Mapping[str, Any]:
    found = value.get(name)
    if not isinstance(found, Mapping):
        raise _invalid(f"{pointer}/{name}", "required", "Expected an object.")
    return found


def _number(value: object, pointer: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _invalid(pointer, "not_a_number", "Expected a number.")
    return value


def _written_outlines(shape: Shape, footprint: MultiPolygon, pointer: str) -> list[dict[str, Any]]:
    if isinstance(shape, Circle):
        lng, lat = shape.centre
        radius = {"value": shape.radius_m, "units": "M"}
        return [{"outline_circle": {"center": {"lng": lng, "lat": lat}, "radius": radius}}]
    if any(polygon.interiors for polygon in footprint.geoms):
        raise _invalid(f"{pointer}/shape", "has_holes", "A polygon of F3548 has no holes.")
    return [{"outline_polygon": {"vertices": _vertices(polygon)}} for polygon in footprint.geoms]


def _vertices(polygon: Polygon) -> list[dict[str, float]]:
    return [{"lng": lng, "lat": lat} for lng, lat in to_geodesics(polygon)[:-1]]


def _written_altitudes(band: AltitudeBand, pointer: str) -> dict[str, Any]:
    sides = {"lower": (band.lower_m, band.lower_datum), "upper": (band.upper_m, band.upper_datum)}
    for side, (metres, datum) in sides.items():
        if metres is None:
            detail = "A volume of an operational intent has both of its heights."
            raise _invalid(f"{pointer}/{side}_m", "open_height", detail)
        if datum is not Datum.WGS84:
            detail = f"F3548 knows heights above the WGS 84 ellipsoid only, and this is above {datum}."
            raise _invalid(f"{pointer}/{side}_datum", "not_wgs84", detail)
        if not LOWEST_M <= metres <= HIGHEST_M:
            detail = f"A height of F3548 lies between {LOWEST_M:.0f} m and {HIGHEST_M:.0f} m."
            raise _invalid(f"{pointer}/{side}_m", "out_of_range", detail)
    return {
        f"altitude_{side}": {"value": metres, "reference": "W84", "units": "M"} for side, (metres, _) in sides.items()
    }


def _written_time(at: datetime) -> dict[str, str]:
    return {"value": at.isoformat().replace("+00:00", "Z"), "format": "RFC3339"}


def _require_only(value: Mapping[str, Any], known: set[str], pointer: str) -> None:
    for name in sorted(set(value) - known)[:1]:
        raise _invalid(f"{pointer}/{name[:100]}", "unknown_field", "No such field.")


def _invalid(pointer: str, code: str, detail: str) -> Invalid:
    error = FieldError(pointer=pointer, code=code, detail=detail)
    return Invalid("This cannot be said as a volume of F3548.", errors=[error])
