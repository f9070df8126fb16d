"""What a replay counts, and what the feed showed of it. Pure: frames in, numbers out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

MMSI = "mmsi"
FINDING = "watchfloor.finding."
COUNTED_STATES = ("acknowledged", "escalated")


@dataclass(slots=True)
class Tally:
    """Counts of one replay. ``sent`` are fixes in requests; ``accepted`` those in requests that were answered 2xx."""

    sent: int = 0
    accepted: int = 0
    stored: int = 0
    duplicate: int = 0
    quarantined: int = 0
    failed_requests: int = 0
    frames: int = 0
    findings: Counter[str] = field(default_factory=Counter)
    incidents: Counter[str] = field(default_factory=Counter)
    latencies_s: list[float] = field(default_factory=list)
    _sent_at: dict[tuple[str, float], float] = field(default_factory=dict)
    _mmsi_of: dict[str, str] = field(default_factory=dict)

    def report_sent(self, mmsi: str, fixed_at: datetime, at_s: float) -> None:
        """Remember when a report left, on the clock that ``frame_received`` uses."""
        self.sent += 1
        self._sent_at[mmsi, _millisecond(fixed_at)] = at_s

    def answered(self, count: int, body: Mapping[str, Any]) -> None:
        """Take the answer to a request of ``count`` fixes."""
        self.accepted += count
        self.stored += body["stored"]
        self.duplicate += body["duplicate"]
        refused = body["quarantined"]
        self.quarantined += refused if isinstance(refused, int) else len(refused)

    def received(self, message: Any, at_s: float) -> None:
        """Take one decoded message of the feed: a frame, or an array of frames."""
        frames: Sequence[Mapping[str, Any]] = message if isinstance(message, list) else [message]
        for frame in frames:
            self.frames += 1
            self._frame(frame, at_s)

    def latency_ms(self) -> dict[str, float | None]:
        """Return median and 99th percentile from report to subscriber, in milliseconds."""
        ordered = sorted(self.latencies_s)
        return {name: _quantile_ms(ordered, share) for name, share in (("p50", 0.5), ("p99", 0.99))}

    def summary(self) -> dict[str, Any]:
        """Return the counts as the command prints them."""
        return {
            "sent": self.sent,
            "accepted": self.accepted,
            "stored": self.stored,
            "duplicate": self.duplicate,
            "quarantined": self.quarantined,
            "findings": dict(sorted(self.findings.items())),
            "incidents": {name: self.incidents[name] for name in ("opened", *COUNTED_STATES)},
            "frames": self.frames,
            "latency_ms": self.latency_ms(),
        }

    def _frame(self, frame: Mapping[str, Any], at_s: float) -> None:
        if frame["type"] == "snapshot" and frame["sub"] == "assets":
            self._learn(frame["features"])
        elif frame["type"] == "event" and frame["sub"] == "positions":
            self._position_event(frame, at_s)
        elif frame["type"] == "event" and frame["sub"] == "incidents":
            self._incident_event(frame.get("event") or {})

    def _learn(self, assets: Sequence[Mapping[str, Any]]) -> None:
        for asset in assets:
            for identifier in asset["properties"]["identifiers"]:
                if identifier["scheme"] == MMSI:
                    self._mmsi_of[asset["id"]] = identifier["value"]

    def _position_event(self, frame: Mapping[str, Any], at_s: float) -> None:
        if frame["change"] == "event":
            self.findings[frame["event"]["type"].removeprefix(FINDING).rpartition(".")[0]] += 1
            return
        if frame["change"] != "upsert" or "fixed_at" not in frame["feature"]["properties"]:
            return
        fixed_at = datetime.fromisoformat(frame["feature"]["properties"]["fixed_at"])
        sent_at = self._sent_at.pop((self._mmsi_of.get(frame["id"], ""), _millisecond(fixed_at)), None)
        if sent_at is not None:
            self.latencies_s.append(at_s - sent_at)

    def _incident_event(self, event: Mapping[str, Any]) -> None:
        if event.get("change") == "created":
            self.incidents["opened"] += 1
        state = (event.get("lifecycle") or {}).get("to")
        if event.get("change") == "transitioned" and state in COUNTED_STATES:
            self.incidents[state] += 1


def batches(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    """Yield the items in runs of at most ``size``."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _millisecond(at: datetime) -> float:
    return round(at.timestamp(), 3)


def _quantile_ms(ordered: Sequence[float], share: float) -> float | None:
    if not ordered:
        return None
    return round(1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 1)
