"""Webhooks delivered a second to a receiver on this machine, beside a bare client that posts the same signed bodies.

Ours is everything between a numbered log and a settled delivery: reading as the owner, rows, claims, signatures,
posting, the log of attempts. The bare client (the same library, as many at once) only posts what lies ready. Both run
in turns against one receiver, a process of its own. A database of its own is made for it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import django
import uvloop

from benchmarks._database import make_database
from benchmarks._short import read_options

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings.prod")
os.environ["WATCHFLOOR_OUTBOUND_HOSTS"] = "127.0.0.1"
make_database("watchfloor_bench_webhooks")
django.setup()

from django.core.management import call_command  # noqa: E402 - models can be imported only after setup

from apps.access.services import create_organisation, create_user  # noqa: E402
from apps.access.types import SYSTEM  # noqa: E402
from apps.core import clock  # noqa: E402
from apps.core.ids import new_id  # noqa: E402
from apps.core.outbound import open_client, post  # noqa: E402
from apps.events import jobs, services  # noqa: E402
from apps.events.models import Attempt, Delivery  # noqa: E402
from apps.events.rules.webhooks import signed_headers  # noqa: E402
from apps.events.types import Change, NewEvent  # noqa: E402

SUBJECTS = 200


@contextmanager
def receiver() -> Iterator[str]:
    """Yield the address of a receiver in a process of its own."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks._webhooks.receiver"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}/hook"
        finally:
            process.kill()


def publish(count: int, organisation_id: object) -> None:
    """Write and number events of incidents, as many in turn about each subject."""
    subjects = [new_id() for _ in range(SUBJECTS)]
    events = [
        NewEvent(
            type="watchfloor.incident.updated.v1",
            noun="incidents",
            object_id=subjects[number % SUBJECTS],
            organisation_id=organisation_id,  # type: ignore[arg-type]  # an id
            change=Change.UPDATED,
            object={
                "id": str(subjects[number % SUBJECTS]),
                "organisation_id": str(organisation_id),
                "version": number + 1,
                "geometry": {"type": "Point", "coordinates": [-74.0, 40.6]},
                "properties": {"title": "A tug drifts", "severity": 3, "description": "x" * 300},
            },
        )
        for number in range(count)
    ]
    services.publish(events, actor=SYSTEM, at=clock.now())
    while services.number_pending(2_000):
        pass


def deliver_all(count: int) -> float:
    """Return how many seconds it took until all was delivered."""
    begun = time.perf_counter()
    services.owe_events(clock.now())
    while Delivery.objects.filter(state="waiting").exists():
        assert jobs.deliver(), "nothing can be delivered"
    took = time.perf_counter() - begun
    assert Delivery.objects.filter(state="delivered").count() == count
    return took


def post_all(url: str, bodies: Sequence[bytes], secret: str) -> float:
    """Return how many seconds a bare client took to post all of them, signed before."""
    at = clock.now()
    ready = [(body, {"content-type": "application/json", **signed_headers("x", body, [secret], at)}) for body in bodies]

    async def run() -> float:
        waiting = iter(ready)
        begun = time.perf_counter()
        async with open_client() as client:

            async def work() -> None:
                for body, headers in waiting:
                    answer = await post(client, url, body, headers, seconds=15)
                    assert answer.status == 204, answer

            await asyncio.gather(*(work() for _ in range(jobs.CONNECTIONS)))
        return time.perf_counter() - begun

    return uvloop.run(run())


def main() -> int:
    """Measure in turns; print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=3_000, help="how many in each turn")
    parser.add_argument("--turns", type=int, default=3)
    options = read_options(parser, events=500, turns=2)
    call_command("migrate", verbosity=0)
    organisation = create_organisation(name="Harbour", slug="harbour", actor=SYSTEM, at=clock.now())
    owner = create_user(username="owner", is_superuser=True, actor=SYSTEM, at=clock.now())
    with receiver() as url:
        given = {"name": "Receiver", "url": url}
        _, secret = services.create_endpoint(given, user_id=owner.pk, actor=SYSTEM, at=clock.now())
        ours, bare = [], []
        for _ in range(options.turns):
            publish(options.events, organisation.pk)
            ours.append(options.events / deliver_all(options.events))
            bodies = [each.encode() for each in Attempt.objects.values_list("sent", flat=True)]
            bare.append(options.events / post_all(url, bodies, secret))
            Delivery.objects.all().delete()
    figure, limit = statistics.median(ours), statistics.median(bare)
    report = {
        "name": "webhooks",
        "figure": round(figure),
        "unit": "deliveries/s",
        "limit": round(limit),
        "ratio": round(figure / limit, 2),
        "events": options.events,
        "subjects": SUBJECTS,
        "body_bytes": len(bodies[0]),
        "turns": [round(each) for each in ours],
    }
    print(json.dumps(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
