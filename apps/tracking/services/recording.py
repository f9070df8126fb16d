"""What has been found, written down: presences and stays, findings for incidents, events for everybody else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from django.db import connection

from apps.access.types import SYSTEM, Subject
from apps.core.types import AssetId, Fix, ZoneId
from apps.events.services import publish
from apps.events.types import Change as EventChange
from apps.events.types import NewEvent
from apps.incidents.services import record_findings
from apps.incidents.types import AssetSnapshot, Finding, OperationSnapshot, ZoneSnapshot
from apps.tracking.published import CORRECTED, FINDING_TYPES, finding_object
from apps.tracking.queries import last_known_zones
from apps.tracking.rules.presence import FindZone, next_due
from apps.tracking.services.detection import Change, Sighting
from apps.tracking.types import Fact, Stay

_PRESENCES: Final = """
UPDATE tracking_presence AS presence SET
    zone_ids = told.zone_ids::uuid[], zone_since = told.zone_since::timestamptz[],
    zone_dwelt = told.zone_dwelt::timestamptz[], connectivity = told.connectivity, version = presence.version + 1,
    due_at = CASE WHEN %s THEN told.due_at ELSE LEAST(presence.due_at, told.due_at) END
FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[])
     AS told (asset_id, zone_ids, zone_since, zone_dwelt, connectivity, due_at)
WHERE presence.asset_id = told.asset_id
"""
_FORGET_STAYS: Final = """
DELETE FROM tracking_stay AS stay USING unnest(%s::uuid[], %s::uuid[], %s::timestamptz[])
    AS gone (asset_id, zone_id, entered_at)
WHERE (stay.asset_id, stay.zone_id, stay.entered_at) = (gone.asset_id, gone.zone_id, gone.entered_at)
"""
# What is over is written first: a zone left and entered again in one batch has one open stay at every moment.
_WRITE_STAYS: Final = """
INSERT INTO tracking_stay (asset_id, zone_id, entered_at, left_at, dwelt_at)
SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[])
    AS told (asset_id, zone_id, entered_at, left_at, dwelt_at)
