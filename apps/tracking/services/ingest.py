"""The ingest spine: from reports to stored positions, presences, findings, incidents and events, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import structlog
from django.db import IntegrityError, transaction

from apps.access.types import Actor
from apps.assets.queries import asset_refs
from apps.core.types import AssetId, Unavailable
from apps.tracking.services.admission import Batch, admit
from apps.tracking.services.detection import detect
from apps.tracking.services.known import Known, forget_known, known
from apps.tracking.services.lane import lane_row, tell_lane
from apps.tracking.services.quarantine import set_aside
from apps.tracking.services.recording import record
from apps.tracking.services.storing import Held, Stale, Unseen, open_presences, store
from apps.tracking.services.watching import watch
from apps.tracking.types import Connectivity, IngestResult, Item, Submission
from apps.zones.queries import zones_hit

ATTEMPTS: Final = 6

log = structlog.get_logger(__name__)


def ingest(items: Sequence[Item], *, actor: Actor, source: str, received_at: datetime) -> IngestResult:
    """Store what one sender reported, and everything that follows from it; return what became of it.

    ``source`` is the slug of a registered source; raises ``Invalid`` for another. Sending twice has the effect of
    once. What cannot be a fix is quarantined and counted, never an error.
    """
    submission = Submission(actor=actor, source=source, received_at=received_at, items=items)
    return ingest_all([submission])[0]


def ingest_all(submissions: Sequence[Submission]) -> list[IngestResult]:
    """Store what several senders reported as one batch, together or not at all; return one result for each.

    An asset that was never heard of gets its presence row first, in a transaction of its own: so everybody who waits
    for a presence holds only presences with smaller ids, and nobody waits in a circle.
    """
    kept, trusts_presences = known(), True
    for _ in range(ATTEMPTS):
        batch = admit(submissions, kept)
        batch.trusts_presences = trusts_presences
        if unheard := kept.take_unheard():
            _open(unheard)
        try:
            return _ingest(batch, kept)
        except Unseen as unseen:
            _open(unseen.asset_ids)
        except Stale:
            kept = forget_known()
        except IntegrityError:
            if not trusts_presences:
                raise
            # Nobody foresaw it; but a sender shall not lose a batch by what we got wrong, if care can save it.
            log.exception("tracking.constraint_unforeseen")
            kept, trusts_presences = forget_known(), False
    raise Unavailable("Zones, assets or rights change too fast for this batch; try again.")


@transaction.atomic
def _ingest(batch: Batch, kept: Known) -> list[IngestResult]:
    index = kept.index
    fixes = [row.fix for row in batch.rows]
    hits = zones_hit(
        [fix.lon for fix in fixes],
        [fix.lat for fix in fixes],
        [fix.altitude_m for fix in fixes],
        [fix.fixed_at for fix in fixes],
        index,
        datums=[fix.altitude_datum for fix in fixes],
    )
    held = store(batch, kept.versions)
    changes = detect(batch, hits, held, index.find)
    if kept.running:
        changes = watch(batch, held, kept.running, changes)
    record(changes, index.find, at=max(submission.received_at for submission in batch.submissions))
    set_aside(batch)
    _broadcast(batch, held)
    return batch.results(held.duplicates)


def _open(asset_ids: Iterable[AssetId]) -> None:
    """Make the presences that assets lack, of those that there still are."""
    try:
        with transaction.atomic():
            open_presences(sorted(asset_refs(asset_ids)))
    except IntegrityError:
        # One was deleted in this very moment: the next attempt will not know it.
        return


def _broadcast(batch: Batch, held: Held) -> None:
    """Tell the positions lane, after the commit, where everything is that has moved."""
    moved = []
    for group, was in zip(batch.groups, held.rows, strict=True):
        fix, before = batch.rows[group.newest].fix, was.fixed_at
        if before is None or fix.fixed_at > before:
            is_unchanged = group.heard is Connectivity.LOST and before is not None
            moved.append(lane_row(group.asset, fix, was.connectivity if is_unchanged else group.heard))
    tell_lane(moved)
