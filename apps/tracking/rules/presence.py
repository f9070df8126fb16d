"""What one fix, or the passing of time, makes of an asset's presence.

An asset enters a zone at its first fix inside, or at the instant at which the zone's validity begins around it. It
leaves at its first fix outside, or earlier, at the instant at which the validity ends. It has dwelt once it has stayed
as long as the zone says. Feeding the same fixes one by one or in batches, with the clock looking in between or not,
finds the same; beginnings apart, which only the clock sees, and only if it looks before the next fix.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol, TypeAlias

from apps.core.types import ZoneId
from apps.incidents.types import FindingKind
from apps.tracking.types import Connectivity, Fact, Presence, Stay
from apps.zones.types import ZoneRef

FindZone: TypeAlias = Callable[[ZoneId], ZoneRef | None]
"""Gives a zone that can be hit at all; ``None`` for one that was deleted or switched off."""


class Outcome(NamedTuple):
    """The presence afterwards, what was found in the order of its instants, and the stays that are over."""

    presence: Presence
    facts: tuple[Fact, ...] = ()
    over: tuple[Stay, ...] = ()


class Patience(Protocol):
    """Whatever says how long an asset may be silent before it is late, and before it is lost."""

    @property
    def late_after(self) -> timedelta:
        """The silence after which it is late."""

    @property
    def lost_after(self) -> timedelta:
        """The silence after which it is lost."""


def step(presence: Presence, fixed_at: datetime, hits: Sequence[ZoneRef], find_zone: FindZone) -> Outcome:
    """Return the presence after a fix that is later than all before it, and what the fix shows of zones.

    ``hits`` are the zones in force there and then. Facts come in the order of their instants.
    """
    if presence.fixed_at is not None and fixed_at <= presence.fixed_at:
        raise ValueError("A fix that is not the latest cannot move a presence.")
    hit_ids = {zone.id for zone in hits}
    kept, over, facts = _review(presence.stays, fixed_at, find_zone, hit_ids)
    staying = {stay.zone_id for stay in kept}
    for zone in hits:
        if zone.id not in staying:
            kept.append(Stay(zone_id=zone.id, entered_at=fixed_at))
            facts.append(Fact(kind=FindingKind.ENTERED, at=fixed_at, zone_id=zone.id))
    stays = tuple(sorted(kept, key=lambda stay: stay.zone_id))
    return Outcome(replace(presence, fixed_at=fixed_at, stays=stays), _in_order(facts), tuple(over))


def hear(presence: Presence, fixed_at: datetime, received_at: datetime, patience: Patience) -> Outcome:
    """Return the presence after hearing of a fix, as far as contact goes, and whether contact was regained."""
    heard = heard_as(presence, fixed_at, received_at, patience)
    if heard is Connectivity.LOST or presence.connectivity is not Connectivity.LOST or presence.fixed_at is None:
        return Outcome(replace(presence, connectivity=heard))
    fact = Fact(kind=FindingKind.REGAINED_CONTACT, at=fixed_at, since=presence.fixed_at)
    return Outcome(replace(presence, connectivity=heard), (fact,))


def heard_as(presence: Presence, fixed_at: datetime, received_at: datetime, patience: Patience) -> Connectivity:
    """Return how an asset stands after hearing of its latest fix.

    A buffered fix so old that the asset would be lost anyway changes nothing: it shows that there was contact then,
    not that there is contact now. Whether it is lost, the clock says.
    """
    heard = connectivity_at(fixed_at, received_at, patience)
    return presence.connectivity if heard is Connectivity.LOST and presence.fixed_at else heard


def elapse(presence: Presence, at: datetime, find_zone: FindZone, patience: Patience) -> Outcome:
    """Return the presence at an instant without a new fix, and what the passing of time alone shows.

    A zone that is no longer there is left at ``at``, since nobody can say better.
    """
    present = {stay.zone_id for stay in presence.stays if find_zone(stay.zone_id) is not None}
    kept, over, facts = _review(presence.stays, at, find_zone, present)
    connectivity = connectivity_at(presence.fixed_at, at, patience)
    if connectivity is Connectivity.LOST and presence.connectivity is not connectivity and presence.fixed_at:
        lost_at = presence.fixed_at + patience.lost_after
        facts.append(Fact(kind=FindingKind.LOST_CONTACT, at=lost_at, since=presence.fixed_at))
    return Outcome(replace(presence, connectivity=connectivity, stays=tuple(kept)), _in_order(facts), tuple(over))


def surround(presence: Presence, begun: Mapping[ZoneId, datetime]) -> Outcome:
    """Return the presence after zones came into force around its latest fix, each since an instant after that fix."""
    new = {zone_id: at for zone_id, at in begun.items() if zone_id not in {stay.zone_id for stay in presence.stays}}
    entered = [Stay(zone_id=zone_id, entered_at=at) for zone_id, at in new.items()]
    facts = [Fact(kind=FindingKind.ENTERED, at=at, zone_id=zone_id) for zone_id, at in new.items()]
    stays = tuple(sorted([*presence.stays, *entered], key=lambda stay: stay.zone_id))
    return Outcome(replace(presence, stays=stays), _in_order(facts))


def connectivity_at(fixed_at: datetime | None, at: datetime, patience: Patience) -> Connectivity:
    """Return how an asset stands whose latest fix is from ``fixed_at``; exactly at a limit is past it."""
    if fixed_at is None:
        return Connectivity.LOST
    silence = at - fixed_at
    if silence >= patience.lost_after:
        return Connectivity.LOST
    return Connectivity.LATE if silence >= patience.late_after else Connectivity.ONLINE


def heard_of(fixed_at: datetime, at: datetime, patience: Patience) -> tuple[Connectivity, datetime | None]:
    """Return how an asset stands whose latest fix is from ``fixed_at``, and when it changes if nothing more is heard.

    ``connectivity_at`` and ``next_silence`` in one, for whoever asks it of every asset of a batch.
    """
    late_at = fixed_at + patience.late_after
    if at < late_at:
        return Connectivity.ONLINE, late_at
    lost_at = fixed_at + patience.lost_after
    return (Connectivity.LATE, lost_at) if at < lost_at else (Connectivity.LOST, None)


def next_due(presence: Presence, find_zone: FindZone, patience: Patience) -> datetime | None:
    """Return when the clock next has something to say about this presence; ``None`` if never."""
    dues = [due for stay in presence.stays for due in _dues_of(stay, find_zone(stay.zone_id))]
    silent_at = next_silence(presence.connectivity, presence.fixed_at, patience)
    if silent_at is not None:
        dues.append(silent_at)
    return min(dues, default=None)


def next_silence(connectivity: Connectivity, fixed_at: datetime | None, patience: Patience) -> datetime | None:
    """Return when an asset becomes late, or lost, if nothing more is heard of it."""
    if fixed_at is None or connectivity is Connectivity.LOST:
        return None
    return fixed_at + (patience.late_after if connectivity is Connectivity.ONLINE else patience.lost_after)


def dwelt_at(entered_at: datetime, zone: ZoneRef | None, until: datetime) -> datetime | None:
    """Return when a stay became a dwell, if it did by ``until``."""
    if zone is None or zone.dwell_after is None:
        return None
    reached = entered_at + zone.dwell_after
    return reached if reached <= until else None


def _review(
    stays: Iterable[Stay], at: datetime, find_zone: FindZone, inside: set[ZoneId]
) -> tuple[list[Stay], list[Stay], list[Fact]]:
    """Return the open stays that go on at an instant, those that are over by then, and what is found of all of them."""
    kept: list[Stay] = []
    over: list[Stay] = []
    facts: list[Fact] = []
    for stay in stays:
        if stay.entered_at > at:
            # The clock saw the zone begin around the asset before this older fix came: the next one can tell more.
            kept.append(stay)
            continue
        zone = find_zone(stay.zone_id)
        left_at = _left_at(stay, zone, at, is_inside=stay.zone_id in inside)
        reached = stay.dwelt_at or dwelt_at(stay.entered_at, zone, left_at or at)
        if reached is not None and stay.dwelt_at is None:
            facts.append(Fact(kind=FindingKind.DWELT, at=reached, zone_id=stay.zone_id, since=stay.entered_at))
        if left_at is None:
            kept.append(stay if reached is stay.dwelt_at else replace(stay, dwelt_at=reached))
        else:
            over.append(replace(stay, left_at=left_at, dwelt_at=reached))
            facts.append(Fact(kind=FindingKind.LEFT, at=left_at, zone_id=stay.zone_id, since=stay.entered_at))
    return kept, over, facts


def _left_at(stay: Stay, zone: ZoneRef | None, at: datetime, *, is_inside: bool) -> datetime | None:
    """Return when a stay that is looked at again was over; ``None`` if it goes on."""
    if zone is not None and zone.ends_at is not None and zone.ends_at <= at:
        # An edit may have moved the end before the entry: a stay never ends before it began.
        return max(zone.ends_at, stay.entered_at)
    return None if is_inside else at


def _dues_of(stay: Stay, zone: ZoneRef | None) -> Iterable[datetime]:
    if zone is None:
        yield stay.entered_at
        return
    if zone.ends_at is not None:
        yield zone.ends_at
    if zone.dwell_after is not None and stay.dwelt_at is None:
        yield stay.entered_at + zone.dwell_after


def _in_order(facts: list[Fact]) -> tuple[Fact, ...]:
    return tuple(sorted(facts, key=lambda fact: fact.at))
