"""Zones: made, changed and deleted, each time with a kept version and an event."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import zip_longest
from typing import Unpack, cast
from uuid import UUID

from django.contrib.gis.geos import MultiPolygon as GeosMultiPolygon
from django.db import transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from shapely import MultiPolygon

from apps.access.models import Organisation
from apps.access.queries import authorize, authorize_image, authorize_in
from apps.access.types import Actor
from apps.core.constraints import broken_constraints
from apps.core.geometry import from_geos, to_geos
from apps.core.locks import lock
from apps.core.types import Conflict, Feature, FieldError, Invalid
from apps.events.rules import changed
from apps.events.services import publish
from apps.events.types import Change, NewEvent
from apps.lifecycle.services import plan_timers, prepare, record_begun
from apps.zones.models import Zone, ZoneKind
from apps.zones.published import zone_feature
from apps.zones.rules.checks import zone_errors
from apps.zones.services.versions import keep
from apps.zones.types import ZoneChanges, ZoneDraft

ALREADY_THERE = "A zone of this id elsewhere is there already. Import again, and it will be found."


@transaction.atomic
def create_zone(draft: ZoneDraft, *, kind: ZoneKind, organisation: Organisation, actor: Actor, at: datetime) -> Zone:
    """Return the new zone at its first version. Raises ``Invalid``, ``NotAllowed``."""
    return create_zones([(draft, kind)], organisation=organisation, actor=actor, at=at)[0]


@transaction.atomic
def create_zones(
    drafts: Sequence[tuple[ZoneDraft, ZoneKind]],
    *,
    organisation: Organisation,
    external_ids: Sequence[str] = (),
    actor: Actor,
    at: datetime,
) -> list[Zone]:
    """Return new zones, one for each draft, in their order; three statements, however many there are.

    ``external_ids`` are what their source calls them, if it calls them anything. Raises ``Conflict`` when the
    organisation has a zone of such an id.
    """
    authorize_in(actor, "zones.add", organisation.pk)
    for draft, _ in drafts:
        _check(draft)
    follows = _hold_kinds({kind.pk for _, kind in drafts})
    zones = [_new_zone(draft, kind, organisation, at) for draft, kind in drafts]
    for zone, external_id in zip(zones, external_ids, strict=False):
        zone.external_id = external_id
    for zone in zones:
        prepare(zone, follows[zone.kind_id], at=at)
    with broken_constraints({"zone_external_id_once": lambda: Conflict(ALREADY_THERE, code="already_there")}):
        Zone.objects.bulk_create(zones, batch_size=1000)
    authorize_image(actor, "zones.add", *zones)
    begun = record_begun(zones, actor=actor)
    _record(Change.CREATED, zones, previous=[None] * len(zones), begun=begun, actor=actor, at=at)
    return zones


@transaction.atomic
def update_zone(
    zone_id: UUID,
    *,
    actor: Actor,
    at: datetime,
    expected_version: int | None = None,
    **changes: Unpack[ZoneChanges],
) -> Zone:
    """Return the zone as changed; the version before stays readable.

    Locks the zone. Moving it to another organisation needs ``zones.add`` there as well. Nothing to change is no
    change: the version stays and no event is written.
    """
    zone = lock(Zone.objects.select_related("kind", "organisation"), zone_id)
    authorize(actor, "zones.change", zone)
    zone.require_version(expected_version)
    previous = zone_feature(zone)
    if "organisation" in changes and changes["organisation"].pk != zone.organisation_id:
        authorize_in(actor, "zones.add", changes["organisation"].pk)
        zone.organisation = changes["organisation"]
    if "kind" in changes:
        _hold_kinds({changes["kind"].pk})
        zone.kind = changes["kind"]
    draft = _changed(zone, changes)
    _check(draft)
    _assign(zone, draft)
    if _is_same(zone_feature(zone), previous):
        return zone
    authorize_image(actor, "zones.change", zone)
    if zone.organisation_id != previous.organisation_id:
        authorize_image(actor, "zones.add", zone)
    zone.mark_changed(at)
    zone.save()
    plan_timers(zone)
    _record(Change.UPDATED, [zone], previous=[previous], actor=actor, at=at)
    return zone


@transaction.atomic
def delete_zone(zone_id: UUID, *, actor: Actor, at: datetime, expected_version: int | None = None) -> None:
    """Delete a zone; its versions stay, the last of them saying that it was deleted.

    Raises ``Conflict`` when something else points at it, such as a rule.
    """
    zone = lock(Zone.objects.select_related("kind", "organisation"), zone_id)
    authorize(actor, "zones.delete", zone)
    zone.require_version(expected_version)
    previous = zone_feature(zone)
    in_use = "Something else still needs this zone. Make it inactive instead."
    with broken_constraints({"fk": lambda: Conflict(in_use, code="in_use")}):
        Zone.objects.filter(pk=zone_id).delete()
    zone.mark_changed(at)
    _record(Change.DELETED, [zone], previous=[previous], actor=actor, at=at)


def is_as_drafted(zone: Zone, draft: ZoneDraft, kind: ZoneKind) -> bool:
    """Say whether a zone is what a draft says, whether it is switched on apart: that no file knows."""
    said = (draft.name.strip(), draft.description.strip(), draft.band, draft.validity, draft.dwell_after, kind.pk)
    known = (zone.name, zone.description, zone.band, zone.window, zone.dwell_after, zone.kind_id)
    return said == known and from_geos(zone.area).wkb == draft.area.wkb


def _hold_kinds(kind_ids: Collection[UUID]) -> dict[UUID, str]:
    """Return what zones of these kinds follow, by kind; until the transaction ends, no kind is deleted.

    Django has no word for ``FOR KEY SHARE``.
    """
    statement = "SELECT id, lifecycle FROM zones_zonekind WHERE id = ANY(%s) FOR KEY SHARE"
    held = {kind.pk: kind.lifecycle for kind in ZoneKind.objects.raw(statement, [list(kind_ids)])}
    if held.keys() != set(kind_ids):
        error = FieldError(pointer="/kind", code="unknown", detail="There is no such kind of zone.")
        raise Invalid("This is no zone.", errors=[error])
    return held


def _check(draft: ZoneDraft) -> None:
    errors = list(zone_errors(draft))
    if errors:
        raise Invalid("This is no zone.", errors=errors)


def _new_zone(draft: ZoneDraft, kind: ZoneKind, organisation: Organisation, at: datetime) -> Zone:
    zone = Zone(kind=kind, organisation=organisation, recorded_at=at, changed_at=at)
    _assign(zone, draft)
    return zone


def _assign(zone: Zone, draft: ZoneDraft) -> None:
    zone.name = draft.name.strip()
    zone.description = draft.description.strip()
    zone.area = cast("GeosMultiPolygon", to_geos(draft.area))
    zone.lower_m, zone.lower_datum = draft.band.lower_m, draft.band.lower_datum or ""
    zone.upper_m, zone.upper_datum = draft.band.upper_m, draft.band.upper_datum or ""
    zone.validity = DateTimeTZRange(draft.validity.start, draft.validity.end, "[)")
    zone.dwell_after = draft.dwell_after
    zone.is_active = draft.is_active


def _changed(zone: Zone, changes: ZoneChanges) -> ZoneDraft:
    return ZoneDraft(
        name=changes.get("name", zone.name),
        description=changes.get("description", zone.description),
        area=changes["area"] if "area" in changes else cast("MultiPolygon", from_geos(zone.area)),
        band=changes.get("band", zone.band),
        validity=changes.get("validity", zone.window),
        dwell_after=changes.get("dwell_after", zone.dwell_after),
        is_active=changes.get("is_active", zone.is_active),
    )


def _is_same(now: Feature, before: Feature) -> bool:
    return (now.organisation_id, now.properties, now.geometry) == (
        before.organisation_id,
        before.properties,
        before.geometry,
    )


def _record(
    change: Change,
    zones: Sequence[Zone],
    *,
    previous: Sequence[Feature | None],
    begun: Sequence[Mapping[str, object] | None] = (),
    actor: Actor,
    at: datetime,
) -> None:
    """Keep a version of each zone and publish an event for it; one statement each."""
    keep(change, zones, actor=actor, at=at)
    told = zip_longest(zones, previous, begun)
    publish([_event(change, zone, before, move) for zone, before, move in told], actor=actor, at=at)


def _event(change: Change, zone: Zone, previous: Feature | None, lifecycle: Mapping[str, object] | None) -> NewEvent:
    after = None if change is Change.DELETED else zone_feature(zone)
    return changed(f"watchfloor.zone.{change}.v1", "zones", change, before=previous, after=after, lifecycle=lifecycle)
