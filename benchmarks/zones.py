"""Which zones contain which fixes, beside a bare tree query over the same polygons in the same run.

Real polygons are the 1,053 volumes of UK airspace where that file lies beside the checkout, made-up discs otherwise;
the large set is copies of them, moved at random. The answers are compared with PostGIS, bands included.

Microseconds are of processor time: one thread does the work, and whoever else uses the machine shall not count.
Then pages of zones and of positions over HTTP, beside COPY of the same rows, and one asset beside an empty view.
A database of its own is made for it.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import django

from benchmarks._database import make_database

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings.prod")
make_database("watchfloor_bench_zones")
django.setup()

import numpy as np  # noqa: E402 - models can be imported only after setup
import shapely  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection, transaction  # noqa: E402

from apps.access import services as access  # noqa: E402
from apps.access.types import SYSTEM  # noqa: E402
from apps.core.ids import new_id  # noqa: E402
from apps.core.types import Datum  # noqa: E402
from apps.zones import services  # noqa: E402
from apps.zones.queries import zone_index, zones_hit  # noqa: E402
from apps.zones.rules.features import DATUMS, SURFACE  # noqa: E402
from apps.zones.rules.index import ZoneIndex  # noqa: E402
from benchmarks._pages import measure as pages  # noqa: E402

UK_AIRSPACE = Path(__file__).resolve().parents[2] / "shared" / "data" / "zones" / "uk_airspace.geojson.gz"
REAL, LARGE = 1_053, 23_000
GOAL_REAL_US, GOAL_LARGE_US = 3.0, 40.0
BATCH = 1_000
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
ORACLE = """
SELECT fix.place, array_agg(zone.id ORDER BY zone.id)
FROM unnest(%s::float8[], %s::float8[], %s::float8[], %s::text[]) WITH ORDINALITY
     AS fix (lon, lat, altitude_m, datum, place)
JOIN zones_zone AS zone ON ST_Intersects(zone.area, ST_SetSRID(ST_MakePoint(fix.lon, fix.lat), 4326))
WHERE (zone.lower_datum <> fix.datum OR fix.altitude_m >= zone.lower_m)
  AND (zone.upper_datum <> fix.datum OR fix.altitude_m <= zone.upper_m)
GROUP BY fix.place
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """An area with its band, as the table takes it."""

    area: Any
    lower_m: float | None
    lower_datum: str
    upper_m: float | None
    upper_datum: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixes:
    """Columns of fixes, as ingest has them."""

    lons: list[float]
    lats: list[float]
    altitudes_m: list[float | None]
    datums: list[Datum | None]

    def __len__(self) -> int:
        return len(self.lons)

    def found_by(self, index: ZoneIndex) -> list[Any]:
        """Ask what we measure."""
        return zones_hit(self.lons, self.lats, self.altitudes_m, [AT] * len(self), index, datums=self.datums)


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


def fixes(count: int, chance: random.Random) -> Fixes:
    """Return fixes all over the country, half of them with a height."""
    datums = [chance.choice([None, None, Datum.AMSL, Datum.BARO]) for _ in range(count)]
    return Fixes(
        lons=[chance.uniform(WEST, EAST) for _ in range(count)],
        lats=[chance.uniform(SOUTH, NORTH) for _ in range(count)],
        altitudes_m=[None if datum is None else chance.uniform(0, 6000) for datum in datums],
        datums=datums,
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


def timed(work: Callable[[], object]) -> float:
    """Return how many seconds of this thread's processor time something takes."""
    begun = time.thread_time()
    work()
    return time.thread_time() - begun


def wrong_answers(index: ZoneIndex, asked: Fixes) -> int:
    """Return how many fixes PostGIS answers differently, points on an edge apart."""
    datums = [datum.value if datum else "none" for datum in asked.datums]
    with connection.cursor() as cursor:
        cursor.execute(ORACLE, [asked.lons, asked.lats, asked.altitudes_m, datums])
        oracle = {place - 1: ids for place, ids in cursor.fetchall()}
    ours = asked.found_by(index)
    return sum(oracle.get(place, []) != [ref.id for ref in refs] for place, refs in enumerate(ours))


def measure(rows: Sequence[Volume], chance: random.Random, *, batches: int, checked: int) -> dict[str, Any]:
    """Return what one set of zones costs: ours and the bare tree's by turns, so that both meet the same weather."""
    fill(rows)
    begun = time.perf_counter()
    index = zone_index()
    loading_s = time.perf_counter() - begun
    tree = shapely.STRtree([row.area for row in rows])
    turns = [take_turns(index, tree, fixes(BATCH, chance)) for _ in range(batches)]
    one = fixes(1, chance)
    return {
        "zones": len(index),
        "us_per_fix": round(statistics.median(ours for ours, _, _ in turns) / BATCH * 1e6, 2),
        "bare_us_per_fix": round(statistics.median(bare for _, bare, _ in turns) / BATCH * 1e6, 2),
        "hits_per_fix": round(sum(hits for _, _, hits in turns) / batches / BATCH, 2),
        "single_us": round(statistics.median(timed(lambda: one.found_by(index)) for _ in range(200)) * 1e6, 1),
        "loading_ms": round(loading_s * 1e3),
        "fixes_checked": checked,
        "wrong": wrong_answers(index, fixes(checked, chance)),
    }


def take_turns(index: ZoneIndex, tree: shapely.STRtree, batch: Fixes) -> tuple[float, float, int]:
    """Return our seconds and the bare tree's for one batch, and how many hits there are."""
    lons, lats = np.array(batch.lons), np.array(batch.lats)
    ours = timed(lambda: batch.found_by(index))
    bare = timed(lambda: tree.query(shapely.points(lons, lats), predicate="intersects"))
    return ours, bare, sum(map(len, batch.found_by(index)))


def main() -> int:
    """Measure both sets; print one JSON object. Exits with 1 when an answer is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, default=50, help=f"how many batches of {BATCH} fixes")
    parser.add_argument("--pages", type=int, default=25, help="how many pages of each kind")
    options = parser.parse_args()
    call_command("migrate", verbosity=0)
    chance = random.Random(7)  # the same zones and fixes every time
    originals, source = volumes(chance)
    with transaction.atomic():
        real = measure(originals, chance, batches=options.batches, checked=2000)
        large = copies(originals, LARGE, chance)
        synthetic = measure(large, chance, batches=max(options.batches // 5, 3), checked=500)
        transaction.set_rollback(True)
    fill(originals[: pages.POLYGONS])
    over_http = pages.measure(options.pages)
    report = {
        "name": "zones",
        "figure": real["us_per_fix"],
        "unit": "us/fix",
        "limit": real["bare_us_per_fix"],
        "ratio": round(real["bare_us_per_fix"] / real["us_per_fix"], 2),
        "goals": {"real_us": GOAL_REAL_US, "large_us": GOAL_LARGE_US},
        "source": source,
        "real": real,
        "large": synthetic,
        "pages": over_http,
        "missed": pages.missed(over_http),
        "checked": f"{real['fixes_checked']} and {synthetic['fixes_checked']} fixes against PostGIS, heights included",
    }
    print(json.dumps(report))
    return 1 if real["wrong"] or synthetic["wrong"] or over_http["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
