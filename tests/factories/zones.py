"""Kinds and zones, made through the services that make them everywhere."""

from __future__ import annotations

from datetime import timedelta
from itertools import count

import shapely
from shapely import MultiPolygon

from apps.access.models import Organisation
from apps.access.types import SYSTEM
from apps.core.types import TimeWindow
from apps.zones import services
from apps.zones.models import Zone, ZoneKind
from apps.zones.types import ALWAYS, EVERY_HEIGHT, AltitudeBand, ZoneDraft
from tests.factories.access import make_organisation
from tests.factories.core import NOON

_number = count(1)


def square(west: float = 0, south: float = 0, *, size: float = 1) -> MultiPolygon:
    """Return a square whose lower left corner is given, in degrees."""
    return MultiPolygon([shapely.box(west, south, west + size, south + size)])


def make_zone_kind(slug: str = "", *, constraint: str = "") -> ZoneKind:
    """Return a kind of zone, which means nothing for operations unless told otherwise."""
    slug = slug or f"zone-kind-{next(_number)}"
    return services.create_zone_kind(slug=slug, name=slug.capitalize(), constraint=constraint, actor=SYSTEM, at=NOON)


def make_zone(
    name: str = "",
    *,
    area: MultiPolygon | None = None,
    kind: ZoneKind | None = None,
    organisation: Organisation | None = None,
    band: AltitudeBand = EVERY_HEIGHT,
    validity: TimeWindow = ALWAYS,
    dwell_after: timedelta | None = None,
    is_active: bool = True,
) -> Zone:
    """Return a zone: the square from 0 to 1 degree, always and at every height, unless told otherwise."""
    draft = ZoneDraft(
        name=name or f"Zone {next(_number)}",
        area=square() if area is None else area,
        band=band,
        validity=validity,
        dwell_after=dwell_after,
        is_active=is_active,
    )
    return services.create_zone(
        draft,
        kind=kind or make_zone_kind(),
        organisation=organisation or make_organisation(),
        actor=SYSTEM,
        at=NOON,
    )
