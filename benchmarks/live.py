"""The feed to many sockets, beside a bare broadcast of the same texts by the same server in the same run.

Three figures: deliveries a second when events come faster than they can be sent, how late they are at 10,000
deliveries a second, and how long a change of access takes to reach every socket, each of another person, while events
go on. A delivery is one event that one socket has received. Events go the whole way: written, numbered, read by the
hub, decided for every audience, encoded, sent. Publisher, server and client are three processes.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings.prod")
django.setup()

from django.core.management import call_command  # noqa: E402 - models can be imported only after setup
from shapely import MultiPolygon, box  # noqa: E402

from apps.access import services as access  # noqa: E402
from apps.access.models import AttributeDefinition  # noqa: E402
from apps.access.types import SYSTEM  # noqa: E402
from apps.core import clock  # noqa: E402
from apps.core.ids import new_id  # noqa: E402
from apps.events.services import publish, relay  # noqa: E402
from apps.events.types import Change, NewEvent  # noqa: E402
from apps.zones.services import create_zone, create_zone_kind  # noqa: E402
from apps.zones.types import ZoneDraft  # noqa: E402
from benchmarks._ports import free_port, wait_for  # noqa: E402
from benchmarks._short import read_options  # noqa: E402

GOAL_RATIO, GOAL_P99_MS, GOAL_BYTES_PER_SOCKET, GOAL_CHANGE_S = 0.55, 60.0, 25_000, 5.0
# Events a second while access changes.
BESIDE = 10
RATE = 10_000
CHECKOUT = Path(__file__).resolve().parent.parent


class Process:
    """A child that takes JSON lines, or tab-separated texts, and may answer in JSON lines."""

    def __init__(self, *arguments: str) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-m", *arguments], cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.pid = self._child.pid

    def write(self, line: str) -> None:
        """Send one line."""
        assert self._child.stdin is not None
        self._child.stdin.write(line + "\n")
        self._child.stdin.flush()

    def ask(self, do: str, **order: Any) -> dict[str, Any]:
        """Send an order and return the answer."""
        self.write(json.dumps({"do": do, **order}))
        assert self._child.stdout is not None
        answer: dict[str, Any] = json.loads(self._child.stdout.readline())
        return answer

    def end(self) -> None:
        """Stop it."""
        self._child.kill()
        self._child.wait()

    def resident_bytes(self) -> int:
        """Return how much memory it holds."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return 1024 * int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))

    def processor_s(self) -> float:
        """Return how many seconds of a processor it has used; unlike the clock, that hardly feels a busy machine."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class World:
    """An organisation, readers with keys, and zones that change."""

    def __init__(self, *, readers: int, audiences: int) -> None:
        call_command("migrate", verbosity=0)
        name = f"bench {new_id()}"
        self.organisation = access.create_organisation(
            name=name, slug=name.replace(" ", "-"), parent_id=None, actor=SYSTEM, at=clock.now()
        )
        role = access.create_role(name=name, actions=["zones.view"], actor=SYSTEM, at=clock.now())
        self.user_ids: list[UUID] = []
        self.headers = [[("Authorization", f"Bearer {self._reader(role.pk)}")] for _ in range(readers)]
        self.frames = [[self._subscription(number)] for number in range(audiences)]
        self.zones = [new_id() for _ in range(50)]
        self.version = 0

    def _reader(self, role_id: UUID) -> str:
        at = clock.now()
        user = access.create_user(
            username=f"reader-{new_id()}", password=None, organisation_id=None, is_staff=False, is_superuser=False,
            actor=SYSTEM, at=at,
        )  # fmt: skip
        access.assign_role(
            role_id=role_id, organisation_id=self.organisation.pk, user_id=user.pk, group_id=None, actor=SYSTEM, at=at
        )
        self.user_ids.append(user.pk)
        key = access.create_api_key(user_id=user.pk, name="bench", scopes=["zones.view"], actor=SYSTEM, at=at)
        return str(key[1])

    def _subscription(self, number: int) -> dict[str, Any]:
        return {"type": "subscribe", "id": 1, "sub": "zones", "topic": "zones", "bbox": [-180 + number, -10, 180, 10]}

    def tell_apart(self) -> None:
        """Give each reader an attribute of their own, for a policy to ask about."""
        at = clock.now()
        if not AttributeDefinition.objects.filter(name="bench").exists():
            access.define_attribute(name="bench", type="text", actor=SYSTEM, at=at)
        for user_id in self.user_ids:
            access.set_attribute(user_id, "bench", str(user_id), actor=SYSTEM, at=at)

    def hidden_zone(self) -> UUID:
        """Return a zone in the boxes of all readers that none of them may see."""
        at, slug = clock.now(), f"bench-{new_id()}"
        self.elsewhere = access.create_organisation(name=slug, slug=slug, parent_id=None, actor=SYSTEM, at=at)
        kind = create_zone_kind(slug=slug, name=slug, actor=SYSTEM, at=at)
        draft = ZoneDraft(name="hidden", area=MultiPolygon([box(100, 0, 100.1, 0.1)]))
        zone = create_zone(draft, kind=kind, organisation=self.elsewhere, actor=SYSTEM, at=at)
        relay(at)
        return zone.pk

    def permit_all(self, *, alike: bool) -> None:
        """Let everybody see it."""
        condition = "" if alike else "name <> ${user.bench}"
        content: Any = {
            "name": f"bench {new_id()}", "effect": "permit", "actions": ["zones.view"], "condition": condition,
            "everybody": True,
        }  # fmt: skip
        access.create_policy(content, organisation_id=self.elsewhere.pk, actor=SYSTEM, at=clock.now())

    def go_on(self, stop: threading.Event) -> None:
        """Publish until told to stop."""
        while not stop.wait(1 / BESIDE):
            self.publish(1)

    def publish(self, events: int) -> None:
        """Write events and number them."""
        at = clock.now()
        publish([self._event() for _ in range(events)], actor=SYSTEM, at=at)
        relay(at)

    def _event(self) -> NewEvent:
        self.version += 1
        zone_id = self.zones[self.version % len(self.zones)]
        ring = [[100, 0], [100.1, 0], [100.1, 0.1], [100, 0]]
        shown = {
            "id": str(zone_id),
            "organisation_id": str(self.organisation.pk),
            "version": self.version,
            "geometry": {"type": "Polygon", "coordinates": [ring]},
            "properties": {"name": f"Zone {self.version}", "sent": round(time.time(), 6), "is_active": True},
        }
        return NewEvent(
            type="watchfloor.zone.updated.v1", noun="zones", object_id=zone_id,
            organisation_id=self.organisation.pk, change=Change.UPDATED, object=shown,
        )  # fmt: skip


def text_like_an_event(number: int) -> str:
    """Return a text as long as the feed's, for the bare broadcast."""
    frame = {
        "type": "event", "sub": "zones", "offset": number, "change": "upsert", "id": str(new_id()), "reason": "changed",
        "feature": {
            "type": "Feature", "id": str(new_id()), "organisation_id": str(new_id()), "version": number,
            "geometry": {"type": "Polygon", "coordinates": [[[100, 0], [100.1, 0], [100.1, 0.1], [100, 0]]]},
            "properties": {"name": f"Zone {number}", "sent": round(time.time(), 6), "is_active": True},
        },
        "event": {
            "id": str(new_id()), "type": "watchfloor.zone.updated.v1", "time": "2026-06-30T12:00:00.000000Z",
            "change": "updated", "lifecycle": None,
        },
    }  # fmt: skip
    return json.dumps(frame, separators=(",", ":"))


