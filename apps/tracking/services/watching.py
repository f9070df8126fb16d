"""A batch beside the operations that run: their own assets keep to them or not, those of others intrude."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from apps.core.types import OrganisationId
from apps.incidents.types import FindingKind, OperationSnapshot
from apps.operations.queries.running import RunningOperations
from apps.operations.rules.following import Seen
from apps.operations.services import Crossing, follow_assets, note_intrusions
from apps.tracking.services.admission import Batch
from apps.tracking.services.detection import Change, Sighting
from apps.tracking.services.storing import Held
from apps.tracking.types import Fact


def watch(batch: Batch, held: Held, running: RunningOperations, changes: Sequence[Change]) -> list[Change]:
    """Let operations follow what is new of every asset; return the changes with the intrusions that this shows.

    The presences of the batch are locked.
    """
    seen = list(_seen(batch, held))
    follow_assets({each.asset_id: each.fixes for each in seen if running.of_asset(each.asset_id)}, running)
    by_asset: dict[UUID, Change] = {change.asset.id: change for change in changes}
    for crossing in note_intrusions(seen, running):
        if crossing.asset_id not in by_asset:
            by_asset[crossing.asset_id] = _no_change(crossing, batch, held)
        by_asset[crossing.asset_id].sightings.append(_sighting(crossing))
    return list(by_asset.values())


def _seen(batch: Batch, held: Held) -> Iterable[Seen]:
    """Yield the fixes of each asset that are later than all that was known of it."""
    for group, was in zip(batch.groups, held.rows, strict=True):
        fixes = (batch.rows[place].fix for place in group.places)
        new = [fix for fix in fixes if was.fixed_at is None or fix.fixed_at > was.fixed_at]
        if new:
            yield Seen(asset_id=group.asset.id, organisation_id=group.asset.organisation_id, fixes=new)


def _sighting(crossing: Crossing) -> Sighting:
    return Sighting(
        Fact(
            kind=FindingKind.INTRUDED if crossing.is_entry else FindingKind.WITHDREW,
            at=crossing.fix.fixed_at,
            since=None if crossing.is_entry else crossing.since,
            operation=OperationSnapshot(
                id=crossing.operation_id,
                title=crossing.title,
                organisation_id=OrganisationId(crossing.organisation_id),
            ),
        ),
        crossing.fix,
    )


def _no_change(crossing: Crossing, batch: Batch, held: Held) -> Change:
    """Return a change in which nothing else has been found."""
    for group, was in zip(batch.groups, held.rows, strict=True):
        if group.asset.id == crossing.asset_id:
            presence = was.presence(group.asset.id)
            return Change(asset=group.asset, was=presence, presence=presence)
    raise LookupError(crossing.asset_id)
