"""Pages of GeoJSON and single objects over HTTP, beside COPY of the same rows and an empty view of the same server.

COPY is asked for what the page says: the same columns in the same order, areas as GeoJSON text with as many digits.
What COPY of the stored row costs, with areas as they lie in the table, stands beside it. A page of zones is measured
twice: when the process has written these zones before, and right after all of them changed.
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
from typing import Any

import django
import psycopg

from benchmarks._database import make_database, server

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings.prod")
make_database("watchfloor_bench_pages")
django.setup()

from django.core.management import call_command  # noqa: E402 - models can be imported only after setup

from apps.access import services as access  # noqa: E402
from apps.access.models import Organisation  # noqa: E402
from apps.access.types import SYSTEM  # noqa: E402
from apps.assets.models import Asset  # noqa: E402
from apps.assets.services import create_asset_kind  # noqa: E402
from apps.core.clock import now  # noqa: E402
from apps.tracking.models import Presence, Source  # noqa: E402
from apps.zones.models import Zone  # noqa: E402
from benchmarks._pages.web import Web, web  # noqa: E402
from benchmarks._short import read_options  # noqa: E402
from benchmarks._volumes import fill, volumes  # noqa: E402

POLYGONS, POINTS = 1_000, 10_000
GOALS = {"polygons": 1.3, "points": 2.6, "detail": 0.5}
ACTIONS = ("zones.view", "assets.view", "assets.track")
# What the pages say, in their order.
COPY_ZONES = f"""
COPY (
    SELECT zone.id, zone.external_id, zone.version, zone.organisation_id, kind.slug, zone.name, zone.description,
           ST_AsGeoJSON(zone.area, 15), zone.lower_m, zone.lower_datum, zone.upper_m, zone.upper_datum,
           lower(zone.validity), upper(zone.validity), zone.dwell_after, zone.is_active, zone.recorded_at,
           zone.changed_at
    FROM zones_zone AS zone JOIN zones_zonekind AS kind ON kind.id = zone.kind_id
    ORDER BY zone.id LIMIT {POLYGONS}
) TO STDOUT
"""
COPY_POSITIONS = f"""
COPY (
    SELECT presence.asset_id, asset.organisation_id, presence.lon, presence.lat, presence.fixed_at,
           presence.altitude_m, presence.speed_mps, presence.course_deg, presence.heading_deg, presence.connectivity
    FROM tracking_presence AS presence JOIN assets_asset AS asset ON asset.id = presence.asset_id
    ORDER BY presence.asset_id LIMIT {POINTS}
) TO STDOUT
"""
# The same rows as they lie in the tables: areas are not made GeoJSON.
COPY_STORED_ZONES = f"COPY (SELECT * FROM zones_zone ORDER BY id LIMIT {POLYGONS}) TO STDOUT"
COPY_STORED_PRESENCES = f"COPY (SELECT * FROM tracking_presence ORDER BY asset_id LIMIT {POINTS}) TO STDOUT"
COUNTED = """
SELECT string_agg(id || '/' || ST_NPoints(area), ' ' ORDER BY id)
FROM (SELECT id, area FROM zones_zone ORDER BY id LIMIT 1000) AS page
"""
Timed = dict[str, list[float]]


def main() -> int:
    """Measure; print one JSON object. Exits with 1 when an answer is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=25, help="how many pages of each kind")
    options = read_options(parser, rounds=8)
    call_command("migrate", verbosity=0)
    zones, source = volumes(random.Random(7))
    fill(zones[:POLYGONS])
    figures = measure(options.rounds)
    polygons = figures["polygons"]
    report = {
        "name": "pages",
        "figure": polygons["page_ms"],
        "unit": f"ms for a page of {POLYGONS} polygons",
        "limit": polygons["copy_ms"],
        "ratio": polygons["ratio"],
        "source": source,
        **figures,
        "missed": missed(figures),
        "checked": "ids and vertices of every zone of the page against PostGIS, every place, and the asset's name",
    }
    print(json.dumps(report))
    return 1 if figures["wrong"] else 0


