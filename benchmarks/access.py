"""Lists under access: pages and counts of a million assets, as ratios to the unrestricted query in the same run.

Everybody who is tried sees through the same doors as over REST. Beside them stands guardian's own
``get_objects_for_user``, and how many decisions a second the Python form makes. A database of its own is made for it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import django

from benchmarks._database import make_database
from benchmarks._short import read_options

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings.prod")
make_database("watchfloor_bench_access")
django.setup()

from django.contrib.auth.models import Permission  # noqa: E402 - models can be imported only after setup
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.db.models import QuerySet  # noqa: E402
from guardian.shortcuts import get_objects_for_user  # noqa: E402

from apps.access import services  # noqa: E402
from apps.access.models import Organisation, User  # noqa: E402
from apps.access.queries import actor_of_user, predicate, visible  # noqa: E402
from apps.access.types import SYSTEM, Actor  # noqa: E402
from apps.assets.models import Asset, AssetKind  # noqa: E402
from apps.core.branches import count_up_to, first_of  # noqa: E402
from apps.core.clock import now  # noqa: E402
from apps.core.types import Feature  # noqa: E402

ASSETS, ORGANISATIONS, GRANTS, PAGE = 1_000_000, 200, 1_000, 100
GOAL_PAGE, GOAL_COUNT_MS, GOAL_DECISIONS = 2.5, 2.0, 300_000
CAP = 1_001
VIEW = "assets.view"
CONDITION = "attributes.length_m > 180"
MAKE_ORGANISATIONS = """
INSERT INTO access_organisation (id, version, name, slug, parent_id, lineage)
SELECT id, 1, 'Organisation ' || n, 'organisation-' || n, NULL, ARRAY[id]
FROM (SELECT gen_random_uuid() AS id, n FROM generate_series(1, %s) AS n) AS new
"""
# Ids are as ``new_id`` makes them: in the order of time, whoever owns the row.
MAKE_ASSETS = """
WITH owners AS MATERIALIZED (SELECT array_agg(id ORDER BY id) AS ids FROM access_organisation)
INSERT INTO assets_asset (id, version, name, attributes, is_active, kind_id, organisation_id)
SELECT ('0197c5a2-' || lpad(to_hex(n / 65536), 4, '0') || '-7' || lpad(to_hex((n / 16) %% 4096), 3, '0') || '-8000-'
        || lpad(to_hex(n), 12, '0'))::uuid,
       1, 'Asset ' || n, jsonb_build_object('length_m', (n::bigint * 7919) %% 200), true, %s,
       ids[1 + ((n::bigint * 2654435761) %% array_length(ids, 1))]
FROM generate_series(1, %s) AS n, owners
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A kind of person, by how much they see and through what."""

    name: str
    actor: Actor
    user: User


def main() -> None:
    """Make the world, measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assets", type=int, default=ASSETS)
    parser.add_argument("--rounds", type=int, default=30)
    options = read_options(parser, assets=100_000, rounds=15)
    owners = make_world(options.assets)
    shapes = make_people(owners)
    rows = Asset.objects.select_related("kind")
    unrestricted = best_ms(lambda: list(first_of(rows, ("pk",), PAGE + 1)), options.rounds)
    all_count = best_ms(rows.count, 3)
    pages, counts, capped = {}, {}, {}
    for shape in shapes:
        require_truth(shape, options.assets)
        seen = visible(Asset.objects.all(), shape.actor, VIEW)
        pages[shape.name] = best_ms(partial(one_page, shape), options.rounds) / unrestricted
        counts[shape.name] = best_ms(seen.count, 3) / all_count
        capped[shape.name] = best_ms(partial(count_up_to, seen, CAP), 10)
    guardians = best_ms(lambda: list(guardian_page(shapes[1].user)), 5) / unrestricted
    decisions = decisions_per_second(shapes[0].actor, owners)
    report(pages, counts, capped, guardians, decisions, unrestricted_ms=unrestricted)


def make_world(assets: int) -> list[Organisation]:
    """Return the organisations that own the assets."""
    call_command("migrate", verbosity=0)
    kind = AssetKind.objects.create(slug="vessel", name="Vessel")
    with connection.cursor() as cursor:
        cursor.execute(MAKE_ORGANISATIONS, [ORGANISATIONS])
        cursor.execute(MAKE_ASSETS, [kind.pk, assets])
        cursor.execute("VACUUM ANALYZE")
    return list(Organisation.objects.order_by("id"))


