"""Sends reports as a gateway of trackers would: batches over one kept-alive connection, again until answered."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from apps.console.demo.schedule import Due
from apps.console.demo.tally import Tally, batches

BATCH = 500
TIMEOUT_S = 15.0
RETRY_S = 1.0
PATH = "/api/v1/positions"


class Refused(Exception):
    """The server answered, and sending the same again would not help."""


class Reporter:
    """Posts due reports as positions. Not for several threads."""

    def __init__(self, url: str, *, key: str, began_at: datetime, tally: Tally) -> None:
        """``began_at`` is the instant that second 0 of the schedule becomes."""
        self._target = urlsplit(url)
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._began_at = began_at
        self._tally = tally
        self._connection: http.client.HTTPConnection | None = None

    def report(self, dues: Sequence[Due]) -> None:
        """Send the reports and count what became of them; raises ``Refused``."""
        for batch in batches(dues, BATCH):
            body = json.dumps([self._position(due) for due in batch]).encode()
            left_at = time.monotonic()
            for due in batch:
                self._tally.report_sent(due.broadcast.mmsi, self._instant(due), left_at)
            self._tally.answered(len(batch), self._deliver(body))

    def _deliver(self, body: bytes) -> dict[str, Any]:
        """Post until there is an answer. A batch that arrived twice is stored once, so asking again is safe."""
        while True:
            try:
                status, answer = self._post(body)
            except (OSError, http.client.HTTPException):
                status, answer = 503, b""
                self._hang_up()
            if status < 300:
                counted: dict[str, Any] = json.loads(answer)
                return counted
            if status < 500 and status not in (408, 429):
                raise Refused(f"{PATH} answered {status}: {answer[:300].decode(errors='replace')}")
            self._tally.failed_requests += 1
            time.sleep(RETRY_S)

    def _post(self, body: bytes) -> tuple[int, bytes]:
        if self._connection is None:
            secure = self._target.scheme == "https"
            kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
            self._connection = kind(self._target.netloc, timeout=TIMEOUT_S)
        self._connection.request("POST", PATH, body, self._headers)
        response = self._connection.getresponse()
        return response.status, response.read()

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _position(self, due: Due) -> dict[str, Any]:
        broadcast = due.broadcast
        return {
            "asset": f"mmsi:{broadcast.mmsi}",
            "fixed_at": self._instant(due).isoformat(),
            "lon": broadcast.lon,
            "lat": broadcast.lat,
            "speed_mps": broadcast.speed_mps,
            "course_deg": broadcast.course_deg,
            "heading_deg": broadcast.heading_deg,
        }

    def _instant(self, due: Due) -> datetime:
        at = self._began_at + timedelta(seconds=due.due_s)
        return at.replace(microsecond=at.microsecond // 1000 * 1000)
