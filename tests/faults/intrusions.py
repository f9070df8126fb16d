"""Vessels that enter the security zone: the incidents that open by rule, and their escalation by the clock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

from tests.faults.harbour import Harbour
from tests.faults.reporter import FAR_OUT_AT_SEA, Report, Reporter

INCIDENTS: Final = """
SELECT incident.id FROM incidents_incident AS incident
JOIN assets_identifier AS identifier ON identifier.asset_id = incident.asset_id
WHERE identifier.value = ANY(%s) AND incident.zone_id = %s
"""
ESCALATIONS: Final = f"""
SELECT count(*), count(DISTINCT object_id) FROM lifecycle_transition
WHERE name = 'escalate' AND object_id IN ({INCIDENTS})
"""
# The rule waits for forty seconds; here for three at most, each for another time.
SOON: Final = f"""
UPDATE lifecycle_timer SET due_at = now() + random() * interval '3 seconds', claimed_until = NULL
WHERE object_id IN ({INCIDENTS}) AND due_at > now() + interval '5 seconds' RETURNING 1
"""
FORGOTTEN: Final = """
SELECT incident.id FROM incidents_incident AS incident
WHERE incident.state IN ('open', 'reopened') AND incident.escalate_after IS NOT NULL AND NOT EXISTS (
    SELECT FROM lifecycle_timer WHERE object_id = incident.id AND transition = 'escalate'
)
"""


class Intrusions:
    """Vessels that are now inside the zone, now far out; each opens one incident, at its first time inside."""

    def __init__(self, harbour: Harbour) -> None:
        self.harbour, self.floor = harbour, harbour.floor
        self.intruders: set[str] = set()
        self._is_inside = False

    @contextmanager
    def crossing(self, vessels: Sequence[str]) -> Iterator[None]:
        """Let all of these go where the last were not, beside the block; in the end it is stored."""
        self._is_inside = not self._is_inside
        lon, lat = self.harbour.inside if self._is_inside else FAR_OUT_AT_SEA
        at = datetime.now(UTC)
        batch = [Report(mmsi=mmsi, fixed_at=at, lon=lon, lat=lat) for mmsi in vessels]
        reporter = Reporter(self.floor.url("live", ""), self.harbour.key, [batch]).start()
        yield
        reporter.finish()
        if self._is_inside:
            self.intruders |= set(vessels)
        self.floor.rows(SOON, *self._about())

    def are_escalated(self) -> bool:
        """Say whether every incident has been escalated by now."""
        return bool(self.floor.rows(ESCALATIONS, *self._about())[0][1] == len(self.intruders))

    def forgotten(self) -> list[tuple[Any, ...]]:
        """Return incidents that are open, and that the clock would never escalate."""
        return self.floor.rows(FORGOTTEN)

    def wrong(self) -> dict[str, object]:
        """Return where incidents or their escalations are missing or double; empty when each has one."""
        due = len(self.intruders)
        found = {
            "incidents": len(self.floor.rows(INCIDENTS, *self._about())),
            "escalations": self.floor.rows(ESCALATIONS, *self._about())[0],
            "forgotten": self.forgotten(),
        }
        right = {"incidents": due, "escalations": (due, due), "forgotten": []}
        return {name: what for name, what in found.items() if what != right[name]}

    def _about(self) -> tuple[list[str], str]:
        return sorted(self.intruders), self.harbour.zone_id
