"""Taking positions in, beside the fastest way in which PostgreSQL takes the same rows into the same table.

Four figures: fixes a second in process at several batch sizes beside ``COPY`` of the same rows, fixes a second over
HTTP in batches of 1,000, single fixes a second from 50 keep-alive connections beside an empty ASGI application, and how
late the latter are answered. Zones are looked for in 1,053 real polygons, rules and access are on. Every part checks
that what was sent is what is stored.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import psycopg

DATABASE = "watchfloor_bench_ingest"
GOALS = {"1": 0.80, "100": 0.45, "1000": 0.45}
GOAL_SINGLE, GOAL_P99_MS, GOAL_HTTP = 0.40, 20.0, 0.8
START = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=30)
COPY_SOURCE = 999

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings.prod")
COLUMNS = (
    "asset_id", "fixed_at", "source_id", "received_at", "lon", "lat", "altitude_m", "speed_mps", "course_deg",
    "heading_deg", "accuracy_m", "altitude_datum", "attributes",
)  # fmt: skip


COPY = f"COPY tracking_position ({', '.join(COLUMNS)}) FROM STDIN"


def make_database() -> None:
    """Make a database of our own, so that neither an earlier run nor another benchmark is measured."""
    names = ("host", "port", "user", "password")
    where: dict[str, Any] = {name: os.environ.get(f"WATCHFLOOR_DB_{name.upper()}") or None for name in names}
    with psycopg.connect(dbname=os.environ.get("WATCHFLOOR_DB_NAME", "watchfloor"), autocommit=True, **where) as own:
        own.execute("DROP DATABASE IF EXISTS watchfloor_bench_ingest WITH (FORCE)")
        own.execute("CREATE DATABASE watchfloor_bench_ingest TEMPLATE template1")
    os.environ["WATCHFLOOR_DB_NAME"] = DATABASE


make_database()

import django  # noqa: E402  the database must be named before

django.setup()

from django.core.management import call_command  # noqa: E402  models can be imported only after setup
from django.db import connection  # noqa: E402

from apps.access import services as access  # noqa: E402
from apps.access.queries import actor_of_user  # noqa: E402
from apps.access.types import SYSTEM, Actor  # noqa: E402
from apps.assets.models import Asset, Identifier  # noqa: E402
from apps.assets.services import create_asset_kind  # noqa: E402
from apps.core.types import Fix  # noqa: E402
from apps.incidents.services import create_rule  # noqa: E402
from apps.incidents.types import FindingKind  # noqa: E402
from apps.tracking import services  # noqa: E402
from apps.tracking.models import Position  # noqa: E402
from apps.tracking.types import Report, Submission  # noqa: E402
from apps.zones.services import create_zone_kind, import_zones  # noqa: E402
from benchmarks._ingest import client  # noqa: E402
from benchmarks._ingest.world import Sighting, airspace, traffic  # noqa: E402
from benchmarks._ports import free_port, wait_for  # noqa: E402
from benchmarks._short import read_options  # noqa: E402


class World:
    """A fleet owner, its assets and key, the zones, and a rule that opens incidents."""

    def __init__(self) -> None:
        call_command("migrate", verbosity=0)
        self.traffic = traffic()
        features, self.zones_origin = airspace()
        owner = access.create_organisation(name="Fleets", slug="fleets", parent_id=None, actor=SYSTEM, at=START)
        kind = create_asset_kind(slug="vessel", name="Vessel", actor=SYSTEM, at=START)
        self.assets = {
            vessel: Asset(name=vessel, kind=kind, organisation=owner, changed_at=START)
            for vessel in self.traffic.vessels
        }
        Asset.objects.bulk_create(self.assets.values())
        Identifier.objects.bulk_create(
            Identifier(asset=asset, scheme="mmsi", value=vessel) for vessel, asset in self.assets.items()
        )
        # Every tenth zone is of the kind that the rule watches; entering any of them is a finding.
        watched = create_zone_kind(slug="watched", name="Watched", actor=SYSTEM, at=START)
        create_zone_kind(slug="airspace", name="Airspace", actor=SYSTEM, at=START)
        for number, feature in enumerate(features):
            feature["properties"]["kind"] = "airspace" if number % 10 else "watched"
        collection = {"type": "FeatureCollection", "features": features}
        report = import_zones(collection, organisation=owner, actor=SYSTEM, at=START)
        if report.faulty:
            raise SystemExit(f"The zones cannot be imported: {report.faulty[0]}")
        create_rule(
            organisation=owner, name="Entered", finding=FindingKind.ENTERED, zone_kind=watched, actor=SYSTEM, at=START
        )
        user = access.create_user(
            username="feeder", password=None, organisation_id=None, is_staff=False, is_superuser=False,
            actor=SYSTEM, at=START,
        )  # fmt: skip
        role = access.create_role(name="Feeder", actions=["assets.report"], actor=SYSTEM, at=START)
        access.assign_role(
            role_id=role.pk, organisation_id=owner.pk, user_id=user.pk, group_id=None, actor=SYSTEM, at=START
        )
        self.actor: Actor = actor_of_user(user)
        self.token = access.create_api_key(
            user_id=user.pk, name="bench", scopes=["assets.report"], actor=SYSTEM, at=START
        )[1]
        self._time = START
        self._fixes: Iterator[tuple[Sighting, datetime]] = self.traffic.fixes(START)
        services.maintain_partitions(START)

    def take(self, count: int) -> list[tuple[Sighting, datetime]]:
        """Return the next fixes of the traffic."""
        return list(islice(self._fixes, count))

    def feeds(self, count: int, length: int) -> list[list[tuple[Sighting, datetime]]]:
        """Return the next fixes as so many feeds, each of vessels of its own and of the same length."""
        feeds: list[list[tuple[Sighting, datetime]]] = [[] for _ in range(count)]
        while any(len(feed) < length for feed in feeds):
            (fix,) = self.take(1)
            feed = feeds[zlib.crc32(fix[0].vessel.encode()) % count]
            if len(feed) < length:
                feed.append(fix)
        return feeds

    def submission(self, fixes: Sequence[tuple[Sighting, datetime]]) -> Submission:
        """Return fixes as one submission, received when the last of them was made."""
        items = [
            Report(
                f"mmsi:{said.vessel}",
                Fix(fixed_at=at, lon=said.lon, lat=said.lat, speed_mps=said.speed_mps, course_deg=said.course_deg),
            )
            for said, at in fixes
        ]
        return Submission(actor=self.actor, source="api", received_at=fixes[-1][1], items=items)

    def body(self, fixes: Sequence[tuple[Sighting, datetime]]) -> bytes:
        """Return fixes as the body of a request."""
        return json.dumps(
            [
                {
                    "asset": f"mmsi:{said.vessel}", "fixed_at": at.isoformat(), "lon": said.lon, "lat": said.lat,
                    "speed_mps": said.speed_mps, "course_deg": said.course_deg,
                }
                for said, at in fixes
            ]
        ).encode()  # fmt: skip

    def rows(self, fixes: Sequence[tuple[Sighting, datetime]]) -> list[tuple[Any, ...]]:
        """Return the same fixes as rows of the table, under a source of their own."""
        return [
            (
                self.assets[said.vessel].pk, at, COPY_SOURCE, at, said.lon, said.lat, None, said.speed_mps,
                said.course_deg, None, None, None, None,
            )
            for said, at in fixes
        ]  # fmt: skip


class Bench:
    """One run."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.world = World()
        self.sent = 0
        self.failures: list[str] = []

    def run(self) -> dict[str, Any]:
        """Measure everything and return the figures."""
        say(f"tracks {self.world.traffic.origin}, zones {self.world.zones_origin}")
        self.warm_up()
        sizes = {str(size): self.beside_copy(size, rounds) for size, rounds in ((1, 300), (100, 60), (1000, 25))}
        self.check_stored("in process")
        with server("ingest") as port, server("empty") as empty:
            batches = self.over_http(port)
            single = self.single_fixes(port, empty)
        self.check_stored("over HTTP")
        return {
            "name": "ingest",
            "figure": round(batches["per_second"]),
            "unit": "fixes/s over HTTP, 1,000 a request",
            "limit": sizes["1000"]["copy_per_second"],
            "ratio": round(batches["per_second"] / sizes["1000"]["copy_per_second"], 3),
            "in_process": sizes,
            "http_1000": {
                **batches,
                "ratio_to_in_process": round(batches["per_second"] / sizes["1000"]["per_second"], 3),
                "goal_ratio": GOAL_HTTP,
            },
            "single": single,
            "zones": len(airspace()[0]),
            "assets": len(self.world.assets),
            "findings": count("events_event WHERE noun = 'positions'"),
            "incidents": count("incidents_incident"),
            "tracks": self.world.traffic.origin,
            "checked": "stored equals sent, in the table and in every answer; nothing refused, doubled or put aside",
            "failures": self.failures,
        }

    def warm_up(self) -> None:
        """Let every vessel be heard of, and enter the zones that it lies in."""
        began = time.perf_counter()
        fixes = self.world.take(len(self.world.traffic.sightings) // 4)
        for start in range(0, len(fixes), 500):
            services.ingest_all([self.world.submission(fixes[start : start + 500])])
        self.sent += len(fixes)
        gc.collect()
        gc.freeze()  # as the ingest front does: what is there by now is not looked at again
        say(f"warm-up: {len(fixes)} fixes in {time.perf_counter() - began:.1f} s")

    def beside_copy(self, size: int, rounds: int) -> dict[str, Any]:
        """Return how fast batches of a size are taken in, beside COPY of the same rows, batch by batch in turn.

        Both begin with values in this process; ``prepared`` is COPY of a text made before the clock is started.
        """
        ours, copies, prepared = [], [], []
        for _ in range(round(rounds * self.options.scale)):
            fixes = self.world.take(size)
            submission, rows = self.world.submission(fixes), self.world.rows(fixes)
            ours.append(timed(lambda: self.ingest(submission, size)))  # noqa: B023  called at once
            copies.append(timed(lambda: copy_rows(rows)))  # noqa: B023  called at once
            block = text_of([(*row[:2], COPY_SOURCE + 1, *row[3:]) for row in rows])
            prepared.append(timed(lambda: copy_text(block)))  # noqa: B023  called at once
        per_second, limit = size / statistics.median(ours), size / statistics.median(copies)
        ready = size / statistics.median(prepared)
        say(f"batches of {size}: {per_second:,.0f}/s, COPY {limit:,.0f}/s, ratio {per_second / limit:.2f}, "
            f"COPY of a prepared text {ready:,.0f}/s")  # fmt: skip
        return {
            "per_second": round(per_second),
            "copy_per_second": round(limit),
            "prepared_copy_per_second": round(ready),
            "ratio": round(per_second / limit, 3),
            "ratio_to_prepared": round(per_second / ready, 3),
            "goal_ratio": GOALS[str(size)],
        }

    def ingest(self, submission: Submission, size: int) -> None:
        """Take a batch in, and see to it that all of it was new."""
        (result,) = services.ingest_all([submission])
        self.sent += size
        self.check(result.stored == size, f"{result} instead of {size} stored")

    def over_http(self, port: int) -> dict[str, Any]:
        """Return how fast bodies of 1,000 fixes are taken in, from two feeds with a fleet each."""
        rounds = round(15 * self.options.scale)
        feeds = self.world.feeds(2, 1000 * (rounds + 1))
        bodies = [[feed[start : start + 1000] for start in range(0, len(feed), 1000)] for feed in feeds]
        requests = [
            [client.post("/api/v1/positions", self.world.body(each), self.world.token) for each in feed]
            for feed in bodies
        ]
        client.run(port, [[feed[0]] for feed in requests])
        load = client.run(port, [feed[1:] for feed in requests])
        self.sent += sum(len(feed) for feed in feeds)
        self.check_answers(load, 1000)
        say(f"HTTP, 1,000 a request: {load.per_second * 1000:,.0f}/s, p99 {load.percentile(0.99):.0f} ms")
        return {"per_second": round(load.per_second * 1000), "p99_ms": round(load.percentile(0.99), 1)}

    def single_fixes(self, port: int, empty: int) -> dict[str, Any]:
        """Return how fast single fixes are taken in from 50 connections, beside an application that does nothing."""
        loads, limits = [], []
        for _ in range(3):
            feeds = self.world.feeds(50, round(80 * self.options.scale))
            requests = [
                [client.post("/api/v1/positions", self.world.body([fix]), self.world.token) for fix in feed]
                for feed in feeds
            ]
            loads.append(client.run(port, requests))
            limits.append(client.run(empty, requests))
            self.sent += sum(len(feed) for feed in feeds)
            self.check_answers(loads[-1], 1)
        best = statistics.median(load.per_second for load in loads)
        limit = statistics.median(load.per_second for load in limits)
        p50, p99 = (statistics.median(load.percentile(share) for load in loads) for share in (0.5, 0.99))
        share = best / limit
        say(f"single fixes: {best:,.0f}/s, p50 {p50:.1f} p99 {p99:.1f} ms; empty {limit:,.0f}/s, ratio {share:.2f}")
        return {
            "per_second": round(best),
            "empty_per_second": round(limit),
            "ratio": round(best / limit, 3),
            "goal_ratio": GOAL_SINGLE,
            "p50_ms": round(p50, 1),
            "p99_ms": round(p99, 1),
            "goal_p99_ms": GOAL_P99_MS,
        }

    def check_answers(self, load: client.Load, size: int) -> None:
        """See to it that every answer says that all was stored."""
        wrong = [answer for answer in load.answers if json.loads(answer).get("stored") != size]
        self.check(not (wrong or load.refused), f"{len(wrong)} answers are not {size} stored: {wrong[:1]}")

    def check_stored(self, part: str) -> None:
        """See to it that what was sent is what is stored."""
        stored = Position.objects.filter(source_id__lt=COPY_SOURCE).count()
        self.check(stored == self.sent, f"{part}: {self.sent} sent, {stored} stored")

    def check(self, is_right: bool, said: str) -> None:  # noqa: FBT001  reads as a sentence
        """Remember what is wrong."""
        if not is_right:
            self.failures.append(said)
            say(f"WRONG: {said}")


@contextmanager
def server(kind: str) -> Iterator[int]:
    """Run a server process and yield its port."""
    port = free_port()
    child = subprocess.Popen([sys.executable, "-m", "benchmarks._ingest.server", kind, str(port)])
    try:
        wait_for(port)
        yield port
    finally:
        child.terminate()
        child.wait(20)


def copy_rows(rows: Sequence[tuple[Any, ...]]) -> None:
    """COPY rows into the table, in a transaction of their own."""
    with connection.cursor() as cursor, cursor.copy(COPY) as copy:
        for row in rows:
            copy.write_row(row)


def copy_text(block: bytes) -> None:
    """COPY a text that is ready into the table, in a transaction of its own."""
    with connection.cursor() as cursor, cursor.copy(COPY) as copy:
        copy.write(block)


def text_of(rows: Sequence[tuple[Any, ...]]) -> bytes:
    """Return rows in the text form of COPY."""
    lines = ("\t".join("\\N" if value is None else str(value) for value in row) for row in rows)
    return ("\n".join(lines) + "\n").encode()


def count(what: str) -> int:
    """Return how many rows there are."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {what}")
        return int(cursor.fetchall()[0][0])


def timed(work: Any) -> float:
    """Return how many seconds a piece of work takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def say(text: str) -> None:
    """Print progress where it does not mix with the result."""
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    """Run, print, and fail when something was lost or doubled."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="how much of everything")
    result = Bench(read_options(parser, scale=0.5)).run()
    print(json.dumps(result))
    return 1 if result["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