ORDER BY left_at NULLS LAST
ON CONFLICT (asset_id, zone_id, entered_at) DO UPDATE SET left_at = excluded.left_at, dwelt_at = excluded.dwelt_at
"""


def record(changes: Sequence[Change], find_zone: FindZone, *, at: datetime, is_clock: bool = False) -> None:
    """Write what has been found, tell incidents, publish events. The presences are locked by the caller.

    The clock sets when it is due next; a batch may only bring that forward, since the clock alone looks at everything.
    """
    if not changes:
        return
    moved = [change for change in changes if is_clock or change.presence.stays != change.was.stays]
    _write_presences(moved, find_zone, is_clock=is_clock)
    _write_stays(changes)
    told = [change for change in changes if change.sightings or change.corrections]
    if told:
        _Telling(told, find_zone).tell(at)


def _write_presences(changes: Sequence[Change], find_zone: FindZone, *, is_clock: bool) -> None:
    if not changes:
        return
    rows = [
        (
            change.asset.id,
            _array(stay.zone_id for stay in change.presence.stays),
            _array(stay.entered_at for stay in change.presence.stays),
            _array(stay.dwelt_at for stay in change.presence.stays),
            change.presence.connectivity.value,
            next_due(change.presence, find_zone, change.asset),
        )
        for change in changes
    ]
    with connection.cursor() as cursor:
        cursor.execute(_PRESENCES, [is_clock, *_columns(rows)])


def _write_stays(changes: Sequence[Change]) -> None:
    gone = [(change.asset.id, stay.zone_id, stay.entered_at) for change in changes for stay in change.gone]
    written = {_key(change.asset.id, stay): stay for change in changes for stay in change.written}
    if gone:
        with connection.cursor() as cursor:
            cursor.execute(_FORGET_STAYS, _columns(gone))
    if written:
        rows = [(*key, stay.left_at, stay.dwelt_at) for key, stay in written.items()]
        with connection.cursor() as cursor:
            cursor.execute(_WRITE_STAYS, _columns(rows))


class _Telling:
    """Facts in the words of incidents and of events, with copies of the assets and zones they speak of."""

    def __init__(self, changes: Sequence[Change], find_zone: FindZone) -> None:
        self._changes = changes
        self._assets = {
            change.asset.id: AssetSnapshot(
                id=change.asset.id,
                name=change.asset.name,
                kind_id=change.asset.kind_id,
                organisation_id=change.asset.organisation_id,
                identifiers=change.asset.identifiers,
            )
            for change in changes
        }
        self._zones = _zone_snapshots({fact.zone_id for fact in _facts(changes) if fact.zone_id}, find_zone)

    def tell(self, at: datetime) -> None:
        """Hand over all that was found in the order of its instants: the findings first, then what they open."""
        found = [(change, sighting) for change in self._changes for sighting in change.sightings]
        found.sort(key=lambda pair: pair[1].fact.at)
        events = [self._event(change, sighting) for change, sighting in found]
        events += [
            self._correction(change, correction.before, correction.after, fix)
            for change in self._changes
            for correction, fix in change.corrections
        ]
        publish(events, actor=SYSTEM, at=at)
        record_findings([self._finding(change, sighting) for change, sighting in found], at=at)

    def _finding(self, change: Change, sighting: Sighting) -> Finding:
        fact = sighting.fact
        return Finding(
            kind=fact.kind,
            asset=self._assets[change.asset.id],
            zone=self._zones.get(fact.zone_id) if fact.zone_id else None,
            fix=sighting.fix,
            effective_at=fact.at,
            since=fact.since,
            operation=fact.operation,
        )

    def _event(self, change: Change, sighting: Sighting) -> NewEvent:
        return self._new_event(FINDING_TYPES[sighting.fact.kind], change, sighting.fact, None, sighting.fix)

    def _correction(self, change: Change, before: Fact | None, after: Fact | None, fix: Fix) -> NewEvent:
        return self._new_event(CORRECTED, change, after, before, fix)

    def _new_event(
        self, event_type: str, change: Change, fact: Fact | None, before: Fact | None, fix: Fix | None
    ) -> NewEvent:
        said = fact or before
        zone = self._zones.get(said.zone_id) if said and said.zone_id else None
        asset = self._assets[change.asset.id]
        return NewEvent(
            type=event_type,
            noun="positions",
            object_id=asset.id,
            organisation_id=asset.organisation_id,
            change=EventChange.FOUND,
            object=finding_object(asset, zone, fact, fix) if fact else None,
            previous=finding_object(asset, zone, before, None) if before else None,
            also=tuple(_places(zone, said.operation if said else None)),
        )


def _places(zone: ZoneSnapshot | None, operation: OperationSnapshot | None) -> Iterator[Subject]:
    """Yield what somebody must see besides the asset to be told of a finding."""
    if zone is not None:
        yield Subject(noun="zones", id=zone.id, organisation_id=zone.organisation_id)
    if operation is not None:
        yield Subject(noun="operations", id=operation.id, organisation_id=operation.organisation_id)


def _zone_snapshots(zone_ids: Iterable[ZoneId], find_zone: FindZone) -> dict[ZoneId, ZoneSnapshot]:
    """Return the zones as they are, or as they last were: who leaves a deleted zone leaves it by name."""
    known = {zone_id: find_zone(zone_id) for zone_id in zone_ids}
    found = {
        zone_id: ZoneSnapshot(
            id=zone_id,
            name=zone.name,
            kind_id=zone.kind_id,
            organisation_id=zone.organisation_id,
            version=zone.version,
        )
        for zone_id, zone in known.items()
        if zone is not None
    }
    missing = known.keys() - found.keys()
    return found | last_known_zones(missing) if missing else found


def _facts(changes: Sequence[Change]) -> Iterable[Fact]:
    for change in changes:
        yield from (sighting.fact for sighting in change.sightings)
        for correction, _ in change.corrections:
            yield from (fact for fact in (correction.before, correction.after) if fact is not None)


def _key(asset_id: AssetId, stay: Stay) -> tuple[AssetId, ZoneId, datetime]:
    return asset_id, stay.zone_id, stay.entered_at


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _array(values: Iterable[object]) -> str:
    """Return the text of an array in SQL: arrays of arrays cannot be unnested row by row."""
    return "{" + ",".join("NULL" if value is None else str(value).replace(" ", "T") for value in values) + "}"
