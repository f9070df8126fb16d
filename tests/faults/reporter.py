"""A reporter as devices are: it keeps what it has until somebody says that it has been taken."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

GIVE_UP_SECONDS = 180.0
FAR_OUT_AT_SEA = (-68.0, 38.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One position of one vessel."""

    mmsi: str
    fixed_at: datetime
    lon: float
    lat: float

    def as_json(self) -> dict[str, Any]:
        """Return the report as ``POST /api/v1/positions`` takes it."""
        return {
            "asset": f"mmsi:{self.mmsi}",
            "fixed_at": self.fixed_at.isoformat(),
            "lon": self.lon,
            "lat": self.lat,
        }


def crossings(vessels: Sequence[str], inside: tuple[float, float], *, rounds: int) -> list[list[Report]]:
    """Return ``rounds`` batches in which every vessel is far out, then inside a zone, then far out, and so on.

    The last batch is from about now, each a second after the one before.
    """
    start = datetime.now(UTC) - timedelta(seconds=rounds)
    places = (FAR_OUT_AT_SEA, inside)
    return [
        [
            Report(
                mmsi=mmsi,
                fixed_at=start + timedelta(seconds=number),
                lon=places[number % 2][0],
                lat=places[number % 2][1],
            )
            for mmsi in vessels
        ]
        for number in range(rounds)
    ]


class Reporter:
    """Sends batches in order from a thread of its own, each again and again until it was accepted."""

    def __init__(self, url: str, key: str, batches: Sequence[Sequence[Report]], *, pause_s: float = 0.0) -> None:
        self.url = f"{url}/api/v1/positions"
        self.headers = {"Authorization": f"Bearer {key}"}
        self.batches = batches
        self.pause_s = pause_s
        self.accepted = 0
        self.refused: list[str] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> Reporter:
        """Begin."""
        self._thread.start()
        return self

    def finish(self) -> None:
        """Wait until everything has been accepted."""
        self._thread.join(GIVE_UP_SECONDS)
        if self._error is not None:
            raise self._error
        assert not self._thread.is_alive(), f"only {self.accepted} of {len(self.batches)} batches were accepted"

    def _run(self) -> None:
        try:
            with httpx.Client(timeout=60, headers=self.headers) as client:
                for batch in self.batches:
                    _insist(lambda batch=batch: self._send(client, batch))  # type: ignore[misc]
                    self.accepted += 1
                    time.sleep(self.pause_s)
        except BaseException as error:  # noqa: BLE001  handed to whoever waits
            self._error = error

    def _send(self, client: httpx.Client, batch: Sequence[Report]) -> bool:
        try:
            answer = client.post(self.url, json=[report.as_json() for report in batch])
        except httpx.TransportError as error:
            self.refused.append(type(error).__name__)
            return False
        if answer.status_code >= 500:
            self.refused.append(str(answer.status_code))
            assert answer.status_code in (502, 503), answer.text
            return False
        assert answer.status_code == 200, answer.text
        assert answer.json()["quarantined"] == 0, answer.text
        return True


def _insist(attempt: Callable[[], bool]) -> None:
    deadline = time.monotonic() + GIVE_UP_SECONDS
    while not attempt():
        assert time.monotonic() < deadline, "never accepted"
        time.sleep(0.1)
