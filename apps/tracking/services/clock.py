"""What time alone does to presences: contact lost, dwells reached, zones that ended around somebody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection, transaction

from apps.assets.queries import asset_refs
from apps.assets.types import AssetRef
from apps.core.types import AssetId, Datum, Fix, ZoneId
from apps.incidents.types import FindingKind
from apps.tracking.models import Presence as PresenceRow
from apps.tracking.rules.presence import FindZone, Outcome, elapse
from apps.tracking.services.detection import Change, Sighting
from apps.tracking.services.lane import lane_row, tell_lane
from apps.tracking.services.recording import record
from apps.tracking.types import Connectivity, Presence, Stay
from apps.zones.queries import zone_index
from apps.zones.types import ZoneRef

BATCH: Final = 500

_RECONSIDER: Final = """
UPDATE tracking_presence SET due_at = LEAST(due_at, %s) WHERE asset_id IN (
    SELECT asset_id FROM tracking_presence WHERE zone_ids && %s::uuid[] ORDER BY asset_id FOR NO KEY UPDATE
)
"""


def look_at_presences(at: datetime) -> int:
    """Do what is due now to all presences; return how many were looked at. A tick: safe to run twice."""
    reconsider_changed_zones(at)
    total = 0
    while looked := _look_at_some(at):
        total += looked
    return total


@transaction.atomic
def reconsider_changed_zones(at: datetime) -> int:
    """Make those presences due whose zones have changed since this process last asked; return how many.

    After its start that is everybody who is in any zone: what changed while no clock ran must not be missed.
    """
    index = zone_index()
    if index.version == _seen.version:
        return 0
    zones = {zone.id: zone for zone in index.refs()}
    changed = _occupied() if _seen.zones is None else _differences(_seen.zones, zones)
    with connection.cursor() as cursor:
        cursor.execute(_RECONSIDER, [at, list(changed)])
        count = int(cursor.rowcount)
    transaction.on_commit(lambda: _seen.take(index.version, zones))
    return count


@transaction.atomic
def _look_at_some(at: datetime) -> int:
    """Look at a batch of due presences. Those that a writer or another clock has in hand are left for the next tick."""
    due = PresenceRow.objects.filter(due_at__lte=at).order_by("due_at")
    rows = {row.asset_id: row for row in due.select_for_update(skip_locked=True, of=("self",), no_key=True)[:BATCH]}
    if not rows:
        return 0
    find_zone = zone_index().find
    changes = [_look(rows[asset.id], asset, find_zone, at) for asset in asset_refs(rows).values()]
    record(changes, find_zone, at=at, is_clock=True)
    tell_lane(
        [
            lane_row(change.asset, fix, change.presence.connectivity.value)
            for change in changes
            if change.presence.connectivity is not change.was.connectivity
            and (fix := latest_fix(rows[change.asset.id]))
        ]
    )
    return len(rows)


def _look(row: PresenceRow, asset: AssetRef, find_zone: FindZone, at: datetime) -> Change:
    was = presence_of(row)
    return change_of(row, asset, elapse(was, at, find_zone, asset) if asset.is_active else _retire(was, at, asset))


def change_of(row: PresenceRow, asset: AssetRef, outcome: Outcome) -> Change:
    """Return what time has made of a presence, as ``record`` takes it."""
    was = presence_of(row)
    return Change(
        asset=asset,
        was=was,
        presence=outcome.presence,
        sightings=[Sighting(fact, latest_fix(row)) for fact in outcome.facts],
        written=[*outcome.over, *(stay for stay in outcome.presence.stays if stay not in was.stays)],
    )


def _retire(presence: Presence, at: datetime, asset: AssetRef) -> Outcome:
    """Return what becomes of an asset that was taken out of service: it is nowhere, and nobody misses it."""
    outcome = elapse(presence, at, _no_zone, asset)
    facts = tuple(fact for fact in outcome.facts if fact.kind is not FindingKind.LOST_CONTACT)
    return outcome._replace(facts=facts)


def _no_zone(_: ZoneId) -> ZoneRef | None:
    return None


def presence_of(row: PresenceRow) -> Presence:
    """Return a row of the presence table as the rules take it."""
    return Presence(
        asset_id=AssetId(row.asset_id),
        fixed_at=row.fixed_at,
        connectivity=Connectivity(row.connectivity),
        stays=tuple(
            Stay(zone_id=ZoneId(zone_id), entered_at=since, dwelt_at=dwelt)
            for zone_id, since, dwelt in zip(row.zone_ids, row.zone_since, row.zone_dwelt, strict=True)
        ),
    )


def latest_fix(row: PresenceRow) -> Fix | None:
    """Return the latest fix of a presence."""
    if row.fixed_at is None or row.lon is None or row.lat is None:
        return None
    return Fix(
        fixed_at=row.fixed_at,
        lon=row.lon,
        lat=row.lat,
        altitude_m=row.altitude_m,
        altitude_datum=Datum(row.altitude_datum) if row.altitude_datum else None,
        speed_mps=row.speed_mps,
        course_deg=row.course_deg,
        heading_deg=row.heading_deg,
        accuracy_m=row.accuracy_m,
        attributes=row.attributes or {},
    )


def _occupied() -> set[UUID]:
    lists: Iterable[Sequence[UUID]] = PresenceRow.objects.exclude(zone_ids=[]).values_list("zone_ids", flat=True)
    return {zone_id for zone_ids in lists for zone_id in zone_ids}


def _differences(before: Mapping[ZoneId, ZoneRef], after: Mapping[ZoneId, ZoneRef]) -> set[ZoneId]:
    return {zone_id for zone_id in before.keys() | after.keys() if before.get(zone_id) != after.get(zone_id)}


class _Seen:
    """The zones against which this process has measured all presences; nothing at its start."""

    def __init__(self) -> None:
        self.version: int | None = None
        self.zones: Mapping[ZoneId, ZoneRef] | None = None

    def take(self, version: int, zones: Mapping[ZoneId, ZoneRef]) -> None:
        self.version, self.zones = version, zones


_seen = _Seen()
