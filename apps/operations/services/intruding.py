"""Assets in volumes of somebody else's operation while that runs: found fix by fix, and kept while they are there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from apps.core.types import Fix
from apps.operations.models import Intrusion, Operation
from apps.operations.queries.running import RunningOperations
from apps.operations.rules.following import Seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """That an asset came into a volume of somebody else's operation, or is there no more; ``since`` it came."""

    asset_id: UUID
    operation_id: UUID
    organisation_id: UUID
    title: str
    fix: Fix
    is_entry: bool
    since: datetime


def note_intrusions(seen: Sequence[Seen], running: RunningOperations) -> list[Crossing]:
    """Return who came into volumes that are not theirs, and who is there no more, and keep it.

    Whoever takes part in an operation, or belongs to its organisation, does not intrude. The caller holds what keeps
    two batches of one asset apart, and ``running`` is true of its transaction.
    """
    covered = iter(running.volumes_covering([fix for each in seen for fix in each.fixes]))
    inside = _open_intrusions(each.asset_id for each in seen)
    crossings: list[Crossing] = []
    for each in seen:
        there = inside[each.asset_id]
        for fix in each.fixes:
            foreign = {id_ for id_ in next(covered) if _is_foreign(each, id_, running)}
            crossings += _crossings(each.asset_id, fix, there, foreign, running)
    _keep(crossings)
    return crossings


def _crossings(
    asset_id: UUID, fix: Fix, there: dict[UUID, Intrusion], foreign: set[UUID], running: RunningOperations
) -> Iterator[Crossing]:
    """Yield what one fix shows, and bring what is known of the asset up to it."""
    for operation_id in sorted(there.keys() - foreign):
        gone = there.pop(operation_id)
        yield Crossing(
            asset_id=asset_id,
            operation_id=operation_id,
            organisation_id=gone.operation.organisation_id,
            title=gone.operation.title,
            fix=fix,
            is_entry=False,
            since=gone.entered_at,
        )
    for operation_id in sorted(foreign - there.keys()):
        found = running.by_id[operation_id]
        operation = Operation(id=found.id, organisation_id=found.organisation_id, title=found.title)
        there[operation_id] = Intrusion(operation=operation, asset_id=asset_id, entered_at=fix.fixed_at)
        yield Crossing(
            asset_id=asset_id,
            operation_id=operation_id,
            organisation_id=found.organisation_id,
            title=found.title,
            fix=fix,
            is_entry=True,
            since=fix.fixed_at,
        )


def _is_foreign(seen: Seen, operation_id: UUID, running: RunningOperations) -> bool:
    operation = running.by_id[operation_id]
    return seen.organisation_id != operation.organisation_id and seen.asset_id not in operation.asset_ids


def _open_intrusions(asset_ids: Iterable[UUID]) -> defaultdict[UUID, dict[UUID, Intrusion]]:
    """Return the intrusions that go on, by asset and operation; one statement."""
    found: defaultdict[UUID, dict[UUID, Intrusion]] = defaultdict(dict)
    rows = Intrusion.objects.filter(left_at=None, asset__in=list(asset_ids)).select_related("operation")
    for row in rows.only("asset_id", "entered_at", "operation__title", "operation__organisation_id"):
        found[row.asset_id][row.operation_id] = row
    return found


def _keep(crossings: Sequence[Crossing]) -> None:
    """Write down what began and what ended, in the order in which it did: one may come, go and come again."""
    for each in crossings:
        if each.is_entry:
            Intrusion.objects.create(
                operation_id=each.operation_id, asset_id=each.asset_id, entered_at=each.fix.fixed_at
            )
        else:
            Intrusion.objects.filter(operation=each.operation_id, asset=each.asset_id, left_at=None).update(
                left_at=each.fix.fixed_at
            )