class Bench:
    """One run."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.world = World(readers=options.readers, audiences=options.audiences)
        self.client = Process("benchmarks._live.client")
        self.sent = 0
        self.bytes_per_socket: dict[str, int] = {}
        self.per_processor_s: dict[str, float] = {}
        self.failures: list[str] = []

    @contextmanager
    def server(self, kind: str, *, headers: Sequence[Any], frames: Sequence[Any]) -> Iterator[Process]:
        """Run a server with all sockets connected."""
        port = free_port()
        server = Process("benchmarks._live.server", kind, str(port))
        try:
            wait_for(port)
            # The first sockets load what is loaded once: they do not count as memory of a socket.
            first, others = self.options.sockets // 10, self.options.sockets - self.options.sockets // 10
            order = {"port": port, "headers": headers, "frames": frames}
            self.client.ask("connect", sockets=first, **order)
            before = server.resident_bytes()
            connected = self.client.ask("connect", sockets=others, **order)["connected"]
            self.check(connected == self.options.sockets, f"{kind}: {connected} sockets connected")
            self.bytes_per_socket[kind] = round((server.resident_bytes() - before) / others)
            yield server
        finally:
            self.client.ask("close")
            server.end()

    def saturate(self, kind: str, server: Process, send: Any) -> float:
        """Return deliveries a second when everything is sent at once, in bursts of 25 events."""
        events = self.options.events
        begun, used_s = time.time(), server.processor_s()
        for _ in range(events // 25):
            send(25)
        counted = self.client.ask("count", events=events, seconds=60)
        self.check(counted["is_complete"], f"{kind}: {counted['deliveries']} deliveries instead of all")
        self.check(counted["is_in_order"], f"{kind}: not in order")
        self.per_processor_s[kind] = counted["deliveries"] / (server.processor_s() - used_s)
        return float(counted["deliveries"] / (counted["last_at"] - begun))

    def pace(self, kind: str, send: Any) -> dict[str, Any]:
        """Return how late events are at ``RATE`` deliveries a second."""
        pause = self.options.sockets / RATE
        events = int(self.options.seconds / pause)
        due = time.perf_counter()
        for _ in range(events):
            send(1)
            due += pause
            time.sleep(max(0.0, due - time.perf_counter()))
        counted = self.client.ask("count", events=events, seconds=30)
        self.check(counted["is_complete"] and counted["is_in_order"], f"{kind}: lost or mixed up at an even pace")
        return counted

    def send_bare(self, server: Process, events: int) -> None:
        """Let the bare server send texts."""
        texts = [text_like_an_event(self.sent + number) for number in range(events)]
        self.sent += events
        server.write("\t".join(texts))

    def change(self, *, alike: bool) -> float:
        """Return after how many seconds the last socket has what a policy for everybody gives, while events go on.

        ``alike`` are people who may all see the same; otherwise each may see something else than all others.
        """
        people = World(readers=self.options.sockets, audiences=1)
        if not alike:
            people.tell_apart()
        with self.server("feed", headers=people.headers, frames=people.frames):
            secret = people.hidden_zone()
            self.client.ask("listen", text=str(secret))
            stop = threading.Event()
            beside = threading.Thread(target=people.go_on, args=(stop,))
            beside.start()
            begun = time.time()
            people.permit_all(alike=alike)
            heard = self.client.ask("heard", seconds=30)
            stop.set()
            beside.join()
            self.check(heard["heard"] == self.options.sockets, f"{heard['heard']} sockets heard of a change of access")
            return float(heard["last_at"] - begun)

    def changes(self) -> dict[str, Any]:
        """Return how long changes of access take, each with as many people as there are sockets."""
        found = {name: round(self.change(alike=name == "alike"), 2) for name in ("alike", "apart")}
        return {"change_of_access_s": found, "goal_change_of_access_s": GOAL_CHANGE_S}

    def check(self, is_right: bool, said: str) -> None:  # noqa: FBT001 - reads as a sentence
        """Remember what is wrong."""
        if not is_right:
            self.failures.append(said)
            print(f"WRONG: {said}", file=sys.stderr)

    def run(self) -> dict[str, Any]:
        """Measure feed and limit in turn, several times, and return the figures."""
        feed, bare, ratios = [], [], []
        for _ in range(self.options.rounds):
            with self.server("bare", headers=[[]], frames=[[]]) as server:
                bare.append(self.saturate("bare", server, lambda events, to=server: self.send_bare(to, events)))
                bare_pace = self.pace("bare", lambda events, to=server: self.send_bare(to, events))
            with self.server("feed", headers=self.world.headers, frames=self.world.frames) as server:
                feed.append(self.saturate("feed", server, self.world.publish))
                feed_pace = self.pace("feed", self.world.publish)
            ratios.append(feed[-1] / bare[-1])
            print(f"feed {feed[-1]:,.0f}/s  bare {bare[-1]:,.0f}/s  ratio {ratios[-1]:.2f}  "
                  f"feed p50 {feed_pace['p50_ms']:.1f} p99 {feed_pace['p99_ms']:.1f} ms  "
                  f"bare p99 {bare_pace['p99_ms']:.1f} ms  {self.bytes_per_socket} B/socket")  # fmt: skip
        return {
            "name": "live",
            "figure": round(statistics.median(feed)),
            "unit": "deliveries/s",
            "limit": round(statistics.median(bare)),
            "ratio": round(statistics.median(ratios), 3),
            "goal_ratio": GOAL_RATIO,
            "per_processor_s": {kind: round(figure) for kind, figure in self.per_processor_s.items()},
            "sockets": self.options.sockets,
            "audiences": self.options.audiences,
            "paced": {
                "rate": RATE,
                "p50_ms": round(feed_pace["p50_ms"], 1),
                "p99_ms": round(feed_pace["p99_ms"], 1),
                "goal_p99_ms": GOAL_P99_MS,
                "bare_p99_ms": round(bare_pace["p99_ms"], 1),
            },
            "bytes_per_socket": self.bytes_per_socket["feed"],
            "bare_bytes_per_socket": self.bytes_per_socket["bare"],
            "goal_bytes_per_socket": GOAL_BYTES_PER_SOCKET,
            **self.changes(),
            "checked": "every socket got every event once; sampled sockets in the order of the log, without a gap",
            "failures": self.failures,
        }


def main() -> int:
    """Run, print, and fail when something was lost or mixed up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sockets", type=int, default=500)
    parser.add_argument("--readers", type=int, default=20, help="distinct users with keys")
    parser.add_argument("--audiences", type=int, default=20, help="distinct boxes")
    parser.add_argument("--events", type=int, default=500, help="events of the saturated part")
    parser.add_argument("--seconds", type=float, default=4.0, help="length of the paced part")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only-access", action="store_true", help="measure nothing but a change of access")
    options = read_options(parser, sockets=200, readers=20, rounds=1, events=200, seconds=2.0)
    bench = Bench(options)
    try:
        result = {**bench.changes(), "failures": bench.failures} if options.only_access else bench.run()
    finally:
        bench.client.end()
    print(json.dumps(result))
    return 1 if result["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
