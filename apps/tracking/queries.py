"""Reads of tracking: where everything is, where one asset was, who is inside a zone. Never writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet
from psycopg.types.range import TimestamptzRange

from apps.access.types import ALWAYS, Windows
from apps.assets.models import Asset
from apps.core.types import BBox, Feature, OrganisationId, ZoneId
from apps.events.rules import instant
from apps.incidents.types import ZoneSnapshot
from apps.tracking.models import Presence
from apps.zones.queries import zone_versions

LARGEST_TRACK: Final = 10_000

# At most one fix of each of so many equal parts of the time asked for, and always the last one: what a person sees of a
# track does not change when it is thinned, and a stop is not mistaken for a hole. Reads one range of the key.
_TRACK: Final = """
WITH fixes AS MATERIALIZED (
    SELECT fixed_at, lon, lat, altitude_m, speed_mps, course_deg FROM tracking_position
    WHERE asset_id = %(asset_id)s AND fixed_at >= %(start)s AND fixed_at < %(end)s
      AND fixed_at <@ ANY (%(windows)s::tstzrange[])
), extent AS (
    SELECT count(*) AS total, min(fixed_at) AS first, max(fixed_at) AS last FROM fixes
), parts AS (
    SELECT fixes.*, total, lead(fixed_at) OVER track IS NULL AS is_last,
           floor(extract(epoch FROM fixed_at - first) / nullif(extract(epoch FROM last - first), 0)
                 * (%(most)s - 1)) AS part
    FROM fixes, extent WINDOW track AS (ORDER BY fixed_at)
), thinned AS (
    SELECT *, total <= %(most)s OR is_last OR row_number() OVER (PARTITION BY part ORDER BY fixed_at) = 1 AS is_shown
    FROM parts
)
SELECT fixed_at, lon, lat, altitude_m, speed_mps, course_deg, total FROM thinned WHERE is_shown ORDER BY fixed_at
LIMIT %(most)s
"""


_LAST_BEFORE: Final = """
SELECT asked.id, fix.fixed_at, fix.lon, fix.lat, fix.altitude_m, fix.speed_mps, fix.course_deg
FROM unnest(%(ids)s::uuid[], %(cutoffs)s::timestamptz[]) AS asked (id, cutoff)
CROSS JOIN LATERAL (
    SELECT fixed_at, lon, lat, altitude_m, speed_mps, course_deg FROM tracking_position
    WHERE asset_id = asked.id AND fixed_at < asked.cutoff ORDER BY fixed_at DESC LIMIT 1
) AS fix
"""


def last_known_zones(zone_ids: Iterable[ZoneId]) -> dict[ZoneId, ZoneSnapshot]:
    """Return zones that were deleted or switched off, as they last were."""
    found: dict[ZoneId, ZoneSnapshot] = {}
    for zone_id in zone_ids:
        last = zone_versions(zone_id).first()
        if last is not None:
            found[zone_id] = ZoneSnapshot(
                id=zone_id,
                name=last.name,
                kind_id=last.kind_id,
                organisation_id=OrganisationId(last.organisation_id),
                version=last.version,
            )
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackPoint:
    """One fix of a track, as far as it is drawn."""

    fixed_at: datetime
    lon: float
    lat: float
    altitude_m: float | None
    speed_mps: float | None
    course_deg: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """The fixes of an asset in their order; ``total`` is how many there are, of which these were kept."""

    points: tuple[TrackPoint, ...]
    total: int


def track_of(asset_id: UUID, *, start: datetime, end: datetime, max_points: int, windows: Windows = ALWAYS) -> Track:
    """Return the fixes of one asset in ``[start, end)``, thinned evenly in time to at most ``max_points``.

    Of these only what lies in the ``windows`` that the reader may see; nothing else is counted, or shapes the thinning.

    The first and the last fix are always among them. Two sources that tell of one instant are both drawn.
    """
    with connection.cursor() as cursor:
        ranges = [TimestamptzRange(window.start, window.end) for window in windows]
        cursor.execute(
            _TRACK, {"asset_id": asset_id, "start": start, "end": end, "most": max_points, "windows": ranges}
        )
        rows = cursor.fetchall()
    return Track(points=tuple(_point(row) for row in rows), total=rows[0][-1] if rows else 0)


def last_fixes_before(cutoffs: Mapping[UUID, datetime]) -> dict[UUID, TrackPoint]:
    """Return the last fix of each asset before its instant; assets without one are absent."""
    with connection.cursor() as cursor:
        cursor.execute(_LAST_BEFORE, {"ids": list(cutoffs), "cutoffs": list(cutoffs.values())})
        return {asset_id: _point((*columns, None)) for asset_id, *columns in cursor.fetchall()}


def positions_before(cutoffs: Mapping[UUID, datetime]) -> dict[UUID, Feature]:
    """Return the last position of each asset before its instant, as published; assets without one are absent.

    What a fix does not tell is not known of the past: heading and connectivity.
    """
    owners = dict(Asset.objects.filter(pk__in=list(cutoffs)).values_list("pk", "organisation_id"))
    fixes = last_fixes_before({id_: cutoff for id_, cutoff in cutoffs.items() if id_ in owners})
    return {
        id_: Feature(
            id=id_,
            organisation_id=owners[id_],
            version=0,
            geometry={"type": "Point", "coordinates": [fix.lon, fix.lat]},
            properties={
                "fixed_at": instant(fix.fixed_at),
                "altitude_m": fix.altitude_m,
                "speed_mps": fix.speed_mps,
                "course_deg": fix.course_deg,
                "heading_deg": None,
                "connectivity": None,
            },
        )
        for id_, fix in fixes.items()
    }


def presences_matching(
    presences: QuerySet[Presence],
    *,
    bbox: BBox | None = None,
    connectivity: str | None = None,
    kind: str | None = None,
    fixed_after: datetime | None = None,
    zone_id: UUID | None = None,
) -> QuerySet[Presence]:
    """Return the presences that meet every condition given."""
    if bbox is not None:
        presences = presences.filter(_in_box(bbox))
    if connectivity is not None:
        presences = presences.filter(connectivity=connectivity)
    if kind is not None:
        presences = presences.filter(asset__kind__slug=kind)
    if fixed_after is not None:
        presences = presences.filter(fixed_at__gt=fixed_after)
    if zone_id is not None:
        presences = presences.filter(zone_ids__contains=[zone_id])
    return presences


def since_in_zone(presence: Presence, zone_id: UUID, windows: Windows = ALWAYS) -> tuple[datetime, datetime | None]:
    """Return since when an asset has been in a zone that it is in, and when it had dwelt there, if it has.

    As far as the reader may look back: what came before the last of the ``windows`` is told as its beginning.
    """
    place = presence.zone_ids.index(zone_id)
    since, dwelt_at = presence.zone_since[place], presence.zone_dwelt[place]
    begun = windows[-1].start
    if begun is None:
        return since, dwelt_at
    return max(since, begun), dwelt_at and max(dwelt_at, begun)


def _in_box(bbox: BBox) -> Q:
    """Return the condition of lying in a box; across the antimeridian, ``west`` is greater than ``east``."""
    lons = Q(lon__gte=bbox.west) & Q(lon__lte=bbox.east)
    if bbox.west > bbox.east:
        lons = Q(lon__gte=bbox.west) | Q(lon__lte=bbox.east)
    return Q(lat__gte=bbox.south, lat__lte=bbox.north) & lons


def _point(row: tuple[Any, ...]) -> TrackPoint:
    fixed_at, lon, lat, altitude_m, speed_mps, course_deg, _ = row
    return TrackPoint(
        fixed_at=fixed_at, lon=lon, lat=lat, altitude_m=altitude_m, speed_mps=speed_mps, course_deg=course_deg
    )
