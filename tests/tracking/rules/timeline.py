"""Timelines for the rules: minutes on a clock, zones by letter, and a tracker that keeps nothing but stays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from apps.core.types import AssetId, OrganisationId, ZoneId
from apps.incidents.types import FindingKind
from apps.tracking.rules.lateness import Gap, corrections, facts_of, overlaps, retell
from apps.tracking.rules.presence import Outcome, step
from apps.tracking.types import Connectivity, Fact, Presence, Stay
from apps.zones.types import ZoneRef

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Kind:
    """As much of an asset's kind as the rules look at."""

    late_after: timedelta
    lost_after: timedelta


PATIENCE = Kind(late_after=timedelta(minutes=5), lost_after=timedelta(minutes=15))
SHIP = AssetId(UUID(int=1))
NOBODY = OrganisationId(UUID(int=2))


def minute(number: float) -> datetime:
    """Return the instant so many minutes after the start."""
    return START + timedelta(minutes=number)


def zone_id(letter: str) -> ZoneId:
    """Return the id of a zone named by a letter; ids sort as letters do."""
    return ZoneId(UUID(int=ord(letter)))


def zone(letter: str, *, dwell: float | None = None, ends: float | None = None) -> ZoneRef:
    """Return a zone; ``dwell`` and ``ends`` are in minutes."""
    return ZoneRef(
        id=zone_id(letter),
        organisation_id=NOBODY,
        kind_id=UUID(int=3),
        name=letter,
        dwell_after=None if dwell is None else timedelta(minutes=dwell),
        version=1,
        ends_at=None if ends is None else minute(ends),
    )


def online(**changes: object) -> Presence:
    """Return the presence of a ship that has been heard of but has no fix yet, changed as said."""
    return replace(Presence(asset_id=SHIP, connectivity=Connectivity.ONLINE), **changes)  # type: ignore[arg-type]


def stay(letter: str, entered: float, left: float | None = None, dwelt: float | None = None) -> Stay:
    """Return a stay, in minutes."""
    return Stay(
        zone_id=zone_id(letter),
        entered_at=minute(entered),
        left_at=None if left is None else minute(left),
        dwelt_at=None if dwelt is None else minute(dwelt),
    )


def fact(kind: FindingKind, at: float, letter: str | None = None, since: float | None = None) -> Fact:
    """Return a fact, in minutes."""
    return Fact(
        kind=kind,
        at=minute(at),
        zone_id=None if letter is None else zone_id(letter),
        since=None if since is None else minute(since),
    )


class Tracker:
    """What tracking does to one asset with the rules, without a database: the oracle of the laws.

    It keeps the zones known, the instants of all fixes, the stays that are over and the facts that stand.
    """

    def __init__(self, zones: Iterable[ZoneRef]) -> None:
        self.zones: Mapping[ZoneId, ZoneRef] = {each.id: each for each in zones}
        self.presence = online()
        self.instants: list[datetime] = []
        self.over: list[Stay] = []
        self.facts: list[Fact] = []

    @property
    def stays(self) -> set[Stay]:
        return {*self.over, *self.presence.stays}

    def take(self, fixes: Sequence[tuple[datetime, str]]) -> None:
        """Take one batch of fixes: what is later than all moves the presence, the rest is late."""
        known = self.presence.fixed_at
        fresh = sorted({at: letters for at, letters in fixes if known is None or at > known}.items())
        late = sorted({at: letters for at, letters in fixes if known is not None and at < known}.items())
        self._correct([(at, letters) for at, letters in late if at not in self.instants])
        for at, letters in fresh:
            self.note(step(self.presence, at, self._hits(at, letters), self.zones.get))
        self.instants = sorted({*self.instants, *(at for at, _ in fixes)})

    def _hits(self, at: datetime, letters: str) -> tuple[ZoneRef, ...]:
        """Return the zones of the letters that are in force at the instant."""
        found = (self.zones[zone_id(letter)] for letter in sorted(letters))
        return tuple(each for each in found if each.ends_at is None or at < each.ends_at)

    def note(self, outcome: Outcome) -> None:
        """Take over what a rule made of the presence, without what is about contact."""
        self.presence = outcome.presence
        self.over += outcome.over
        self.facts += [found for found in outcome.facts if found.zone_id is not None]

    def _correct(self, late: Sequence[tuple[datetime, str]]) -> None:
        for at, letters in late:
            before = max((known for known in self.instants if known < at), default=None)
            after = min(known for known in self.instants if known > at)
            latest = self.presence.fixed_at or after
            gap = Gap(before=before, late=[(at, self._hits(at, letters))], after=after)
            old = [each for each in sorted(self.stays, key=lambda s: (s.zone_id, s.entered_at)) if overlaps(each, gap)]
            new = retell(old, gap, self.zones.get, latest=latest)
            for change in corrections(old, new):
                if change.before:
                    self.facts.remove(change.before)
                if change.after:
                    self.facts.append(change.after)
            stays = (self.stays - set(old)) | set(new)
            self.over = [each for each in stays if each.left_at is not None]
            still = sorted((each for each in stays if each.left_at is None), key=lambda s: s.zone_id)
            self.presence = replace(self.presence, stays=tuple(still))
            self.instants = sorted([*self.instants, at])

    def told(self) -> set[Fact]:
        """Return the facts that its stays amount to."""
        return {each for one in self.stays for each in facts_of(one)}
