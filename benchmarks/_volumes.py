"""Zones for benchmarks: real airspace where its file lies beside the checkout, made-up discs otherwise.

Import it once Django is set up.
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from django.db import connection

from apps.access import services as access
from apps.access.types import SYSTEM
from apps.core.ids import new_id
from apps.zones import services
from apps.zones.rules.features import DATUMS, SURFACE

UK_AIRSPACE = Path(__file__).resolve().parents[2] / "shared" / "data" / "zones" / "uk_airspace.geojson.gz"
REAL = 1_053
WEST, SOUTH, EAST, NORTH = -8.0, 49.5, 2.0, 60.0
AT = datetime(2026, 6, 30, 12, tzinfo=UTC)
INSERT = """
INSERT INTO zones_zone (id, version, name, description, area, lower_m, lower_datum, upper_m, upper_datum, validity,
                        is_active, kind_id, organisation_id)
SELECT id, 1, 'zone', '', ST_Multi(ST_GeomFromWKB(area, 4326)), lower_m, lower_datum, upper_m, upper_datum,
       '[,)', true, %s, %s
FROM unnest(%s::uuid[], %s::bytea[], %s::float8[], %s::text[], %s::float8[], %s::text[])
     AS new (id, area, lower_m, lower_datum, upper_m, upper_datum)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """An area with its band, as the table takes it."""

    area: Any
    lower_m: float | None
    lower_datum: str
    upper_m: float | None
    upper_datum: str


def volumes(chance: random.Random) -> tuple[list[Volume], str]:
    """Return the polygons to search, and where they are from."""
    if not UK_AIRSPACE.is_file():
        return [disc(chance) for _ in range(REAL)], "discs"
    features = json.loads(gzip.decompress(UK_AIRSPACE.read_bytes()))["features"]
    return [volume(each) for each in features], "uk_airspace"


def volume(feature: Any) -> Volume:
    """Return one feature as a volume; the invalid one of the file is mended."""
    told = feature["properties"]
    has_floor = told["lower_ref"] != SURFACE
    return Volume(
        area=shapely.make_valid(shapely.from_geojson(json.dumps(feature["geometry"]))),
        lower_m=told["lower_m"] if has_floor else None,
        lower_datum=DATUMS[told["lower_ref"]].value if has_floor else "",
        upper_m=told["upper_m"],
        upper_datum=DATUMS[told["upper_ref"]].value,
    )


def disc(chance: random.Random) -> Volume:
    """Return a made-up volume."""
    centre = shapely.Point(chance.uniform(WEST, EAST), chance.uniform(SOUTH, NORTH))
    area = centre.buffer(chance.uniform(0.02, 0.4), quad_segs=10)
    return Volume(area=area, lower_m=None, lower_datum="", upper_m=chance.uniform(100, 4000), upper_datum="AMSL")


def copies(originals: Sequence[Volume], count: int, chance: random.Random) -> list[Volume]:
    """Return as many volumes, each an original moved by up to half a degree."""
    return [moved(originals[number % len(originals)], chance) for number in range(count)]


def moved(original: Volume, chance: random.Random) -> Volume:
    """Return a volume moved at random."""
    by = np.array([chance.uniform(-0.5, 0.5), chance.uniform(-0.5, 0.5)])
    return Volume(
        area=shapely.transform(original.area, lambda lon_lat: lon_lat + by),
        lower_m=original.lower_m,
        lower_datum=original.lower_datum,
        upper_m=original.upper_m,
        upper_datum=original.upper_datum,
    )


def fill(rows: Sequence[Volume]) -> None:
    """Make these the zones."""
    number = new_id()
    organisation = access.create_organisation(name=f"Bench {number}", slug=f"bench-{number}", actor=SYSTEM, at=AT)
    kind = services.create_zone_kind(slug=f"bench-{number}", name="Bench", actor=SYSTEM, at=AT)
    columns = (
        [new_id() for _ in rows],
        [shapely.to_wkb(row.area) for row in rows],
        [row.lower_m for row in rows],
        [row.lower_datum for row in rows],
        [row.upper_m for row in rows],
        [row.upper_datum for row in rows],
    )
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM zones_zone")
        cursor.execute(INSERT, [kind.pk, organisation.pk, *columns])
        cursor.execute("ANALYZE zones_zone")
