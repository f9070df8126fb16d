"""The replay: the hour's reports at their time, through the public interface, with a subscriber that counts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import takewhile
from typing import Any

from apps.console.demo.dataset import broadcasts
from apps.console.demo.following import Follower
from apps.console.demo.reporting import Reporter
from apps.console.demo.schedule import Due, laps, preroll
from apps.console.demo.tally import Tally

STEP_S = 0.25
TELL_EVERY_S = 5.0
# What was sent last is still on its way to the subscriber.
LINGER_S = 2.0


class Replay:
    """One run. ``tell`` is given a line of progress every few seconds."""

    def __init__(self, url: str, *, key: str, speed: float, began_at: datetime, tell: Callable[[str], None]) -> None:
        self._speed = speed
        self._tell = tell
        self.tally = Tally()
        self._reporter = Reporter(url, key=key, began_at=began_at, tally=self.tally)
        self._follower = Follower(url, key=key, tally=self.tally)
        self._first_head: int | None = None

    def run(self, seconds: float | None) -> None:
        """Send until the time is over, or for ever. An interrupt ends it; ``finish`` is still to be called."""
        self._first_head = self._follower.head()
        self._follower.start()
        self._reporter.report(preroll(broadcasts(), speed=self._speed))
        began_s = told_s = time.monotonic()
        for step in self._steps(seconds):
            _sleep_until(began_s + step[-1].due_s)
            self._reporter.report(step)
            if time.monotonic() - told_s >= TELL_EVERY_S:
                told_s = time.monotonic()
                self._tell(self._progress())
        if seconds is not None:
            _sleep_until(began_s + seconds)

    def finish(self) -> dict[str, Any]:
        """Let the last frames arrive, and return what was counted."""
        time.sleep(LINGER_S)
        self._follower.stop()
        last_head = self._follower.head()
        known = last_head is not None and self._first_head is not None
        events = (last_head or 0) - (self._first_head or 0) if known else None
        return self.tally.summary() | {"events": events, "failed_requests": self.tally.failed_requests}

    def _steps(self, seconds: float | None) -> Iterator[Sequence[Due]]:
        """Yield what is due together: the reports of one step of time, never an empty one."""
        step: list[Due] = []
        for due in self._dues(seconds):
            if step and due.due_s - step[0].due_s >= STEP_S:
                yield step
                step = []
            step.append(due)
        if step:
            yield step

    def _dues(self, seconds: float | None) -> Iterator[Due]:
        dues = laps(broadcasts(), speed=self._speed)
        return dues if seconds is None else takewhile(lambda due: due.due_s < seconds, dues)

    def _progress(self) -> str:
        tally = self.tally
        latency = tally.latency_ms()["p50"]
        return (
            f"{tally.sent:,} fixes sent, {tally.stored:,} stored; "
            f"{tally.incidents['opened']} incidents opened, {tally.incidents['acknowledged']} acknowledged, "
            f"{tally.incidents['escalated']} escalated; {tally.frames:,} frames"
            + (f", {latency:g} ms from report to screen" if latency is not None else "")
        )


def _sleep_until(at_s: float) -> None:
    time.sleep(max(0.0, at_s - time.monotonic()))
