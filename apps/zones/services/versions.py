"""The versions of zones that are kept, whoever changes them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from apps.access.types import Actor
from apps.events.types import Change
from apps.zones.models import Zone, ZoneVersion

SHAPE_FIELDS = (
    "name",
    "description",
    "area",
    "lower_m",
    "lower_datum",
    "upper_m",
    "upper_datum",
    "validity",
    "dwell_after",
    "is_active",
)


def keep(change: Change, zones: Sequence[Zone], *, actor: Actor, at: datetime) -> None:
    """Keep each zone as it is, under its version; one statement."""
    ZoneVersion.objects.bulk_create([_version(change, zone, actor, at) for zone in zones], batch_size=1000)


def keep_moved(zones: Sequence[Zone], actor: Actor, at: datetime) -> None:
    """Keep zones that the lifecycle engine has moved: that is a change of them like any other."""
    keep(Change.UPDATED, zones, actor=actor, at=at)


def _version(change: Change, zone: Zone, actor: Actor, at: datetime) -> ZoneVersion:
    return ZoneVersion(
        zone_id=zone.pk,
        version=zone.version,
        change=change.value,
        kind_id=zone.kind_id,
        organisation_id=zone.organisation_id,
        state=zone.state,
        state_category=zone.state_category,
        actor_label=actor.label[:200],
        recorded_at=at,
        **{name: getattr(zone, name) for name in SHAPE_FIELDS},
    )
