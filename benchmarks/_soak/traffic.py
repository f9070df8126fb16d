"""Who sends: vessels that sail in and out of a zone, and people who act on incidents. Both insist until answered."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tests.faults.floor import Floor
from tests.faults.reporter import FAR_OUT_AT_SEA, Report

GIVE_UP_SECONDS = 120.0
PATIENCE_S = 60.0
# Said by a server that is on its way out or up, or by one without its database: come again.
AWAY = (502, 503)
MOVES = {"open": "acknowledge", "acknowledged": "resolve", "escalated": "acknowledge", "resolved": "close"}


class Sender(threading.Thread):
    """A thread with an HTTP client. ``wrong`` gathers what nobody may ever meet, ``refused`` counts outages."""

    def __init__(self, floor: Floor, key: str, *, names: Sequence[str], seed: int) -> None:
        super().__init__(daemon=True)
        self.floor, self.names = floor, names
        self.chance = random.Random(seed)
        self.client = httpx.Client(timeout=PATIENCE_S, headers={"Authorization": f"Bearer {key}"})
        self.done = threading.Event()
        self.refused: Counter[str] = Counter()
        self.wrong: list[str] = []

    def run(self) -> None:
        """Act until told to stop; whatever goes wrong is told, not raised."""
        try:
            while not self.done.is_set():
                self.act()
        except Exception as error:  # noqa: BLE001 - a thread tells what ended it
            self.wrong.append(f"{type(self).__name__} ended: {error!r}")
        self.client.close()

    def act(self) -> None:
        """Do one thing."""
        raise NotImplementedError

    def insist(self, method: str, path: str, **request: Any) -> httpx.Response | None:
        """Send a request, by any server that is there, until somebody answers it; ``None`` when nobody ever did."""
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < deadline:
            try:
                answer = self.client.request(method, self.floor.url(self.chance.choice(self.names), path), **request)
            except httpx.TransportError as error:
                self.refused[type(error).__name__] += 1
            else:
                if answer.status_code not in AWAY:
                    return answer
                self.refused[str(answer.status_code)] += 1
            time.sleep(0.1)
        self.wrong.append(f"{method} {path} was not answered for {GIVE_UP_SECONDS:.0f} s")
        return None


class Sailor(Sender):
    """Reports its vessels together, out at sea and inside the zone by turns, each batch until it is accepted."""

    def __init__(
        self, floor: Floor, key: str, *, vessels: Sequence[str], inside: tuple[float, float], seed: int
    ) -> None:
        super().__init__(floor, key, names=("live", "live", "live", "web"), seed=seed)
        self.vessels, self.places = vessels, (FAR_OUT_AT_SEA, inside)
        self.accepted: list[list[Report]] = []
        self._latest = datetime.now(UTC) - timedelta(seconds=1)

    def act(self) -> None:
        """Report once, perhaps twice, and wait a moment."""
        batch = self._batch()
        for _ in range(2 if self.chance.random() < 0.1 else 1):
            answer = self.insist("POST", "/api/v1/positions", json=[report.as_json() for report in batch])
            if answer is None or answer.status_code != 200 or answer.json()["quarantined"]:
                self.wrong.append(f"a batch was answered {answer and (answer.status_code, answer.text[:300])}")
                self.done.set()
                return
        self.accepted.append(batch)
        self.done.wait(self.chance.uniform(0.05, 0.4))

    def _batch(self) -> list[Report]:
        self._latest = max(datetime.now(UTC), self._latest + timedelta(milliseconds=1))
        lon, lat = self.places[len(self.accepted) % 2]
        return [Report(mmsi=mmsi, fixed_at=self._latest, lon=lon, lat=lat) for mmsi in self.vessels]


class Officer(Sender):
    """Moves incidents along by hand, each move with an idempotency key until it is answered."""

    def __init__(self, floor: Floor, key: str, *, seed: int) -> None:
        super().__init__(floor, key, names=("web",), seed=seed)
        self.moved = 0

    def act(self) -> None:
        """Move one incident, if there is one."""
        self.done.wait(self.chance.uniform(0.2, 1.0))
        answer = self.insist("GET", "/api/v1/incidents?limit=50")
        incidents = answer.json()["items"] if self._is_right(answer, (200,)) and answer else []
        movable = [each for each in incidents if each["state"] in MOVES]
        if movable:
            self._move(self.chance.choice(movable))

    def _move(self, incident: dict[str, Any]) -> None:
        headers = {"If-Match": f'"{incident["version"]}"', "Idempotency-Key": str(uuid.uuid4())}
        answer = self.insist(
            "POST",
            f"/api/v1/incidents/{incident['id']}/transitions",
            json={"transition": MOVES[incident["state"]]},
            headers=headers,
        )
        # 409 and 412: the clock, or another officer, was there first.
        if self._is_right(answer, (200, 409, 412)) and answer is not None:
            self.moved += answer.status_code == 200

    def _is_right(self, answer: httpx.Response | None, expected: tuple[int, ...]) -> bool:
        if answer is not None and answer.status_code not in expected:
            self.wrong.append(f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text[:300]}")
        return answer is not None and answer.status_code in expected
