"""Reads of zones: which of them contain which fixes, and the rows that lists show. Never writes."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import shapely
from django.contrib.gis.db.models.functions import AsWKB
from django.contrib.gis.geos import Polygon
from django.db.models import Q, QuerySet

from apps.core.geometry import SRID
from apps.core.prepared import all_rows, read_token
from apps.core.types import BBox, Datum, OrganisationId, TimeWindow, ZoneId
from apps.zones.models import Zone, ZoneChange, ZoneKind, ZoneVersion
from apps.zones.rules.index import IndexedZone, ZoneIndex
from apps.zones.types import AltitudeBand, ConstrainingZone, Constraint, ZoneRef

# For whoever holds an index and asks in a statement of their own whether it still stands.
VERSION_SQL: Final = "SELECT version FROM zones_zoneset"
_CONSTRAINING: Final = """
SELECT zone.id, zone.organisation_id, zone.name, kind."constraint", lower_m, lower_datum, upper_m, upper_datum,
       lower(validity), upper(validity), ST_AsBinary(area)
FROM zones_zone AS zone JOIN zones_zonekind AS kind ON kind.id = zone.kind_id
WHERE zone.is_active AND kind."constraint" <> ''
"""
# Beyond so many changes, reading all zones is hardly slower.
MOST_TAKEN_OVER: Final = 2_000


def zones_hit(
    lons: Sequence[float],
    lats: Sequence[float],
    altitudes_m: Sequence[float | None],
    ats: Sequence[datetime],
    index: ZoneIndex,
    *,
    datums: Sequence[Datum | None],
) -> list[tuple[ZoneRef, ...]]:
    """Return, for each fix, the zones in force that contain it; see ``ZoneIndex.zones_hit``."""
    return index.zones_hit(lons, lats, altitudes_m, datums, ats)


def zone_index() -> ZoneIndex:
    """Return the index of the zones as this transaction sees them.

    One small query when nothing has changed since the process last asked; otherwise the zones that have changed are
    read again, or all where that cannot be told, by one thread while others wait. The token is read before the rows:
    a change in between brings another token, and the next caller reads again.
    """
    version = zone_set_version()
    index = _kept.index
    if index is not None and index.version == version:
        return index
    with _kept.lock:
        index = _kept.index
        if index is None or index.version != version:
            index = _kept.index = _caught_up(index, version) or ZoneIndex(version, _indexed_zones(Zone.objects.all()))
        return index


def zone_set_version() -> int:
    """Return the token of the zone set: equal tokens mean equal zones, and nothing else can be read from it."""
    return read_token(VERSION_SQL)


def constraining_zones(bbox: BBox, window: TimeWindow) -> list[ConstrainingZone]:
    """Return the active zones that mean something for operations and may touch a box in a time, by their ids.

    One statement. The ends of the time are taken to belong to it; what really touches is for the caller to find out.
    """
    near = "area && ST_MakeEnvelope(%s, %s, %s, %s, 4326) AND validity && tstzrange(%s, %s, '[]')"
    return _constraining(near, [bbox.west, bbox.south, bbox.east, bbox.north, window.start, window.end])


def constraining_zones_by_id(zone_ids: Iterable[UUID]) -> list[ConstrainingZone]:
    """Return those of these zones that are active and mean something for operations, by their ids; one statement."""
    return _constraining("zone.id = ANY(%s)", [list(zone_ids)])


def zones_of_kind(kind_id: UUID) -> list[UUID]:
    """Return the ids of all zones of a kind."""
    return list(Zone.objects.filter(kind=kind_id).order_by("pk").values_list("pk", flat=True))


def zones_matching(
    zones: QuerySet[Zone],
    *,
    kind: str | None = None,
    organisation_id: UUID | None = None,
    bbox: BBox | None = None,
    valid_at: datetime | None = None,
    is_active: bool | None = None,
    q: str | None = None,
) -> QuerySet[Zone]:
    """Return the zones that meet every condition given. ``q`` is looked for in names and descriptions."""
    if kind is not None:
        zones = zones.filter(kind__slug=kind)
    if organisation_id is not None:
        zones = zones.filter(organisation_id=organisation_id)
    if is_active is not None:
        zones = zones.filter(is_active=is_active)
    if bbox is not None:
        zones = zones.filter(_touches(bbox))
    if valid_at is not None:
        zones = zones.filter(validity__contains=valid_at)
    if q:
        zones = zones.filter(Q(name__icontains=q) | Q(description__icontains=q))
    return zones


def zone_versions(zone_id: UUID) -> QuerySet[ZoneVersion]:
    """Return the kept versions of a zone, newest first."""
    return ZoneVersion.objects.filter(zone=zone_id).order_by("-version")


def find_zone_kind(slug: str) -> ZoneKind | None:
    """Return the kind of that slug, if there is one."""
    return ZoneKind.objects.filter(slug=slug).first()


def _constraining(condition: str, parameters: list[Any]) -> list[ConstrainingZone]:
    rows = all_rows(f"{_CONSTRAINING} AND {condition} ORDER BY zone.id", parameters)
    areas = shapely.from_wkb([bytes(row[-1]) for row in rows])
    return [_constraining_zone(row, area) for row, area in zip(rows, areas, strict=True)]


def _constraining_zone(row: tuple[Any, ...], area: shapely.MultiPolygon) -> ConstrainingZone:
    zone_id, organisation_id, name, constraint, lower_m, lower, upper_m, upper, start, end, _ = row
    return ConstrainingZone(
        id=zone_id,
        organisation_id=organisation_id,
        name=name,
        constraint=Constraint(constraint),
        area=area,
        band=_band(lower_m, lower, upper_m, upper),
        validity=TimeWindow(start=start, end=end),
    )


def _band(lower_m: float | None, lower: str, upper_m: float | None, upper: str) -> AltitudeBand:
    return AltitudeBand(
        lower_m=lower_m,
        lower_datum=Datum(lower) if lower else None,
        upper_m=upper_m,
        upper_datum=Datum(upper) if upper else None,
    )


class _Kept:
    """The index that this process made last, shared by its threads."""

    def __init__(self) -> None:
        self.index: ZoneIndex | None = None
        self.lock = threading.Lock()


_kept = _Kept()

INDEX_COLUMNS = (
    "id", "organisation_id", "kind_id", "name", "dwell_after", "version",
    "lower_m", "lower_datum", "upper_m", "upper_datum", "validity", "wkb",
)  # fmt: skip


def _caught_up(index: ZoneIndex | None, version: int) -> ZoneIndex | None:
    """Return the index with what has changed since it was made; ``None`` where all zones have to be read."""
    changed = None if index is None else _changed_since(index.version)
    if index is None or changed is None:
        return None
    return index.changed(version, changed, _indexed_zones(Zone.objects.filter(pk__in=changed)))


def _changed_since(version: int) -> set[UUID] | None:
    """Return which zones have changed since a version of the set.

    ``None`` where that is not known: too many have, or the version is not in the log. Then it is forgotten, or an
    index was made of it in a transaction that this one cannot see: it was rolled back, or goes on.
    """
    log = ZoneChange.objects.filter(version__gte=version).values_list("version", "zone_id")
    rows = list(log[: MOST_TAKEN_OVER + 1])
    changed = {zone_id for of_version, zone_id in rows if of_version > version}
    is_known = any(of_version == version for of_version, _ in rows) and len(rows) <= MOST_TAKEN_OVER
    return {each for each in changed if each} if is_known and None not in changed else None


def _indexed_zones(zones: QuerySet[Zone]) -> list[IndexedZone]:
    # Whatever the validity: a late fix is judged by the zones of its own instant.
    rows = list(zones.filter(is_active=True).annotate(wkb=AsWKB("area")).values_list(*INDEX_COLUMNS))
    areas = shapely.from_wkb([bytes(row[-1]) for row in rows])
    return [_indexed_zone(row, area) for row, area in zip(rows, areas, strict=True)]


def _indexed_zone(row: tuple[Any, ...], area: shapely.MultiPolygon) -> IndexedZone:
    zone_id, organisation_id, kind_id, name, dwell_after, version, lower_m, lower, upper_m, upper, validity, _ = row
    return IndexedZone(
        ref=ZoneRef(
            id=ZoneId(zone_id),
            organisation_id=OrganisationId(organisation_id),
            kind_id=kind_id,
            name=name,
            dwell_after=dwell_after,
            version=version,
            ends_at=validity.upper,
        ),
        area=area,
        band=_band(lower_m, lower, upper_m, upper),
        validity=TimeWindow(start=validity.lower, end=validity.upper),
    )


def _touches(bbox: BBox) -> Q:
    """Return the condition of touching a box, which is two boxes where it crosses the antimeridian."""
    if bbox.west <= bbox.east:
        return Q(area__intersects=_box(bbox.west, bbox.south, bbox.east, bbox.north))
    beyond = _box(bbox.west, bbox.south, 180, bbox.north), _box(-180, bbox.south, bbox.east, bbox.north)
    return Q(area__intersects=beyond[0]) | Q(area__intersects=beyond[1])


def _box(west: float, south: float, east: float, north: float) -> Polygon:
    box = Polygon.from_bbox((west, south, east, north))
    box.srid = SRID
    return box
