"""From stored fixes to what they show: the rules applied to every asset of a batch.

Most assets are nowhere near a zone, before and after: for them nothing is built. Late fixes need to know the fixes and
the stays around them, which are read for all assets of the batch at once.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, NamedTuple

from django.db import connection

from apps.assets.types import AssetRef
from apps.core.types import AssetId, Fix
from apps.tracking.rules.lateness import Gap, corrections, overlaps, retell
from apps.tracking.rules.presence import FindZone, hear, step
from apps.tracking.rules.screening import EARLIEST
from apps.tracking.services.admission import Batch, Group, Row
from apps.tracking.services.storing import Held, HeldRow
from apps.tracking.types import Correction, Fact, Presence, Stay
from apps.zones.types import ZoneRef

Hits = Sequence[tuple[ZoneRef, ...]]

_AROUND: Final = """
SELECT place,
       (SELECT max(known.fixed_at) FROM tracking_position AS known
        WHERE known.asset_id = late.asset_id AND known.fixed_at < late.fixed_at),
       (SELECT min(known.fixed_at) FROM tracking_position AS known
        WHERE known.asset_id = late.asset_id AND known.fixed_at > late.fixed_at),
       (SELECT count(*) FROM tracking_position AS known
        WHERE known.asset_id = late.asset_id AND known.fixed_at = late.fixed_at)
