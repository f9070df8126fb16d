"""Who may report what: from what was sent to rows that are known, allowed and plausible in time.

Whoever names an asset that does not exist and whoever names one that they may not report for get the same answer,
so that nobody learns which assets exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Final, NamedTuple, Self
from uuid import UUID

from apps.access.types import Predicate
from apps.assets.types import AssetRef
from apps.core.types import Feature, Fix
from apps.tracking.rules.presence import heard_of
from apps.tracking.rules.screening import FUTURE_TOLERANCE
from apps.tracking.services.known import Known, Sender
from apps.tracking.types import Connectivity, IngestResult, Quarantined, Refused, Report, Submission

UNKNOWN: Final = Refused(code="unknown_asset", detail="There is no such asset, or you may not report for it.")
INACTIVE: Final = Refused(code="inactive_asset", detail="The asset is out of service.")
FUTURE: Final = Refused(code="future", detail="The fix is from the future: the clock of the sender is wrong.")


class Row(NamedTuple):
    """One fix on its way into the table, and from which submission it came."""

    submission: int
    asset: AssetRef
    fix: Fix
    source_id: int
    received_at: datetime


class Aside(NamedTuple):
    """One item on its way into the quarantine; ``item`` stood at ``place`` in it, ``why`` is our reason."""

    submission: int
    place: int
    item: Report | Refused
    why: Refused
    organisation_id: UUID | None


class Group(NamedTuple):
    """The rows of one asset, in the order of their instants, and what the latest of them makes of contact.

    ``newest`` is the latest row; of two at the same instant the first one sent counts. ``silent_at`` is when the asset
    is late, or lost, if nothing more is heard of it.
    """

    asset: AssetRef
    places: Sequence[int]
    newest: int
    heard: Connectivity
    silent_at: datetime | None


@dataclass(slots=True)
class Batch:
    """Everything that is ingested at once."""

    submissions: Sequence[Submission]
    rows: list[Row] = field(default_factory=list)
    aside: list[Aside] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    trusts_presences: bool = True

    @property
    def is_distinct(self) -> bool:
        """Whether what is later than its presence must be new: no two rows of an asset are of the same instant."""
        rows = self.rows
        return self.trusts_presences and all(
            rows[place].fix.fixed_at != rows[following].fix.fixed_at
            for group in self.groups
            if len(group.places) > 1
            for place, following in pairwise(group.places)
        )

    def results(self, duplicates: Iterable[int]) -> list[IngestResult]:
        """Return what became of each submission, given the rows that were there already."""
        stored = [0] * len(self.submissions)
        doubled = [0] * len(self.submissions)
        kept: list[list[Quarantined]] = [[] for _ in self.submissions]
        for row in self.rows:
            stored[row.submission] += 1
        for place in duplicates:
            doubled[self.rows[place].submission] += 1
        for one in self.aside:
            kept[one.submission].append(Quarantined(index=one.place, code=one.why.code, detail=one.why.detail))
        return [
            IngestResult(stored=sent - again, duplicate=again, quarantined=tuple(aside))
            for sent, again, aside in zip(stored, doubled, kept, strict=True)
        ]


def admit(submissions: Sequence[Submission], known: Known) -> Batch:
    """Return the rows that may be stored and what has to be set aside.

    Raises ``Invalid`` for a source that nobody registered.
    """
    batch = Batch(submissions)
    doors = [Door.of(known.sender(submission.actor, submission.received_at)) for submission in submissions]
    strangers = [_strangers(*pair) for pair in zip(submissions, doors, strict=True)]
    assets = known.assets({item.asset for items in strangers for item in items if isinstance(item.asset, str)})
    for number, (items, door) in enumerate(zip(strangers, doors, strict=True)):
        named = (assets[item.asset] if isinstance(item.asset, str) else item.asset for item in items)
        things = known.judged(door.allowed, (asset.id for asset in named if asset is not None))
        source_id = known.source_id(submissions[number].source)
        _admit_one(batch, number, source_id, door._replace(things=things), assets)
    batch.groups = _groups(batch.rows)
    return batch


class Door(NamedTuple):
    """What a sender may report for, the assets that are let in already, and those that policies judge for it."""

    allowed: Predicate
    welcome: dict[str | AssetRef, AssetRef]
    things: Mapping[UUID, Feature]

    @classmethod
    def of(cls, sender: Sender) -> Self:
        """Return the door of a sender before anybody is judged."""
        return cls(sender.allowed, sender.welcome(), {})

    def allows(self, asset: AssetRef) -> bool:
        """Say whether the sender may report for the asset."""
        return self.allowed.allows(asset.id, asset.organisation_id, self.things.get(asset.id))


def _strangers(submission: Submission, door: Door) -> list[Report]:
    """Return the reports about assets for which it has not been found yet whether the sender may report for them."""
    return [item for item in submission.items if item.asset not in door.welcome and isinstance(item, Report)]


def _admit_one(batch: Batch, number: int, source_id: int, door: Door, assets: Mapping[str, AssetRef | None]) -> None:
    submission = batch.submissions[number]
    received_at = submission.received_at
    latest, add, welcome = received_at + FUTURE_TOLERANCE, batch.rows.append, door.welcome
    for index, item in enumerate(submission.items):
        if isinstance(item, Refused):
            batch.aside.append(Aside(number, index, item, item, submission.actor.organisation_id))
            continue
        asset, why = welcome.get(item.asset), None
        if asset is None:
            asset, why = _knock(item.asset, door, assets)
        if asset is not None and why is None:
            if item.fix.fixed_at <= latest:
                add(Row(number, asset, item.fix, source_id, received_at))
                continue
            why = FUTURE
        owner = submission.actor if asset is None or why is UNKNOWN else asset
        batch.aside.append(Aside(number, index, item, why or UNKNOWN, owner.organisation_id))


def _knock(
    name: str | AssetRef, door: Door, assets: Mapping[str, AssetRef | None]
) -> tuple[AssetRef | None, Refused | None]:
    """Return the asset and why nothing may be stored of it; who is let in once is welcome from then on.

    The same words for what does not exist and for what is somebody else's.
    """
    asset = assets[name] if isinstance(name, str) else name
    if asset is None or not door.allows(asset):
        return asset, UNKNOWN
    if not asset.is_active:
        return asset, INACTIVE
    door.welcome[name] = asset
    return asset, None


def _groups(rows: Sequence[Row]) -> list[Group]:
    """Return the rows by asset, in the order of ids, which is the one in which presences are locked.

    By the number that an id is, since ids themselves are hashed and compared in Python.
    """
    places_of: dict[int, list[int]] = {}
    for place, row in enumerate(rows):
        places = places_of.get(row.asset.id.int)
        if places is None:
            places_of[row.asset.id.int] = [place]
        else:
            places.append(place)
    return [_group(rows, places) for _, places in sorted(places_of.items())]


def _group(rows: Sequence[Row], places: list[int]) -> Group:
    newest = places[0]
    if len(places) > 1:
        places.sort(key=lambda place: (rows[place].fix.fixed_at, place))
        latest = rows[places[-1]].fix.fixed_at
        newest = next(place for place in places if rows[place].fix.fixed_at == latest)
    row = rows[newest]
    heard, silent_at = heard_of(row.fix.fixed_at, row.received_at, row.asset)
    return Group(row.asset, places, newest, heard, silent_at)
