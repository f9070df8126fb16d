"""Who is looking, and what each may see: kept for all sockets of one actor, checked against the access version."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from apps.access.types import Actor, Predicate
from apps.live.hub.judged import Judged
from apps.live.types import LogRow

# How often a picture is compared anew that depends on the time of day.
TIMED_EVERY_S = 2


class Reach(NamedTuple):
    """What somebody may do an action to, and a short text that is the same for all who may do it to the same."""

    predicate: Predicate
    fingerprint: str


@dataclass(slots=True, eq=False)
class Reader:
    """One actor, its reach by action, and how many sockets it has."""

    actor: Actor
    reaches: dict[str, Reach] = field(default_factory=dict)
    sockets: int = 0

    def asks(self, action: str) -> bool:
        """Say whether a policy over the action must know what it judges."""
        reach = self.reaches.get(action)
        return reach is not None and bool(reach.predicate.policies)

    def sees(self, row: LogRow, judged: Judged) -> bool:
        """Say whether the actor may see all that a row speaks of besides; what was not loaded is not allowed."""
        return all(
            (reach := self.reaches.get(action)) is not None
            and reach.predicate.allows_at(object_id, owner, row.at, judged.get(object_id))
            for action, object_id, owner in row.also
        )


class Readers:
    """All readers of the process, by actor."""

    def __init__(self) -> None:
        self._by_actor: dict[Actor, Reader] = {}

    def enter(self, actor: Actor) -> Reader:
        """Return the reader of an actor for one more socket."""
        reader = self._by_actor.setdefault(actor, Reader(actor))
        reader.sockets += 1
        return reader

    def leave(self, reader: Reader) -> None:
        """Let go of a reader for one socket."""
        reader.sockets -= 1
        if not reader.sockets:
            self._by_actor.pop(reader.actor, None)

    def all(self) -> tuple[Reader, ...]:
        """Return every reader."""
        return tuple(self._by_actor.values())

    def stale(self, version: int, at: datetime) -> list[tuple[Actor, str]]:
        """Return what has to be read again at this access version and instant."""
        return [
            (reader.actor, action)
            for reader in self._by_actor.values()
            for action, reach in reader.reaches.items()
            if not reach.predicate.is_current(version, at)
        ]

    def put(self, reaches: dict[tuple[Actor, str], Predicate]) -> list[tuple[Reader, str]]:
        """Take over what was read; return those whose reach is another now."""
        changed = []
        for (actor, action), found in reaches.items():
            reader = self._by_actor.get(actor)
            if reader is None:
                continue
            before = reader.reaches.get(action)
            reach = reader.reaches[action] = Reach(found, fingerprint(found))
            if before is not None and before.fingerprint != reach.fingerprint:
                changed.append((reader, action))
        return changed


def fingerprint(reach: Predicate) -> str:
    """Return a short text that is the same for everybody who may see the same, in every process."""
    if reach.everything and not reach.policies:
        return "everything"
    content = hashlib.sha256(b"everything" if reach.everything else b"")
    for ids in (reach.organisation_ids, reach.object_ids):
        for id_ in sorted(id_.bytes for id_ in ids):
            content.update(id_)
        content.update(b"/")
    for periods in (reach.organisation_periods, reach.object_periods):
        for key, windows in sorted(periods.items()):
            content.update(f"{key}{windows}".encode())
        content.update(b"/")
    for clause in reach.policies.clauses:
        where = None if clause.organisation_ids is None else sorted(map(str, clause.organisation_ids))
        values = sorted((name, str(value)) for name, value in clause.values.items() if name != "now")
        content.update(f"{clause.policy_id}{clause.version}{clause.is_broken}{where}{values}".encode())
    if reach.policies.is_timed and reach.expires_at is not None:
        # Time itself changes what is seen, so the picture is compared anew from time to time.
        content.update(str(int(reach.expires_at.timestamp() / TIMED_EVERY_S)).encode())
    return content.hexdigest()[:32]