def make_people(owners: list[Organisation]) -> list[Shape]:
    """Return one person of every shape."""
    mixed = make_person("mixed", owners[:5], grants=GRANTS)
    changes: Any = {
        "name": "Long ones",
        "effect": "permit",
        "user_ids": [mixed.user.pk],
        "actions": [VIEW],
        "condition": CONDITION,
    }
    services.create_policy(changes, organisation_id=owners[5].pk, actor=SYSTEM, at=now())
    with connection.cursor() as cursor:
        people = [
            mixed,
            make_person("grants", [], grants=GRANTS),
            make_person("one organisation", owners[6:7]),
            make_person("half of everything", owners[: ORGANISATIONS // 2]),
        ]
        cursor.execute("ANALYZE")
    return people


def make_person(name: str, places: list[Organisation], *, grants: int = 0) -> Shape:
    """Return somebody with a role in these organisations and grants on assets all over the table."""
    user = services.create_user(username=name.replace(" ", "-"), actor=SYSTEM, at=now())
    role = services.create_role(name=name, actions=[VIEW], actor=SYSTEM, at=now())
    for place in places:
        services.assign_role(role_id=role.pk, organisation_id=place.pk, user_id=user.pk, actor=SYSTEM, at=now())
    permission = Permission.objects.get(codename="view_asset", content_type__app_label="assets")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO assets_assetusergrant (user_id, permission_id, content_object_id, during) "
            "SELECT %s, %s, id, '(,)' FROM assets_asset TABLESAMPLE SYSTEM (2) REPEATABLE (7) LIMIT %s",
            [user.pk, permission.pk, grants],
        )
    return Shape(name=name, actor=actor_of_user(user), user=user)


def one_page(shape: Shape) -> list[Asset]:
    """Return the first page, as REST reads it."""
    rows: QuerySet[Any] = visible(Asset.objects.select_related("kind"), shape.actor, VIEW)
    return list(first_of(rows, ("pk",), PAGE + 1))


def guardian_page(user: User) -> Any:
    """Return the same page as guardian finds it."""
    return get_objects_for_user(user, "assets.view_asset", Asset, accept_global_perms=False).order_by("pk")[: PAGE + 1]


def require_truth(shape: Shape, assets: int) -> None:
    """Exit unless the fast page is what the plain condition gives, and nothing that may not be seen is in it."""
    rows = visible(Asset.objects.all(), shape.actor, VIEW)
    plain = list(rows.order_by("pk")[: PAGE + 1])
    reach = predicate(shape.actor, VIEW)
    fair = all(reach.allows(row.pk, row.organisation_id, feature_of(row)) for row in plain)
    if (
        plain != one_page(shape)
        or not fair
        or len(plain) != PAGE + 1
        or count_up_to(rows, CAP) != min(CAP, rows.count())
    ):
        sys.exit(f"What «{shape.name}» sees is not right, of {assets} assets.")


def feature_of(row: Asset) -> Feature:
    """Return an asset as policies judge it, without asking the database."""
    properties = {"attributes": row.attributes, "name": row.name, "is_active": row.is_active}
    return Feature(id=row.pk, organisation_id=row.organisation_id, version=1, properties=properties)


def decisions_per_second(actor: Actor, owners: list[Organisation]) -> float:
    """Return how many decisions one core makes, with a policy over an attribute and a box."""
    user_id = actor.user_id
    changes: Any = {
        "name": "Box",
        "effect": "permit",
        "user_ids": [user_id],
        "actions": ["incidents.view"],
        "condition": "severity >= 3 AND S_INTERSECTS(geometry, BBOX(0, 0, 10, 10))",
    }
    services.create_policy(changes, organisation_id=None, actor=SYSTEM, at=now())
    reach = predicate(actor, "incidents.view")
    things = [
        Feature(
            id=owner.pk,
            organisation_id=owner.pk,
            version=1,
            properties={"severity": 1 + number % 4},
            geometry={"type": "Point", "coordinates": [number % 20, 5.0]},
        )
        for number, owner in enumerate(owners)
    ]
    wanted = [(thing.id, thing.organisation_id, thing) for thing in things] * 100
    allowed = sum(reach.allows(*each) for each in wanted[: len(things)])
    expected = sum(thing.properties["severity"] >= 3 and number % 20 <= 10 for number, thing in enumerate(things))  # type: ignore[operator]
    if allowed != expected:
        sys.exit("The Python form decides wrongly.")
    best = min(cpu_s(lambda: [reach.allows(*each) for each in wanted]) for _ in range(5))
    return len(wanted) / best


def best_ms(work: Callable[[], Any], rounds: int) -> float:
    """Return the median of the fastest half, in milliseconds: whoever else uses the machine shall not count."""
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(sorted(times)[: max(1, rounds // 2)])


def cpu_s(work: Callable[[], Any]) -> float:
    """Return the processor time of some work."""
    began = time.process_time()
    work()
    return time.process_time() - began


def report(
    pages: dict[str, float],
    counts: dict[str, float],
    capped: dict[str, float],
    guardians: float,
    decisions: float,
    *,
    unrestricted_ms: float,
) -> None:
    """Print what was found, the last line as JSON."""
    for name, ratio in pages.items():
        print(f"{name}: page {ratio:.2f}, count {counts[name]:.2f} of unrestricted; capped count {capped[name]:.2f} ms")
    print(f"guardian's own page: {guardians:.1f}; {decisions:,.0f} decisions/s in Python")
    worst = max(pages.values())
    print(
        json.dumps(
            {
                "name": "access",
                "figure": round(worst, 2),
                "unit": "times the unrestricted page",
                "limit": GOAL_PAGE,
                "ratio": round(worst, 2),
                "pages": {name: round(each, 2) for name, each in pages.items()},
                "counts": {name: round(each, 2) for name, each in counts.items()},
                "capped_count_ms": {name: round(each, 2) for name, each in capped.items()},
                "guardian_page": round(guardians, 1),
                "decisions_per_s": round(decisions),
                "unrestricted_page_ms": round(unrestricted_ms, 3),
                "meets": {
                    "pages": worst <= GOAL_PAGE,
                    "capped_count": max(capped.values()) <= GOAL_COUNT_MS,
                    "decisions": decisions >= GOAL_DECISIONS,
                },
                "checked": "pages equal the plain condition's and the Python form; capped counts equal exact ones",
            }
        )
    )


if __name__ == "__main__":
    main()
