"""Berth visits on a floor: asked for, disturbed, and counted in the stores of the services as in our own."""

from __future__ import annotations

import json
import random
import sqlite3
import time
import urllib.request
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from tests.faults.floor import DESKS, Floor, wait_for

RUNNING: Final = ("web", "worker", "clock", *DESKS)
VICTIMS: Final = ("worker", "clock", *DESKS)
FAULTS: Final = "refuse,error,error-after,slow,hang,hang-after,die,die-after,answer-and-die:0.25"
AT_SEA: Final = """
SELECT id::text FROM assets_asset WHERE lifecycle_key = 'berth-visit' AND state = 'at_sea' ORDER BY id LIMIT %s
"""
ASK: Final = """
from apps.access.types import SYSTEM
from apps.assets.models import Asset
from apps.core.clock import now
from apps.lifecycle.services import advance
for row in Asset.objects.filter(pk__in={ids}): advance(row, "ask", actor=SYSTEM, at=now())
"""
# Only our patience is shortened: what is proved does not depend on it.
HURRY: Final = """
UPDATE lifecycle_service SET timeout = interval '1 second', break_for = interval '1 second'
"""
GOING_ON: Final = "SELECT count(*) FROM lifecycle_saga WHERE finished_at IS NULL"
OWED: Final = "SELECT count(*) FROM lifecycle_call WHERE due_at IS NOT NULL"
UNTOLD: Final = "SELECT count(*) FROM lifecycle_effect WHERE kind = 'call-service' AND status = 'owed'"
STUCK: Final = "SELECT count(*) FROM lifecycle_call WHERE state = 'stuck'"
STATES: Final = "SELECT id::text, state FROM assets_asset WHERE id::text = ANY(%s)"
OUTCOMES: Final = """
SELECT count(*), count(DISTINCT object_id) FROM lifecycle_transition
WHERE object_id::text = ANY(%s) AND name IN ('confirm', 'refuse')
"""


@dataclass(slots=True)
class Visits:
    """Vessels that ask for a berth and a pilot, while things die."""

    floor: Floor
    seed: int
    asked: list[str] = field(default_factory=list)
    killed: Counter[str] = field(default_factory=Counter)
    chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        """Make chance repeatable."""
        self.chance = random.Random(self.seed)

    def open(self) -> None:
        """Start everything, with services that go wrong."""
        self.floor.execute(HURRY)
        for name in RUNNING:
            self.floor.start(name)
        self.let_fail(FAULTS)

    def let_fail(self, faults: str) -> None:
        """Switch the faults of both desks."""
        for desk in DESKS:
            wait_for(partial(self._has_switched, desk, faults), f"{desk} to hear of its faults")

    def ask(self, count: int) -> None:
        """Let so many more vessels ask."""
        ids = [id_ for (id_,) in self.floor.rows(AT_SEA, count)]
        assert len(ids) == count, "the harbour has no more vessels"
        self.floor.manage("shell", "-v", "0", "-c", ASK.format(ids=ids))
        self.asked += ids

    def disturb(self, kills: int) -> None:
        """Kill somebody at a random instant, and start them again, so many times."""
        for _ in range(kills):
            time.sleep(self.chance.uniform(0.05, 1.2))
            self.revive()
            victim = self.chance.choice(VICTIMS)
            self.floor.kill(victim)
            self.killed[victim] += 1
            time.sleep(self.chance.uniform(0.0, 0.4))
            self.start(victim)

    def revive(self) -> None:
        """Start those that have died of their own faults."""
        for name in DESKS:
            if self.floor.processes[name].poll() is not None:
                self.killed[f"{name} by itself"] += 1
                self.start(name)

    def start(self, name: str) -> None:
        """Start one, as faulty as before."""
        self.floor.start(name)
        if name in DESKS:
            wait_for(partial(self._has_switched, name, FAULTS), f"{name} to hear of its faults")

    def settle(self, *, seconds: float = 90.0) -> None:
        """Let nothing go wrong any more, and wait until nothing is going on."""
        self.revive()
        self.let_fail("")
        wait_for(self.is_settled, f"the visits to end\n{self.floor.log('worker')}", seconds=seconds)

    def is_settled(self) -> bool:
        """Say whether nothing is owed to anybody."""
        self.revive_quietly()
        waiting = [self.floor.value(query) for query in (GOING_ON, OWED, UNTOLD)]
        return not any(waiting) and not any(self.unanswered(desk) for desk in DESKS)

    def revive_quietly(self) -> None:
        """Start a desk that has died, without faults."""
        for name in DESKS:
            if self.floor.processes[name].poll() is not None:
                self.floor.start(name)

    def unanswered(self, desk: str) -> int:
        """Return how many answers a desk still owes."""
        rows = self._ask_store(desk, "callback IS NOT NULL AND state IN ('booked', 'pending')")
        return len(rows)

    def booked(self, desk: str) -> Counter[str]:
        """Return how often each visit is booked at a desk, by the desk's own store."""
        return Counter(visit for (visit,) in self._ask_store(desk, "state IN ('booked', 'pending')"))

    def wrong(self) -> dict[str, Any]:
        """Return what is neither both booked nor neither, and what is there twice; empty when all is right."""
        states = dict(self.floor.rows(STATES, self.asked))
        desks = {desk: self.booked(desk) for desk in DESKS}
        wrong: dict[str, Any] = {}
        for visit in self.asked:
            found = [desks[desk][visit] for desk in DESKS]
            expected = {"booked": [1, 1], "refused": [0, 0]}.get(states[visit])
            if found != expected:
                wrong[visit] = (states[visit], found)
        if (stuck := self.floor.value(STUCK)) > 0:
            wrong["stuck"] = stuck
        if self.floor.rows(OUTCOMES, self.asked) != [(len(self.asked), len(self.asked))]:
            wrong["outcomes"] = self.floor.rows(OUTCOMES, self.asked)
        return wrong

    def outcomes(self) -> Counter[str]:
        """Return how many visits came to which state."""
        return Counter(state for _, state in self.floor.rows(STATES, self.asked))

    def _has_switched(self, desk: str, faults: str) -> bool:
        """Say whether a desk has heard of its faults; one that died of them just now is started."""
        if self.floor.processes[desk].poll() is not None:
            self.floor.start(desk)
        body = json.dumps({"faults": faults}).encode()
        request = urllib.request.Request(self.floor.url(desk, "/faults"), data=body, method="PUT")
        try:
            urllib.request.urlopen(request, timeout=5).close()
        except OSError:
            return False
        return True

    def _ask_store(self, desk: str, condition: str) -> Sequence[tuple[str]]:
        path = f"file:{self.floor.store(desk)}?mode=ro"
        with sqlite3.connect(path, uri=True, timeout=10) as store:
            rows: list[tuple[str]] = store.execute(f"SELECT visit FROM booking WHERE {condition}").fetchall()
        store.close()
        return rows