def measure(rounds: int) -> dict[str, Any]:
    """Return what pages and details cost."""
    token, asset_id = _people_things_places()
    with (
        psycopg.connect(dbname=os.environ["WATCHFLOOR_DB_NAME"], autocommit=True, **server()) as database,
        web(token) as site,
    ):
        wrong = _wrong(site, database, asset_id)
        polygons = _by_turns(
            rounds,
            copy=lambda: _copy(database, COPY_ZONES),
            stored=lambda: _copy(database, COPY_STORED_ZONES),
            page=lambda: site.get(f"/api/v1/zones?limit={POLYGONS}"),
            changed=lambda: site.get(f"/api/v1/zones?limit={POLYGONS}"),
            before={"changed": lambda: database.execute("UPDATE zones_zone SET changed_at = now()")},
        )
        points = _by_turns(
            rounds,
            copy=lambda: _copy(database, COPY_POSITIONS),
            stored=lambda: _copy(database, COPY_STORED_PRESENCES),
            page=lambda: site.get(f"/api/v1/positions?limit={POINTS}"),
        )
        detail = _details(site, asset_id, rounds=max(rounds // 5, 3))
    return {
        "polygons": {**_medians(polygons), "ratio": _ratio(polygons, "page", "copy")}
        | {"ratio_changed": _ratio(polygons, "changed", "copy"), "ratio_stored": _ratio(polygons, "page", "stored")}
        | {"goal": GOALS["polygons"], "rows": POLYGONS},
        "points": {**_medians(points), "ratio": _ratio(points, "page", "copy")}
        | {"ratio_stored": _ratio(points, "page", "stored"), "goal": GOALS["points"], "rows": POINTS},
        "detail": {**detail, "goal": GOALS["detail"]},
        "wrong": wrong,
    }


def _people_things_places() -> tuple[str, str]:
    """Make a reader with a key and as many presences as a page of points has; return the token and one asset's id."""
    at, chance = now(), random.Random(3)
    [owner] = Organisation.objects.all()
    user = access.create_user(
        username="reader", password=None, organisation_id=None, is_staff=False, is_superuser=False, actor=SYSTEM, at=at
    )
    role = access.create_role(name="Reader", actions=ACTIONS, actor=SYSTEM, at=at)
    access.assign_role(role_id=role.pk, organisation_id=owner.pk, user_id=user.pk, group_id=None, actor=SYSTEM, at=at)
    _, token = access.create_api_key(user_id=user.pk, name="bench", scopes=ACTIONS, actor=SYSTEM, at=at)
    kind = create_asset_kind(slug="vessel", name="Vessel", actor=SYSTEM, at=at)
    assets = [Asset(name=f"Vessel {number}", kind=kind, organisation=owner) for number in range(POINTS)]
    Asset.objects.bulk_create(assets, batch_size=2_000)
    source, _ = Source.objects.get_or_create(slug="bench", defaults={"name": "Bench"})
    presences = [_presence(asset, source, chance) for asset in assets]
    Presence.objects.bulk_create(presences, batch_size=2_000)
    return token, str(assets[0].pk)


def _presence(asset: Asset, source: Source, chance: random.Random) -> Presence:
    at = now()
    return Presence(
        asset=asset,
        source=source,
        fixed_at=at,
        received_at=at,
        connectivity="online",
        lon=round(chance.uniform(-8, 2), 6),
        lat=round(chance.uniform(49, 60), 6),
        speed_mps=round(chance.uniform(0, 12), 2),
        course_deg=round(chance.uniform(0, 359), 1),
    )


def _by_turns(
    rounds: int, before: dict[str, Callable[[], object]] | None = None, **works: Callable[[], object]
) -> Timed:
    """Return the milliseconds of each work, done by turns so that all meet the same weather."""
    took: Timed = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            (before or {}).get(name, lambda: None)()
            begun = time.perf_counter()
            work()
            took[name].append((time.perf_counter() - begun) * 1e3)
    return took


def _details(site: Web, asset_id: str, *, rounds: int) -> dict[str, Any]:
    """Return answers a second of an asset and of the empty view, with several clients, by turns."""
    paths = {"asset": f"/api/v1/assets/{asset_id}", "empty": "/empty"}
    rates: Timed = {name: [] for name in paths}
    used: dict[str, float] = dict.fromkeys(paths, 0.0)
    for _ in range(rounds):
        for name, path in paths.items():
            before = site.processor_s()
            rates[name].append(site.rate(path, clients=4, seconds=1.0))
            used[name] += (site.processor_s() - before) / rates[name][-1]
    return {
        "per_s": round(statistics.median(rates["asset"])),
        "empty_per_s": round(statistics.median(rates["empty"])),
        "ratio": round(statistics.median(rates["asset"]) / statistics.median(rates["empty"]), 2),
        "ratio_of_processor_time": round(used["empty"] / used["asset"], 2),
    }


def _wrong(site: Web, database: psycopg.Connection[Any], asset_id: str) -> int:
    """Return how many things in the answers are not what the database says."""
    page = json.loads(site.get(f"/api/v1/zones?limit={POLYGONS}"))["items"]
    ours = " ".join(f"{zone['id']}/{_vertices(zone['area'])}" for zone in page)
    [(theirs,)] = database.execute(COUNTED).fetchall()
    places = database.execute("SELECT asset_id::text, lon, lat FROM tracking_presence").fetchall()
    points = json.loads(site.get(f"/api/v1/positions?limit={POINTS}"))["items"]
    shown = {(each["id"], *each["geometry"]["coordinates"]) for each in points}
    asset = json.loads(site.get(f"/api/v1/assets/{asset_id}"))
    faults = len(shown ^ set(places)) + (ours != theirs) + (asset["name"] != "Vessel 0")
    return int(faults + (len(page) != Zone.objects.count()))


def _vertices(area: dict[str, Any]) -> int:
    return sum(len(ring) for polygon in area["coordinates"] for ring in polygon)


def _copy(database: psycopg.Connection[Any], statement: str) -> int:
    with database.cursor().copy(statement) as copied:
        return sum(len(bytes(block)) for block in copied)


def _medians(took: Timed) -> dict[str, float]:
    return {f"{name}_ms": round(statistics.median(times), 2) for name, times in took.items()}


def _ratio(took: Timed, work: str, limit: str) -> float:
    """Return the median of the ratios of each turn: both halves of one met the same weather."""
    return round(statistics.median(ours / bare for ours, bare in zip(took[work], took[limit], strict=True)), 2)


def missed(figures: dict[str, Any]) -> Sequence[str]:
    """Return the goals that were not met."""
    over = [name for name in ("polygons", "points") if figures[name]["ratio"] > GOALS[name]]
    return over + ["detail"] * (figures["detail"]["ratio"] < GOALS["detail"])


if __name__ == "__main__":
    sys.exit(main())
