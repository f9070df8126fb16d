"""What late fixes change in what had been found: the stays around them, told again with the fixes in their place.

Late fixes lie in a gap between two fixes that are known already. What happened outside of the gap stands. Inside,
each zone's stays are told again from the fix before, the late ones and the fix after; the difference is what has to
be corrected. So the order in which fixes arrive changes nothing in the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import zip_longest

from apps.core.types import ZoneId
from apps.incidents.types import FindingKind
from apps.tracking.rules.presence import FindZone, dwelt_at
from apps.tracking.types import Correction, Fact, Stay
from apps.zones.types import ZoneRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Late fixes of one asset in their order, and the known fixes on both sides of them.

    ``before`` is ``None`` when nothing earlier is known. There is always something later, or they were not late.
    """

    before: datetime | None
    late: Sequence[tuple[datetime, Sequence[ZoneRef]]]
    after: datetime


def overlaps(stay: Stay, gap: Gap) -> bool:
    """Say whether a stay touches the gap, so that ``retell`` has to know of it."""
    return stay.entered_at <= gap.after and (gap.before is None or stay.left_at is None or stay.left_at > gap.before)


def retell(stays: Sequence[Stay], gap: Gap, find_zone: FindZone, *, latest: datetime) -> tuple[Stay, ...]:
    """Return the stays that overlap the gap as they are with the late fixes in their place, by zone and entry.

    ``latest`` is the latest fix known, until which an open stay has lasted for certain; what lies after it, the clock
    will find. Zones are judged as they are today; an exit that the clock saw inside the gap stands unless a late
    fix shows an earlier one.
    """
    zone_ids = {stay.zone_id for stay in stays} | {zone.id for _, hits in gap.late for zone in hits}
    told: list[Stay] = []
    for zone_id in sorted(zone_ids):
        known = [stay for stay in stays if stay.zone_id == zone_id]
        told += _Telling(zone_id, known, gap, find_zone(zone_id), latest).stays()
    return tuple(told)


def corrections(before: Iterable[Stay], after: Iterable[Stay]) -> tuple[Correction, ...]:
    """Return what turns the facts of the one set of stays into those of the other.

    A fact that only moved is one correction; one that was missed, or never was, is one with a side empty.
    """
    old = [fact for stay in before for fact in facts_of(stay)]
    new = [fact for stay in after for fact in facts_of(stay)]
    gone = [fact for fact in old if fact not in new]
    come = [fact for fact in new if fact not in old]
    found: list[Correction] = []
    for subject in sorted({_subject(fact) for fact in gone + come}):
        pairs = zip_longest(
            (fact for fact in gone if _subject(fact) == subject), (fact for fact in come if _subject(fact) == subject)
        )
        found += [Correction(before=was, after=is_) for was, is_ in pairs]
    return tuple(found)


def facts_of(stay: Stay) -> tuple[Fact, ...]:
    """Return what a stay amounts to, told as findings."""
    facts = [Fact(kind=FindingKind.ENTERED, at=stay.entered_at, zone_id=stay.zone_id)]
    for kind, at in ((FindingKind.DWELT, stay.dwelt_at), (FindingKind.LEFT, stay.left_at)):
        if at is not None:
            facts.append(Fact(kind=kind, at=at, zone_id=stay.zone_id, since=stay.entered_at))
    return tuple(facts)


class _Telling:
    """The story of one zone in one gap. ``opening`` covers the fix before the gap, ``closing`` the one after."""

    def __init__(
        self, zone_id: ZoneId, known: Sequence[Stay], gap: Gap, zone: ZoneRef | None, latest: datetime
    ) -> None:
        self._zone_id, self._known, self._gap, self._zone, self._latest = zone_id, known, gap, zone, latest
        self._opening = None if gap.before is None else _covering(known, gap.before)
        self._closing = _covering(known, gap.after)
        self._told: list[Stay] = []

    def stays(self) -> list[Stay]:
        entered_at = self._opening.entered_at if self._opening else None
        for at, hits in self._gap.late:
            is_inside = any(zone.id == self._zone_id for zone in hits)
            if entered_at is not None and (left_at := self._left_at(entered_at, at, is_inside=is_inside)):
                self._tell(entered_at, left_at)
                entered_at = None
            if is_inside and entered_at is None:
                entered_at = at
        if self._closing is not None:
            self._tell(entered_at or self._gap.after, self._closing.left_at)
        elif entered_at is not None:
            self._tell(entered_at, self._left_at(entered_at, self._gap.after, is_inside=False))
        return self._told

    def _left_at(self, entered_at: datetime, at: datetime, *, is_inside: bool) -> datetime | None:
        """Return when a stay was over that is looked at again at ``at``; ``None`` if it goes on."""
        ends = [at] if not is_inside else []
        if self._zone is not None and self._zone.ends_at is not None and self._zone.ends_at <= at:
            ends.append(max(self._zone.ends_at, entered_at))
        clock = self._opening.left_at if self._opening and entered_at == self._opening.entered_at else None
        if clock is not None and clock <= at and clock < self._gap.after:
            ends.append(clock)
        return min(ends, default=None)

    def _tell(self, entered_at: datetime, left_at: datetime | None) -> None:
        same = next((stay for stay in self._known if stay.entered_at == entered_at), None)
        if same is not None and same.left_at == left_at:
            self._told.append(same)
            return
        # The clock may have found a dwell after the latest fix already: then it lasted until there as well.
        noted = self._closing.dwelt_at if self._closing else None
        until = left_at or max(self._latest, noted or self._latest)
        stay = Stay(zone_id=self._zone_id, entered_at=entered_at, left_at=left_at)
        self._told.append(replace(stay, dwelt_at=dwelt_at(entered_at, self._zone, until)))


def _covering(stays: Sequence[Stay], at: datetime) -> Stay | None:
    return next((stay for stay in stays if stay.entered_at <= at and (stay.left_at is None or at < stay.left_at)), None)


def _subject(fact: Fact) -> tuple[str, str]:
    return str(fact.zone_id), fact.kind.value
