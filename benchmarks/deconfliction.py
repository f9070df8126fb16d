"""Finding what stands in the way of a five-volume operation, and holding its space, among ever more that is held.

Volumes lie over four by four degrees and thirty days, each a kilometre wide, a hundred metres high and half an hour
long. A check finds what others hold of five of them; a submission is all that a move to a state that holds space does:
look, lock, look again, hold, commit. Beside it stands the bare index query: the same boxes, times, heights, counted.
Free windows are what whoever is refused waits for: of the same five, and of one that comes every day for a year.

Then planners submit in one dense cell, most of them in each other's way: one and eight at once, under locks, and
without them, looking once. What was accepted is compared pair by pair: under locks nothing may be missed.

A database of its own is made for it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from unittest import mock
from uuid import UUID

import django

from benchmarks._database import make_database
from benchmarks._short import read_options

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings.prod")
make_database("watchfloor_bench_deconfliction")
django.setup()

import orjson  # noqa: E402 - models can be imported only after setup
import shapely  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection, connections, transaction  # noqa: E402
from shapely import MultiPolygon  # noqa: E402

from apps.access.services import create_organisation  # noqa: E402
from apps.access.types import SYSTEM  # noqa: E402
from apps.core.prepared import all_rows  # noqa: E402
from apps.core.types import Datum  # noqa: E402
from apps.operations.models import Operation  # noqa: E402
from apps.operations.queries import find_conflicts, free_windows  # noqa: E402
from apps.operations.services import create_operation_kind, holding  # noqa: E402
from apps.operations.services.holding import keep_space  # noqa: E402
from apps.operations.types import PlannedVolume, Recurrence, SpaceConflict, Span, Standing, Volume4D  # noqa: E402
from apps.zones.types import AltitudeBand  # noqa: E402

SIZES = (10_000, 100_000, 1_000_000)
GOALS = {"p95_ms_100k": 1.0, "p95_ms_1m": 8.0, "of_unprotected": 0.8, "missed": 0}
NAMES = {10_000: "10k", 100_000: "100k", 1_000_000: "1m"}
VOLUMES, PLANNERS = 5, 8
AT = datetime(2026, 7, 1, tzinfo=UTC)
DENSE_WEST, DENSE_SOUTH = 30.01, 10.01
NOBODY = UUID(int=0)
EVERY_DAY = Recurrence(rule="FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;COUNT=365", time_zone="America/New_York")
FILL_OPERATIONS = """
INSERT INTO operations_operation (id, version, kind_id, organisation_id, title, description, contact, priority, area,
    starts_at, ends_at, state, state_category, state_since, lifecycle_key, lifecycle_version, submitted_at, approved_at)
SELECT gen_random_uuid(), 1, %(kind)s, %(organisation)s, %(title)s, '', '', 0,
       ST_Multi(ST_MakeEnvelope(lon, lat, lon + %(size)s, lat + %(size)s, 4326)),
       at, at + interval '30 minutes', %(state)s, 'open', now(), 'operation', 2, now(), now()
FROM (
    SELECT n, %(west)s + %(spread)s * random() AS lon, %(south)s + %(spread)s * random() AS lat,
           %(at)s::timestamptz + random() * %(lasting)s::interval AS at
    FROM generate_series(1, %(count)s) AS n
) AS new
"""
FILL_VOLUMES = """
INSERT INTO operations_volume (id, operation_id, number, shape, footprint, lower_m, lower_datum, upper_m, upper_datum,
                               starts_at, ends_at, rule, time_zone)
SELECT gen_random_uuid(), operation.id, number, '{}',
       ST_Translate(area, %(step)s * (number - 1), 0), lower_m, 'AMSL', lower_m + 100, 'AMSL', starts_at, ends_at,
       '', ''
FROM operations_operation AS operation, generate_series(1, %(volumes)s) AS number,
     LATERAL (SELECT floor(random() * %(layers)s + 0 * number) * 101 AS lower_m) AS height
WHERE title = %(title)s
"""
FILL_OCCUPANCIES = """
INSERT INTO operations_occupancy (operation_id, volume_id, box, altitude, during, holds)
SELECT operation_id, volume.id, ST_Envelope(footprint), int4range(lower_m::int, upper_m::int, '[]'),
       tstzrange(volume.starts_at, volume.ends_at, '[]'), %(holds)s
FROM operations_volume AS volume JOIN operations_operation AS operation ON operation.id = operation_id
WHERE title = %(title)s
"""
BARE = """
SELECT count(*) FROM json_to_recordset(%s::text::json) AS wanted (west float8, south float8, low int, at timestamptz)
CROSS JOIN LATERAL (
    SELECT FROM operations_occupancy
    WHERE holds AND box && ST_MakeEnvelope(west, south, west + 0.01, south + 0.01, 4326)
      AND during && tstzrange(at, at + interval '30 minutes', '[]') AND altitude && int4range(low, low + 100, '[]')
    OFFSET 0
) AS held
"""
# What was accepted although it meets something accepted: every pair once.
MISSED = """
SELECT count(*) FROM operations_occupancy AS one
JOIN operations_occupancy AS other ON one.id < other.id AND one.operation_id <> other.operation_id
    AND one.box && other.box AND one.during && other.during AND one.altitude && other.altitude
