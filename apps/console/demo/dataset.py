"""The recorded hour as values: vessels and their reports. Reads the vendored file; no Django, no clock."""

from __future__ import annotations

import csv
import gzip
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"
TRACKS = DATA / "ais_nyharbor_20200630_h00.csv.gz"
PUBLISHED_ZONES = DATA / "us_cfr_zones.geojson"
WATCH_AREAS = DATA / "watch_areas.geojson"

HOUR_S = 3600.0
KNOT_MPS = 1852 / 3600
# AIS message 5 sends these for "not available" (ITU-R M.1371-5, table 53 and 48).
NO_HEADING = 511.0
NO_COURSE = 360.0
NO_SPEED_KN = 102.3
IMO = re.compile(r"IMO[0-9]{7}")

# First and last digit decide (ITU-R M.1371-5, table 53); what is not listed has not said what it is.
KINDS_BY_TYPE: Mapping[range, str] = {
    range(30, 31): "fishing",
    range(31, 33): "tug",
    range(33, 36): "service",
    range(36, 37): "sailing",
    range(37, 38): "pleasure",
    range(50, 52): "service",
    range(52, 53): "tug",
    range(53, 60): "service",
    range(60, 70): "passenger",
    range(70, 80): "cargo",
    range(80, 90): "tanker",
    range(90, 100): "service",
}
UNKNOWN_KIND = "unclassified"


@dataclass(frozen=True, slots=True, kw_only=True)
class Vessel:
    """A vessel as it described itself in that hour. ``kind`` is the slug of one of the demonstration's kinds."""

    mmsi: str
    name: str
    kind: str
    attributes: Mapping[str, str | float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Broadcast:
    """One report, ``second`` seconds into the hour. Knots have become metres per second, sentinels ``None``."""

    second: float
    mmsi: str
    lon: float
    lat: float
    speed_mps: float | None
    course_deg: float | None
    heading_deg: float | None


@cache
def vessels() -> tuple[Vessel, ...]:
    """Return every vessel of the hour, by MMSI."""
    described: dict[str, dict[str, str]] = {}
    for row in _rows():
        known = described.setdefault(row["object_id"], row)
        # A vessel sends its particulars now and then: keep the fullest description.
        described[row["object_id"]] = max(known, row, key=lambda each: sum(map(bool, each.values())))
    return tuple(_vessel(mmsi, described[mmsi]) for mmsi in sorted(described))


@cache
def broadcasts() -> tuple[Broadcast, ...]:
    """Return every report of the hour, in order."""
    rows = list(_rows())
    start = datetime.fromisoformat(rows[0]["time"]).replace(minute=0, second=0)
    return tuple(sorted((_broadcast(row, start) for row in rows), key=lambda each: (each.second, each.mmsi)))


def zone_collection(path: Path, *, west: float = -180.0, east: float = 180.0) -> dict[str, Any]:
    """Return the zones of a GeoJSON file whose first vertex lies between two longitudes."""
    collection: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    features: Sequence[Any] = collection["features"]
    inside = [each for each in features if west <= each["geometry"]["coordinates"][0][0][0] < east]
    return {"type": "FeatureCollection", "features": inside}


def _rows() -> Iterator[dict[str, str]]:
    with gzip.open(TRACKS, "rt", encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines)


def _vessel(mmsi: str, row: Mapping[str, str]) -> Vessel:
    attributes: dict[str, str | float] = {}
    if row["callsign"]:
        attributes["callsign"] = row["callsign"]
    # One vessel of the hour sends its MMSI in place of its IMO number.
    if IMO.fullmatch(row["imo"]):
        attributes["imo"] = row["imo"]
    attributes |= {name: float(row[name]) for name in ("length_m", "width_m", "draft_m") if float(row[name] or 0) > 0}
    return Vessel(mmsi=mmsi, name=row["name"] or f"MMSI {mmsi}", kind=_kind(row["vessel_type"]), attributes=attributes)


def _kind(vessel_type: str) -> str:
    number = int(float(vessel_type or 0))
    return next((kind for types, kind in KINDS_BY_TYPE.items() if number in types), UNKNOWN_KIND)


def _broadcast(row: Mapping[str, str], start: datetime) -> Broadcast:
    speed_kn = _number(row["sog_kn"], missing_from=NO_SPEED_KN)
    return Broadcast(
        second=(datetime.fromisoformat(row["time"]) - start).total_seconds(),
        mmsi=row["object_id"],
        lon=float(row["lon"]),
        lat=float(row["lat"]),
        speed_mps=None if speed_kn is None else round(speed_kn * KNOT_MPS, 3),
        course_deg=_number(row["cog_deg"], missing_from=NO_COURSE),
        heading_deg=_number(row["heading_deg"], missing_from=NO_HEADING),
    )


def _number(text: str, *, missing_from: float) -> float | None:
    return float(text) if text and 0 <= float(text) < missing_from else None
