"""Requests, reports and frames that nobody thought of, made of the OpenAPI document and of the protocols.

As everybody of the permission tests: the owner, a member, a stranger, somebody without anything, nobody. Never a 5xx,
never an error that is no problem+json, never a frame that is no protocol, never a word of another organisation's. On a
database of its own. What is found is made small, and told with its seed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time

from benchmarks._database import make_database

os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings.test"
make_database("watchfloor_fuzz")

import django  # noqa: E402 - the database must be named before

django.setup()

from django.core.management import call_command  # noqa: E402 - models can be imported only after setup

from apps.access.registry import all_actions  # noqa: E402
from benchmarks._fuzz.surfaces import fuzz  # noqa: E402
from tests.flows.world import make_world  # noqa: E402


def main() -> int:
    """Fuzz, print one JSON object, and fail when anything was wrong."""
    parser = argparse.ArgumentParser(prog="./dev fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=round(time.time()), help="the same examples in the same order")
    options = parser.parse_args()
    call_command("migrate", verbosity=0)
    found = fuzz(make_world(frozenset(all_actions())), seconds=options.minutes * 60, first=options.seed)
    for failure in found["failures"]:
        print(f"WRONG: {failure}", file=sys.stderr)
    examples = sum(found[surface]["examples"] for surface in ("rest", "ingest", "feed"))
    checked = "no 5xx, problems that are whole, frames as described, nothing of another organisation's"
    report = {"name": "fuzz", "figure": examples, "unit": "examples", "limit": examples, "ratio": 1.0}
    if found["failures"]:
        report["ratio"] = 0.0
    print(json.dumps(report | {"seed": options.seed, **found, "checked": checked}))
    return 1 if found["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
