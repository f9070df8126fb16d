"""Zone kinds: reference data that says how zones are called and drawn."""

from __future__ import annotations

from datetime import datetime
from typing import Unpack
from uuid import UUID

from django.db import transaction

from apps.access.queries import authorize, authorize_image, authorize_in
from apps.access.types import Actor
from apps.core.constraints import broken_constraints, taken
from apps.core.locks import lock
from apps.core.types import Conflict, Feature, Invalid
from apps.events.rules import changed
from apps.events.services import publish
from apps.events.types import Change
from apps.lifecycle.queries import key_errors
from apps.zones.models import ZoneKind
from apps.zones.published import zone_kind_feature
from apps.zones.rules.checks import kind_errors
from apps.zones.types import ZoneKindChanges


@transaction.atomic
def create_zone_kind(
    *,
    slug: str,
    name: str,
    label: str = "",
    colour: str = "#3b82f6",
    lifecycle: str = "",
    constraint: str = "",
    actor: Actor,
    at: datetime,
) -> ZoneKind:
    """Return the new kind. Raises ``Conflict`` when the slug is taken, ``Invalid``, ``NotAllowed``."""
    authorize_in(actor, "zone-kinds.add", None)
    kind = ZoneKind(
        slug=slug,
        name=name.strip(),
        label=label.strip(),
        colour=colour.lower(),
        lifecycle=lifecycle,
        constraint=constraint,
        changed_at=at,
    )
    _check(kind)
    with broken_constraints({"zones_zonekind_slug_key": lambda: taken("/slug", "Another kind has this slug.")}):
        kind.save(force_insert=True)
    authorize_image(actor, "zone-kinds.add", kind)
    _publish(Change.CREATED, kind, previous=None, actor=actor, at=at)
    return kind


@transaction.atomic
def update_zone_kind(
    kind_id: UUID,
    *,
    actor: Actor,
    at: datetime,
    expected_version: int | None = None,
    **changes: Unpack[ZoneKindChanges],
) -> ZoneKind:
    """Return the kind as changed; nothing to change is no change."""
    kind = lock(ZoneKind.objects.all(), kind_id)
    authorize(actor, "zone-kinds.change", kind)
    kind.require_version(expected_version)
    previous = zone_kind_feature(kind)
    kind.name = changes.get("name", kind.name).strip()
    kind.label = changes.get("label", kind.label).strip()
    kind.colour = changes.get("colour", kind.colour).lower()
    kind.lifecycle = changes.get("lifecycle", kind.lifecycle)
    kind.constraint = changes.get("constraint", kind.constraint)
    if zone_kind_feature(kind) == previous:
        return kind
    _check(kind)
    kind.mark_changed(at)
    kind.save()
    authorize_image(actor, "zone-kinds.change", kind)
    _publish(Change.UPDATED, kind, previous=previous, actor=actor, at=at)
    return kind


@transaction.atomic
def delete_zone_kind(kind_id: UUID, *, actor: Actor, at: datetime, expected_version: int | None = None) -> None:
    """Delete a kind that nothing uses; raises ``Conflict`` when something does."""
    kind = lock(ZoneKind.objects.all(), kind_id)
    authorize(actor, "zone-kinds.delete", kind)
    kind.require_version(expected_version)
    previous = zone_kind_feature(kind)
    with broken_constraints({"fk": lambda: Conflict("Zones or rules of this kind exist.", code="in_use")}):
        ZoneKind.objects.filter(pk=kind_id).delete()
    _publish(Change.DELETED, kind, previous=previous, actor=actor, at=at)


def _check(kind: ZoneKind) -> None:
    errors = [
        *kind_errors(slug=kind.slug, name=kind.name, label=kind.label, colour=kind.colour, constraint=kind.constraint),
        *key_errors("zones", kind.lifecycle),
    ]
    if errors:
        raise Invalid("This is no kind of zone.", errors=errors)


def _publish(change: Change, kind: ZoneKind, *, previous: Feature | None, actor: Actor, at: datetime) -> None:
    after = None if change is Change.DELETED else zone_kind_feature(kind)
    event = changed(f"watchfloor.zone_kind.{change}.v1", "zone-kinds", change, before=previous, after=after)
    publish([event], actor=actor, at=at)
