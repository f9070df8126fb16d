"""Berth visits on a floor: asked for over REST, and counted in the stores of the services as in our own."""

from __future__ import annotations

import json
import sqlite3
import urllib.request
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count, islice
from typing import Any, Final

import httpx

from tests.faults.floor import DESKS, Floor, wait_for

FAULTS: Final = "refuse,error,error-after,slow,hang,hang-after,die,die-after,answer-and-die:0.25"
# Vessels that are made for the test, and a key that may let them ask.
BRING: Final = """
from apps.access.models import Organisation, User
from apps.access.services import create_api_key
from apps.access.types import SYSTEM
from apps.assets.models import AssetKind
from apps.assets.services import create_asset
from apps.assets.types import IdentifierPair
from apps.core.clock import now
about = {{"kind": AssetKind.objects.get(slug="cargo"), "actor": SYSTEM, "at": now(),
          "organisation": Organisation.objects.get(slug="new-york-harbor-watch")}}
for mmsi in {mmsis}:
    create_asset(name=f"Visitor {{mmsi}}", identifiers=[IdentifierPair("mmsi", mmsi)], **about)
owner = User.objects.filter(is_superuser=True).order_by("pk").first()
scopes = ["assets.view", "assets.advance"]
print(create_api_key(user_id=owner.pk, name="visits", scopes=scopes, actor=SYSTEM, at=now())[1])
"""
BROUGHT: Final = """
SELECT value, asset_id::text FROM assets_identifier WHERE scheme = 'mmsi' AND value = ANY(%s) ORDER BY value
"""
VERSION: Final = "SELECT version FROM assets_asset WHERE id::text = %s"
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """A vessel that nobody has let ask yet."""

    mmsi: str
    asset_id: str


@dataclass(slots=True)
class Visits:
    """Vessels that ask for a berth and a pilot of services that go wrong."""

    floor: Floor
    asked: list[str] = field(default_factory=list)
    died: Counter[str] = field(default_factory=Counter)
    _key: str = ""
    _visitors: list[Visitor] = field(default_factory=list)

    def bring(self, vessels: int) -> None:
        """Make so many vessels, in a harbour whose services are not waited for long."""
        self.floor.execute(HURRY)
        mmsis = [str(each) for each in islice(_mmsis, vessels)]
        self._key = self.floor.manage("shell", "-v", "0", "-c", BRING.format(mmsis=mmsis)).split()[-1]
        self._visitors = [Visitor(mmsi=mmsi, asset_id=asset_id) for mmsi, asset_id in self.floor.rows(BROUGHT, mmsis)]

    def let_fail(self, faults: str) -> None:
        """Switch the faults of both desks."""
        for desk in DESKS:
            wait_for(partial(self._has_switched, desk, faults), f"{desk} to hear of its faults")

    def ask(self, visits: int) -> list[Visitor]:
        """Let so many more vessels ask, and return them."""
        asking, self._visitors = self._visitors[:visits], self._visitors[visits:]
        assert len(asking) == visits, "the harbour has no more visitors"
        for visitor in asking:
            headers = {"Authorization": f"Bearer {self._key}", "If-Match": f'"{self._version(visitor)}"'}
            url = self.floor.url("web", f"/api/v1/assets/{visitor.asset_id}/transitions")
            answer = httpx.post(url, json={"transition": "ask"}, headers=headers, timeout=60)
            assert answer.status_code == 200, answer.text
            self.asked.append(visitor.asset_id)
        return asking

    def revive(self) -> None:
        """Start those desks that have died of their own faults, as faulty as before."""
        for name in DESKS:
            if self.floor.processes[name].poll() is not None:
                self.died[name] += 1
                self.start(name)

    def start(self, name: str) -> None:
        """Start a process; a desk as faulty as before."""
        self.floor.start(name)
        if name in DESKS:
            wait_for(partial(self._has_switched, name, FAULTS), f"{name} to hear of its faults")

    def settle(self, *, seconds: float = 180.0) -> None:
        """Let nothing go wrong any more, and wait until nothing is going on."""
        self.revive()
        self.let_fail("")
        wait_for(self.is_settled, f"the visits to end\n{self.floor.log('worker')}", seconds=seconds)

    def is_going_on(self) -> bool:
        """Say whether anything is in the middle of a saga, or about to be."""
        return any(self.floor.value(query) for query in (GOING_ON, OWED, UNTOLD))

    def is_settled(self) -> bool:
        """Say whether nothing is owed to anybody."""
        self.revive_quietly()
        return not self.is_going_on() and not any(self.unanswered(desk) for desk in DESKS)

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

    def _version(self, visitor: Visitor) -> int:
        return int(self.floor.value(VERSION, visitor.asset_id))

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


# No vessel of the harbour has such a number; a harbour may be visited by several tests.
_mmsis = count(979_000_001)
