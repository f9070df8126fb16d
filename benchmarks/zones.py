"""Which zones contain which fixes, beside a bare tree query over the same polygons in the same run.

Real polygons are the 1,053 volumes of UK airspace where that file lies beside the checkout, made-up discs otherwise;
the large set is copies of them, moved at random. The answers are compared with PostGIS, bands included.

Microseconds are of processor time: one thread does the work, and whoever else uses the machine shall not count.
A database of its own is made for it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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

from apps.core.types import Datum  # noqa: E402
from apps.zones.models import Zone  # noqa: E402
from apps.zones.queries import zone_index, zones_hit  # noqa: E402
from apps.zones.rules.index import ZoneIndex  # noqa: E402
from benchmarks._short import read_options  # noqa: E402
from benchmarks._volumes import (  # noqa: E402
    AT,
    EAST,
    NORTH,
    SOUTH,
    WEST,
    Volume,
    copies,
    fill,
    volumes,
)

LARGE = 23_000
GOAL_REAL_US, GOAL_LARGE_US = 3.0, 40.0
BATCH = 1_000
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


def fixes(count: int, chance: random.Random) -> Fixes:
    """Return fixes all over the country, half of them with a height."""
    datums = [chance.choice([None, None, Datum.AMSL, Datum.BARO]) for _ in range(count)]
    return Fixes(
        lons=[chance.uniform(WEST, EAST) for _ in range(count)],
        lats=[chance.uniform(SOUTH, NORTH) for _ in range(count)],
        altitudes_m=[None if datum is None else chance.uniform(0, 6000) for datum in datums],
        datums=datums,
    )


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
        "taking_over_ms": round(statistics.median(taking_over_s(index, chance) for _ in range(5)) * 1e3, 1),
        "fixes_checked": checked,
        "wrong": wrong_answers(index, fixes(checked, chance)),
    }


def taking_over_s(index: ZoneIndex, chance: random.Random) -> float:
    """Return how many seconds it takes to know of a change of one zone."""
    changed = chance.choice(list(index.refs()))
    Zone.objects.filter(pk=changed.id).update(name=f"Changed {chance.random()}")
    begun = time.perf_counter()
    zone_index()
    return time.perf_counter() - begun


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
    options = read_options(parser, batches=20)
    call_command("migrate", verbosity=0)
    chance = random.Random(7)  # the same zones and fixes every time
    originals, source = volumes(chance)
    with transaction.atomic():
        real = measure(originals, chance, batches=options.batches, checked=2000)
        large = copies(originals, LARGE, chance)
        synthetic = measure(large, chance, batches=max(options.batches // 5, 3), checked=500)
        transaction.set_rollback(True)
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
        "checked": f"{real['fixes_checked']} and {synthetic['fixes_checked']} fixes against PostGIS, heights included",
    }
    print(json.dumps(report))
    return 1 if real["wrong"] or synthetic["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