JOIN operations_volume AS first ON first.id = one.volume_id
JOIN operations_volume AS second ON second.id = other.volume_id
WHERE one.holds AND other.holds AND one.operation_id = ANY(%(ids)s) AND other.operation_id = ANY(%(ids)s)
  AND ST_Intersects(first.footprint, second.footprint)
"""


def fill(title: str, count: int, *, dense: bool = False, holds: bool = True) -> None:
    """Make so many operations; dense ones lie in one cell within two hours and three layers, one volume each."""
    organisation = create_organisation(name=title, slug=title, actor=SYSTEM, at=AT)
    kind = create_operation_kind(slug=title, name=title, actor=SYSTEM, at=AT)
    values: dict[str, Any] = {
        "kind": kind.pk,
        "organisation": organisation.pk,
        "title": title,
        "count": count,
        "state": "approved" if holds else "draft",
        "holds": holds,
        "at": AT,
        "west": DENSE_WEST if dense else 0.0,
        "south": DENSE_SOUTH if dense else 50.0,
        "spread": 0.06 if dense else 4.0,
        "size": 0.01,
        "step": 0.011,
        "lasting": timedelta(hours=2) if dense else timedelta(days=30),
        "layers": 3 if dense else 30,
        "volumes": 1 if dense else VOLUMES,
    }
    with connection.cursor() as cursor:
        for statement in (FILL_OPERATIONS, FILL_VOLUMES, FILL_OCCUPANCIES):
            cursor.execute(statement, values)
        cursor.execute("ANALYZE operations_operation, operations_volume, operations_occupancy")


def wanted(chance: random.Random) -> list[Volume4D]:
    """Return the volumes of one operation somewhere."""
    west, south = chance.uniform(0, 4), chance.uniform(50, 54)
    start = AT + timedelta(seconds=chance.uniform(0, 30 * 86_400))
    lower = chance.randint(0, 29) * 101
    return [
        Volume4D(
            footprint=MultiPolygon([shapely.box(west + 0.011 * n, south, west + 0.011 * n + 0.01, south + 0.01)]),
            band=AltitudeBand(lower_m=lower, lower_datum=Datum.AMSL, upper_m=lower + 100, upper_datum=Datum.AMSL),
            during=Span(start, start + timedelta(minutes=30)),
        )
        for n in range(VOLUMES)
    ]


def planned(volumes: Sequence[Volume4D], recurrence: Recurrence | None = None) -> list[PlannedVolume]:
    """Return volumes as somebody plans them."""
    return [
        PlannedVolume(
            footprint=each.footprint,
            band=each.band,
            starts_at=each.during.start,
            ends_at=each.during.end,
            recurrence=recurrence,
        )
        for each in volumes
    ]


def free(volumes: Sequence[PlannedVolume]) -> None:
    """Find where a plan of nobody would be free."""
    free_windows(volumes, standing=Standing(), organisation_id=NOBODY)


def timed_ms(work: Callable[[], object]) -> float:
    """Return how many milliseconds something takes."""
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1e3


def bare(volumes: Sequence[Volume4D]) -> None:
    """Ask the index, and nothing else, by a statement that is prepared once."""
    wanted = [
        {
            "west": each.footprint.bounds[0],
            "south": each.footprint.bounds[1],
            "low": int(each.band.lower_m or 0),
            "at": each.during.start,
        }
        for each in volumes
    ]
    all_rows(BARE, [orjson.dumps(wanted).decode()])


def spread(times: Sequence[float]) -> dict[str, float]:
    """Return the middle and the 95th of a hundred."""
    return {"p50": round(statistics.median(times), 2), "p95": round(statistics.quantiles(times, n=20)[-1], 2)}


def measure(size: int, rounds: int, chance: random.Random) -> dict[str, Any]:
    """Return what a check and the bare query take among so many volumes, by turns, and then what a submission takes."""
    title = f"wanted-{size}"
    fill(title, rounds, holds=False)
    drafts = list(Operation.objects.filter(title=title).select_related("kind"))
    checks, bares, windows, daily, submissions, refused = [], [], [], [], [], 0
    for volumes in [wanted(chance) for _ in range(rounds)]:
        checks.append(timed_ms(partial(find_conflicts, volumes)))
        bares.append(timed_ms(partial(bare, volumes)))
        windows.append(timed_ms(partial(free, planned(volumes))))
        daily.append(timed_ms(partial(free, planned(volumes[:1], EVERY_DAY))))
    for draft in drafts:
        begun = time.perf_counter()
        refused += not submit(draft)
        submissions.append((time.perf_counter() - begun) * 1e3)
    return {
        "check_ms": spread(checks),
        "submission_ms": spread(submissions),
        "bare_ms": spread(bares),
        "free_windows_ms": spread(windows),
        "free_windows_daily_ms": spread(daily),
        "refused": refused,
    }


def submit(operation: Operation) -> bool:
    """Hold the space of a draft, as the engine does in a move; say whether it was free."""
    try:
        with transaction.atomic():
            operation.state = "submitted"
            keep_space([operation], SYSTEM, AT)
    except SpaceConflict:
        return False
    return True


def _plan(ids: Sequence[UUID], protected: bool, begin: Any, answers: Any) -> None:  # noqa: FBT001 - a process's target
    """Submit; unprotected is the same without locks, and looking once."""
    rows = list(Operation.objects.filter(pk__in=ids).select_related("kind"))
    with contextlib.ExitStack() as left_out:
        for name in () if protected else ("_look_first", "lock_cells"):
            left_out.enter_context(mock.patch.object(holding, name))
        begin.wait()
        answers.put(sum(map(submit, rows)))


def dense(title: str, planners: int, submissions: int, *, protected: bool) -> dict[str, Any]:
    """Let planners submit in one cell at once; return their rate, and how many pairs were accepted that meet."""
    fill(title, submissions, dense=True, holds=False)
    ids = list(Operation.objects.filter(title=title).order_by("pk").values_list("pk", flat=True))
    # What children inherit of an open connection they would talk over at once.
    connections.close_all()
    connection.close_pool()  # type: ignore[attr-defined]  # of PostgreSQL alone
    context = multiprocessing.get_context("fork")
    begin, answers = context.Barrier(planners + 1), context.Queue()
    processes = [
        context.Process(target=_plan, args=(ids[number::planners], protected, begin, answers))
        for number in range(planners)
    ]
    for process in processes:
        process.start()
    begin.wait()
    begun = time.perf_counter()
    accepted = sum(answers.get() for _ in processes)
    rate = submissions / (time.perf_counter() - begun)
    for process in processes:
        process.join()
    with connection.cursor() as cursor:
        cursor.execute(MISSED, {"ids": ids})
        (missed,) = cursor.fetchone()
        cursor.execute("UPDATE operations_occupancy SET holds = false WHERE operation_id = ANY(%s)", [ids])
    return {"per_s": round(rate, 1), "accepted": accepted, "missed": missed}


def main() -> int:
    """Measure all sizes and the dense cell; print one JSON object. Exits with 1 when something was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--largest", type=int, default=SIZES[-1], help="the most volumes that are held")
    parser.add_argument("--rounds", type=int, default=200, help="how many operations are tried at each size")
    parser.add_argument("--submissions", type=int, default=1_000, help="how many the planners make in the dense cell")
    options = read_options(parser, largest=SIZES[1], rounds=50, submissions=200)
    call_command("migrate", verbosity=0)
    chance, held = random.Random(7), 0  # the same operations every time
    with connection.cursor() as cursor:
        cursor.execute("SELECT setseed(0.5)")
    report: dict[str, Any] = {"name": "deconfliction", "unit": "ms", "goals": GOALS, "sizes": {}}
    for size in (each for each in SIZES if each <= options.largest):
        fill(f"held-{size}", (size - held) // VOLUMES)
        held = size
        found = report["sizes"][NAMES[size]] = measure(size, options.rounds, chance)
        report[f"p95_ms_{NAMES[size]}"] = found["check_ms"]["p95"]
        report[f"submission_p95_ms_{NAMES[size]}"] = found["submission_ms"]["p95"]
        report["figure"], report["limit"] = found["check_ms"]["p95"], found["bare_ms"]["p95"]
    report["ratio"] = round(report["limit"] / report["figure"], 2)
    first, *_, last = (found["check_ms"]["p50"] for found in report["sizes"].values())
    report["growth"] = round(last / first, 2)
    cells = {
        f"{planners} {'under locks' if protected else 'unprotected'}": dense(
            f"dense-{planners}-{int(protected)}", planners, options.submissions, protected=protected
        )
        for planners in (1, PLANNERS)
        for protected in (True, False)
    }
    report["dense"] = cells
    report["of_unprotected"] = round(
        cells[f"{PLANNERS} under locks"]["per_s"] / cells[f"{PLANNERS} unprotected"]["per_s"], 2
    )
    report["missed"] = sum(each["missed"] for name, each in cells.items() if name.endswith("locks"))
    report["missed_unprotected"] = cells[f"{PLANNERS} unprotected"]["missed"]
    report["checked"] = f"{2 * options.submissions} submissions under locks, every accepted pair by PostGIS"
    print(json.dumps(report))
    return 1 if report["missed"] else 0


if __name__ == "__main__":
    sys.exit(main())
