"""The operations that run, kept in memory under a token that the database renews."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

import shapely

from apps.core.prepared import read_token
from apps.core.types import Fix
from apps.operations.models import Occupancy, Operation, Volume
from apps.operations.queries.operations import assigned_asset_ids, volumes_of
from apps.operations.rules.following import Running, RunningVolume
from apps.operations.rules.shapes import read_shape
from apps.operations.types import RUNNING, Span

# For whoever holds the operations that run and asks in a statement of their own whether these still stand.
VERSION_SQL: Final = "SELECT version FROM operations_runningset"


class RunningOperations:
    """All operations that run, and which of them an asset takes part in."""

    def __init__(self, version: int, operations: Iterable[Running]) -> None:
        self.version = version
        self.by_id = {each.id: each for each in operations}
        self._by_asset: defaultdict[UUID, list[UUID]] = defaultdict(list)
        for each in self.by_id.values():
            for asset_id in each.asset_ids:
                self._by_asset[asset_id].append(each.id)
        self._volumes = [(each.id, volume) for each in self.by_id.values() for volume in each.volumes]
        self._tree = shapely.STRtree([volume.footprint for _, volume in self._volumes])

    def __len__(self) -> int:
        return len(self.by_id)

    def of_asset(self, asset_id: UUID) -> Sequence[UUID]:
        """Return the operations that an asset takes part in."""
        return self._by_asset.get(asset_id, ())

    def volumes_covering(self, fixes: Sequence[Fix]) -> list[frozenset[UUID]]:
        """Return, for each fix, the operations in a volume of which it lies: in force then, its edge included.

        A height that cannot be compared is not asked for.
        """
        found: list[set[UUID]] = [set() for _ in fixes]
        points = shapely.points([fix.lon for fix in fixes], [fix.lat for fix in fixes])
        for place, number in self._tree.query(points, predicate="intersects").T.tolist():
            operation_id, volume = self._volumes[number]
            if volume.covers_then(fixes[place]):
                found[place].add(operation_id)
        return [frozenset(each) for each in found]


def running_operations() -> RunningOperations:
    """Return the operations that run, as this transaction sees them.

    One small query when nothing has changed since the process last asked. The token is read before the rows: a change
    in between brings another token, and the next caller reads again.
    """
    version = read_token(VERSION_SQL)
    kept = _kept.operations
    if kept is not None and kept.version == version:
        return kept
    with _kept.lock:
        kept = _kept.operations
        if kept is None or kept.version != version:
            kept = _kept.operations = RunningOperations(version, _read_running())
        return kept


def _read_running() -> list[Running]:
    rows = list(Operation.objects.filter(state__in=RUNNING).select_related("kind").order_by("pk"))
    ids = [row.pk for row in rows]
    planned, assets, times = volumes_of(ids), assigned_asset_ids(ids), _times_of(ids)
    return [
        Running(
            id=row.pk,
            organisation_id=row.organisation_id,
            title=row.title,
            tolerance_m=row.kind.tolerance_m,
            nonconforming_after=row.kind.nonconforming_after,
            asset_ids=frozenset(assets.get(row.pk, ())),
            volumes=[_running_volume(volume, times[volume.pk]) for volume in planned.get(row.pk, ())],
        )
        for row in rows
    ]


def _running_volume(volume: Volume, spans: Sequence[Span]) -> RunningVolume:
    footprint = volume.planned.footprint
    return RunningVolume(footprint, volume.band, spans, read_shape(volume.shape))


def _times_of(operation_ids: Iterable[UUID]) -> dict[UUID, list[Span]]:
    """Return the times of volumes, by volume; one statement."""
    found: defaultdict[UUID, list[Span]] = defaultdict(list)
    rows = Occupancy.objects.filter(operation__in=list(operation_ids)).order_by("volume", "during")
    for volume_id, during in rows.values_list("volume_id", "during").distinct():
        found[volume_id].append(Span(during.lower, during.upper))
    return found


class _Kept:
    """What this process read last, shared by its threads."""

    def __init__(self) -> None:
        self.operations: RunningOperations | None = None
        self.lock = threading.Lock()


_kept = _Kept()
