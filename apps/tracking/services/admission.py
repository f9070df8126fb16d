"""Who may report what: from what was sent to rows that are known, allowed and plausible in time.

Whoever names an asset that does not exist and whoever names one that they may not report for get the same answer,
so that nobody learns which assets exist.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from apps.access.types import Predicate
from apps.assets.types import AssetRef
from apps.core.types import AssetId, Fix
from apps.tracking.rules.screening import is_from_the_future
from apps.tracking.services.known import Known
from apps.tracking.types import IngestResult, Quarantined, Refused, Report, Submission

UNKNOWN: Final = Refused(code="unknown_asset", detail="There is no such asset, or you may not report for it.")
INACTIVE: Final = Refused(code="inactive_asset", detail="The asset is out of service.")
FUTURE: Final = Refused(code="future", detail="The fix is from the future: the clock of the sender is wrong.")


class Row(NamedTuple):
    """One fix on its way into the table, and from which submission it came."""

    submission: int
    asset: AssetRef
    fix: Fix
    source: str
    received_at: datetime


class Aside(NamedTuple):
    """One item on its way into the quarantine; ``item`` stood at ``place`` in it, ``why`` is our reason."""

    submission: int
    place: int
    item: Report | Refused
    why: Refused
    organisation_id: UUID | None


@dataclass(slots=True)
class Batch:
    """Everything that is ingested at once.

    ``places`` are the rows of each asset in the order of their instants, ``newest`` is the latest of them; of two at
    the same instant the first one sent counts.
    """

    submissions: Sequence[Submission]
    rows: list[Row] = field(default_factory=list)
    aside: list[Aside] = field(default_factory=list)
    places: dict[AssetId, list[int]] = field(default_factory=dict)
    newest: dict[AssetId, int] = field(default_factory=dict)

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
    """Return the rows that may be stored and what has to be set aside."""
    batch = Batch(submissions)
    names = {
        item.asset
        for submission in submissions
        for item in submission.items
        if isinstance(item, Report) and isinstance(item.asset, str)
    }
    assets = known.assets(names)
    for number, submission in enumerate(submissions):
        _admit_one(batch, number, known.may_report(submission.actor, submission.received_at), assets)
    batch.places = _places(batch.rows)
    batch.newest = {asset_id: _newest(batch.rows, places) for asset_id, places in batch.places.items()}
    return batch


def _admit_one(batch: Batch, number: int, allowed: Predicate, assets: Mapping[str, AssetRef | None]) -> None:
    submission = batch.submissions[number]
    received_at = submission.received_at
    for index, item in enumerate(submission.items):
        if isinstance(item, Refused):
            batch.aside.append(Aside(number, index, item, item, submission.actor.organisation_id))
            continue
        asset = assets[item.asset] if isinstance(item.asset, str) else item.asset
        if asset is None or not allowed.allows(asset.id, asset.organisation_id):
            batch.aside.append(Aside(number, index, item, UNKNOWN, submission.actor.organisation_id))
        elif not asset.is_active:
            batch.aside.append(Aside(number, index, item, INACTIVE, asset.organisation_id))
        elif is_from_the_future(item.fix.fixed_at, received_at):
            batch.aside.append(Aside(number, index, item, FUTURE, asset.organisation_id))
        else:
            batch.rows.append(Row(number, asset, item.fix, submission.source, received_at))


def _places(rows: Sequence[Row]) -> dict[AssetId, list[int]]:
    places: defaultdict[AssetId, list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        places[row.asset.id].append(place)
    for of_asset in places.values():
        if len(of_asset) > 1:
            of_asset.sort(key=lambda place: rows[place].fix.fixed_at)
    return dict(places)


def _newest(rows: Sequence[Row], places: Sequence[int]) -> int:
    latest = rows[places[-1]].fix.fixed_at
    return next(place for place in places if rows[place].fix.fixed_at == latest)
