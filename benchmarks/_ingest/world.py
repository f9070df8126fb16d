"""What is reported in the benchmark: an hour of real harbour traffic, sailed by four fleets among British airspace."""

from __future__ import annotations

import csv
import gzip
import json
import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import shapely
from shapely.geometry import mapping, shape

DATA = Path(os.environ.get("WATCHFLOOR_SHARED_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")
TRACKS = DATA / "tracks" / "ais_nyharbor_20200630_h00.csv.gz"
ZONES = DATA / "zones" / "uk_airspace.geojson.gz"

HARBOUR = (-74.05, 40.65)
FLEETS = ((-0.45, 51.47), (-2.27, 53.35), (-3.37, 55.95), (0.1, 50.5))
HOUR = timedelta(hours=1)
DATUMS = {"AMSL": "AMSL", "AGL": "AGL", "STD": "BARO"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One fix of one vessel, before it has an asset."""

    vessel: str
    at: timedelta
    lon: float
    lat: float
    speed_mps: float | None
    course_deg: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """An hour of traffic in its order; it is repeated for as long as need be. ``origin`` says where it is from."""

    sightings: Sequence[Sighting]
    vessels: Sequence[str]
    origin: str

    def fixes(self, start: datetime) -> Iterator[tuple[Sighting, datetime]]:
        """Yield sightings with their instants, hour after hour, without end."""
        while True:
            yield from ((sighting, start + sighting.at) for sighting in self.sightings)
            start += HOUR


def traffic() -> Traffic:
    """Return the real hour, or one made up where the file is absent."""
    hour = list(_real_hour()) if TRACKS.is_file() else list(_made_up_hour())
    sailed = [_moved(sighting, number) for number in range(len(FLEETS)) for sighting in hour]
    sailed.sort(key=lambda sighting: sighting.at)
    vessels = sorted({sighting.vessel for sighting in sailed})
    origin = TRACKS.name if TRACKS.is_file() else f"made up: {TRACKS.name} is not beside this checkout"
    return Traffic(sightings=sailed, vessels=vessels, origin=origin)


def airspace() -> tuple[list[dict[str, Any]], str]:
    """Return the zones as GeoJSON features, and where they are from; made up where the file is absent."""
    if not ZONES.is_file():
        return [_made_up_zone(number) for number in range(1053)], f"made up: {ZONES.name} is not beside this checkout"
    with gzip.open(ZONES) as file:
        return [_zone(feature, number) for number, feature in enumerate(json.load(file)["features"])], ZONES.name


def _real_hour() -> Iterator[Sighting]:
    seen: set[tuple[str, str]] = set()
    with gzip.open(TRACKS, "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            key = (row["object_id"], row["time"])
            if key not in seen:
                seen.add(key)
                at = datetime.fromisoformat(row["time"]) - datetime(2020, 6, 30, tzinfo=UTC)
                speed, course = _number(row["sog_kn"]), _number(row["cog_deg"])
                yield Sighting(
                    vessel=row["object_id"],
                    at=at,
                    lon=float(row["lon"]),
                    lat=float(row["lat"]),
                    speed_mps=None if speed is None else round(speed * 1852 / 3600, 3),
                    course_deg=course if course is not None and 0 <= course <= 360 else None,
                )


def _made_up_hour() -> Iterator[Sighting]:
    dice = random.Random(1)
    for number in range(300):
        lon, lat = HARBOUR[0] + dice.uniform(-0.3, 0.3), HARBOUR[1] + dice.uniform(-0.3, 0.3)
        for minute in range(0, 60, 2):
            lon, lat = lon + dice.uniform(-0.01, 0.01), lat + dice.uniform(-0.01, 0.01)
            at = timedelta(minutes=minute, seconds=number % 120)
            yield Sighting(vessel=f"{number:09}", at=at, lon=lon, lat=lat, speed_mps=5.0, course_deg=90.0)


def _moved(sighting: Sighting, fleet: int) -> Sighting:
    lon, lat = FLEETS[fleet]
    return Sighting(
        vessel=f"{fleet}{sighting.vessel[-8:]}",
        at=sighting.at,
        lon=round(sighting.lon - HARBOUR[0] + lon, 6),
        lat=round(sighting.lat - HARBOUR[1] + lat, 6),
        speed_mps=sighting.speed_mps,
        course_deg=sighting.course_deg,
    )


def _zone(feature: dict[str, Any], number: int) -> dict[str, Any]:
    said = feature["properties"]
    area = shapely.make_valid(shape(feature["geometry"]))
    properties: dict[str, Any] = {"name": f"{said['name']} {number}"}
    for side in ("lower", "upper"):
        if said[f"{side}_m"] is not None and said[f"{side}_ref"] in DATUMS:
            properties |= {f"{side}_m": said[f"{side}_m"], f"{side}_datum": DATUMS[said[f"{side}_ref"]]}
    return {"type": "Feature", "geometry": mapping(area), "properties": properties}


def _made_up_zone(number: int) -> dict[str, Any]:
    dice = random.Random(number)
    centre = shapely.Point(dice.uniform(-6, 2), dice.uniform(50, 59))
    return {
        "type": "Feature",
        "geometry": mapping(centre.buffer(dice.uniform(0.05, 0.5), quad_segs=12)),
        "properties": {"name": f"Zone {number}"},
    }


def _number(text: str) -> float | None:
    return float(text) if text else None