FROM unnest(%s::int[], %s::uuid[], %s::timestamptz[]) AS late (place, asset_id, fixed_at)
"""
_STAYS: Final = """
SELECT asset_id, zone_id, entered_at, left_at, dwelt_at
FROM unnest(%s::uuid[], %s::timestamptz[]) AS late (asset_id, since) JOIN tracking_stay AS stay USING (asset_id)
WHERE left_at IS NULL OR left_at >= since
ORDER BY asset_id, zone_id, entered_at
"""


class Sighting(NamedTuple):
    """A fact and the fix that shows it; none where the clock found it."""

    fact: Fact
    fix: Fix | None


@dataclass(slots=True)
class Change:
    """What has been found of one asset, and how its stays are written from now on. ``was`` is its presence before."""

    asset: AssetRef
    was: Presence
    presence: Presence
    sightings: list[Sighting] = field(default_factory=list)
    corrections: list[tuple[Correction, Fix]] = field(default_factory=list)
    gone: list[Stay] = field(default_factory=list)
    written: list[Stay] = field(default_factory=list)


class Around(NamedTuple):
    """The known fixes before and after a late one, and how many there are of its very instant."""

    before: datetime | None
    after: datetime | None
    same: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What is known around the late fixes of a batch: by place, and the stays of their assets."""

    around: Mapping[int, Around]
    stays: Mapping[AssetId, Sequence[Stay]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """All that the rules look at: the rows, the zones that each is in, how to find a zone, and the past."""

    batch: Batch
    hits: Hits
    find_zone: FindZone
    past: Past

    def fix(self, place: int) -> Fix:
        """Return the fix of a row."""
        return self.batch.rows[place].fix


def detect(batch: Batch, hits: Hits, held: Held, find_zone: FindZone) -> list[Change]:
    """Return what the batch shows, asset by asset; assets of which nothing is to be told are absent."""
    late = _late_places(batch, held)
    scene = Scene(batch=batch, hits=hits, find_zone=find_zone, past=_read_past(batch, late))
    shown = _Shown()
    changes = []
    for group, row in zip(batch.groups, held.rows, strict=True):
        if late.isdisjoint(group.places) and shown.is_nothing_new(row, hits, group.places):
            continue
        presence = row.presence(group.asset.id)
        change = Change(asset=group.asset, was=presence, presence=presence)
        _tell_late(change, [place for place in group.places if place in late], scene)
        _tell_fresh(change, group, scene)
        changes.append(change)
    return changes


class _Shown:
    """Says without reading a presence whether fixes change anything about it; most change nothing.

    It compares the text of the zones that a presence is in with the text of the zones that were hit, which is made
    once for each set of zones.
    """

    def __init__(self) -> None:
        self._texts: dict[tuple[int, ...], str | None] = {}

    def is_nothing_new(self, row: HeldRow, hits: Hits, places: Sequence[int]) -> bool:
        """Say whether an asset is heard of and stays in the very zones in which it is, none of which has a dwell."""
        first = hits[places[0]]
        is_same = row.zone_ids == (self._text(first) if first else "{}")
        if not is_same or (row.connectivity == "lost" and row.fixed_at is not None):
            return False
        return len(places) == 1 or all(hits[place] == first for place in places)

    def _text(self, zones: Sequence[ZoneRef]) -> str | None:
        key = tuple(map(id, zones))
        if key not in self._texts:
            has_dwell = any(zone.dwell_after is not None for zone in zones)
            self._texts[key] = None if has_dwell else "{" + ",".join(str(zone.id) for zone in zones) + "}"
        return self._texts[key]


def _late_places(batch: Batch, held: Held) -> set[int]:
    """Return the rows that are older than what is known of their asset, and new nevertheless."""
    late: set[int] = set()
    for group, row in zip(batch.groups, held.rows, strict=True):
        known_at = row.fixed_at
        if known_at is not None and batch.rows[group.places[0]].fix.fixed_at < known_at:
            late.update(place for place in group.places if batch.rows[place].fix.fixed_at < known_at)
    return late - held.duplicates


def _tell_fresh(change: Change, group: Group, scene: Scene) -> None:
    presence = before = change.presence
    for place in group.places:
        fix = scene.fix(place)
        if presence.fixed_at is not None and fix.fixed_at <= presence.fixed_at:
            continue  # late, the same fix again, or the same instant from another source
        outcome = step(presence, fix.fixed_at, scene.hits[place], scene.find_zone)
        presence = outcome.presence
        change.sightings += [Sighting(fact, fix) for fact in outcome.facts]
        change.written += outcome.over
    change.written += [stay for stay in presence.stays if stay not in before.stays]
    change.presence = presence
    if presence.fixed_at != before.fixed_at:
        _hear(change, scene.batch.rows[group.newest])


def _hear(change: Change, row: Row) -> None:
    outcome = hear(change.was, row.fix.fixed_at, row.received_at, row.asset)
    change.presence = replace(change.presence, connectivity=outcome.presence.connectivity)
    change.sightings += [Sighting(fact, row.fix) for fact in outcome.facts]


def _tell_late(change: Change, places: Sequence[int], scene: Scene) -> None:
    known = scene.past.stays.get(change.asset.id, ())
    latest = change.presence.fixed_at
    if not places or latest is None:
        return
    fixes = _one_by_instant(places, scene)
    stays = _Stays(known)
    for run in _runs(list(fixes.values()), scene):
        gap = _gap(run, stays.entries, latest, scene)
        old = stays.around(gap)
        new = retell(old, gap, scene.find_zone, latest=latest)
        for correction in corrections(old, new):
            shown = fixes.get(correction.after.at) if correction.after else None
            _note_correction(change, correction, scene.fix(run[-1] if shown is None else shown))
        stays.replace(old, new)
    told = stays.all()
    change.gone += [stay for stay in known if stay not in told]
    change.written += sorted(told.difference(known), key=lambda stay: (stay.zone_id, stay.entered_at))
    still = sorted((stay for stay in told if stay.left_at is None), key=lambda stay: stay.zone_id)
    change.presence = replace(change.presence, stays=tuple(still))


class _Stays:
    """The stays of an asset while gap after gap is told again, each later than the one before.

    What ended before a gap is put away, what begins after it has not come up yet: so every gap looks at a few.
    """

    def __init__(self, known: Sequence[Stay]) -> None:
        self._coming = deque(sorted(known, key=lambda stay: stay.entered_at))
        self._near: list[Stay] = []
        self._past: list[Stay] = []
        self.entries = [stay.entered_at for stay in self._coming]

    def around(self, gap: Gap) -> list[Stay]:
        """Return the stays that overlap a gap."""
        while self._coming and self._coming[0].entered_at <= gap.after:
            self._near.append(self._coming.popleft())
        found = [stay for stay in self._near if overlaps(stay, gap)]
        self._past += [stay for stay in self._near if stay not in found]
        self._near = found
        return found

    def replace(self, old: Sequence[Stay], new: Sequence[Stay]) -> None:
        """Put stays as they are told now in place of what they were."""
        self._near = [stay for stay in self._near if stay not in old] + list(new)

    def all(self) -> set[Stay]:
        """Return every stay."""
        return {*self._past, *self._near, *self._coming}


def _one_by_instant(places: Sequence[int], scene: Scene) -> dict[datetime, int]:
    """Return one late row for each instant, leaving out instants that were known from another source."""
    instants: dict[datetime, list[int]] = {}
    for place in places:
        instants.setdefault(scene.fix(place).fixed_at, []).append(place)
    return {at: same[0] for at, same in instants.items() if scene.past.around[same[0]].same <= len(same)}


def _runs(places: Sequence[int], scene: Scene) -> list[list[int]]:
    """Return late rows together that have no known fix between them."""
    runs: list[list[int]] = []
    for place in places:
        if runs and scene.past.around[place].before == scene.fix(runs[-1][-1]).fixed_at:
            runs[-1].append(place)
        else:
            runs.append([place])
    return runs


def _gap(run: Sequence[int], entries: Sequence[datetime], latest: datetime, scene: Scene) -> Gap:
    """Return the gap in which a run of late fixes lies.

    The fix at which a known stay began may have been dropped with an old partition: its entry bears witness to it.
    """
    first = scene.fix(run[0]).fixed_at
    witness = bisect_left(entries, first)
    before = [entries[witness - 1]] if witness else []
    known, after = scene.past.around[run[0]].before, scene.past.around[run[-1]].after
    return Gap(
        before=max([*before, known] if known else before, default=None),
        late=[(scene.fix(place).fixed_at, scene.hits[place]) for place in run],
        after=min(after or latest, latest),
    )


def _note_correction(change: Change, correction: Correction, fix: Fix) -> None:
    """Note what a late fix changes; what had been missed altogether is a finding like any other, only late."""
    if correction.before is None and correction.after is not None:
        change.sightings.append(Sighting(correction.after, fix))
    else:
        change.corrections.append((correction, fix))


def _read_past(batch: Batch, late: Iterable[int]) -> Past:
    places = sorted(late)
    if not places:
        return Past(around={}, stays={})
    rows = [batch.rows[place] for place in places]
    with connection.cursor() as cursor:
        cursor.execute(_AROUND, [places, [row.asset.id for row in rows], [row.fix.fixed_at for row in rows]])
        around = {place: Around(*found) for place, *found in cursor.fetchall()}
        since: dict[AssetId, datetime] = {}
        for place, row in zip(places, rows, strict=True):
            at = around[place].before or EARLIEST
            since[row.asset.id] = min(at, since.get(row.asset.id, at))
        cursor.execute(_STAYS, [list(since), list(since.values())])
        stays: defaultdict[AssetId, list[Stay]] = defaultdict(list)
        for asset_id, zone_id, entered_at, left_at, dwelt_at in cursor.fetchall():
            stays[asset_id].append(Stay(zone_id=zone_id, entered_at=entered_at, left_at=left_at, dwelt_at=dwelt_at))
    return Past(around=around, stays=stays)
