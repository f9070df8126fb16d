"""What holds the space that somebody wants: an index proposes by boxes, ``rules.meeting`` decides exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter
from typing import Final
from uuid import UUID

import orjson
import shapely
from shapely import MultiPolygon

from apps.core.prepared import all_rows
from apps.core.types import BBox, Datum, TimeWindow
from apps.operations.rules.cells import boxes_of, metres_of
from apps.operations.rules.meeting import meetings, verdict, zone_verdict
from apps.operations.types import (
    ALWAYS,
    Held,
    Judgement,
    Meeting,
    OperationConflict,
    OperationRef,
    Span,
    Standing,
    Verdict,
    Volume4D,
    ZoneConflict,
)
from apps.zones.queries import constraining_zones
from apps.zones.types import AltitudeBand, ConstrainingZone

# What is wanted is joined one row after the other, each by its own search of the index: the planner does not know how
# few they are. It travels as one text: nine arrays take longer to write than the index to answer.
_CANDIDATES: Final = """
SELECT wanted.place, held.operation_id, held.volume_id, lower(held.during), upper(held.during)
FROM json_to_recordset(%s::text::json)
     AS wanted (place int, west float8, south float8, east float8, north float8, lowest int, highest int,
                starts_at timestamptz, ends_at timestamptz)
CROSS JOIN LATERAL (
    SELECT operation_id, volume_id, during FROM operations_occupancy
    WHERE holds AND operation_id IS DISTINCT FROM %s::uuid
      AND box && ST_MakeEnvelope(wanted.west, wanted.south, wanted.east, wanted.north, 4326)
      AND during && tstzrange(wanted.starts_at, wanted.ends_at, '[]')
      AND altitude && int4range(wanted.lowest, wanted.highest, '[]')
    OFFSET 0
) AS held
"""
# With the version of the operation that plans it: whoever reads that later may read of a plan that he has not seen.
_EXACT: Final = """
SELECT volume.id, version, number, lower_m, lower_datum, upper_m, upper_datum, ST_AsBinary(footprint)
FROM operations_volume AS volume JOIN operations_operation AS operation ON operation.id = volume.operation_id
WHERE volume.id = ANY(%s)
"""
_REFS: Final = """
SELECT operation.id, organisation_id, kind_id, title, contact, state, priority, may_share
FROM operations_operation AS operation JOIN operations_operationkind AS kind ON kind.id = operation.kind_id
WHERE operation.id = ANY(%s)
"""
# All times of one operation, whether or not it holds them now; of those on both sides of the antimeridian, one.
_OF_OPERATION: Final = """
SELECT DISTINCT volume_id, lower(during), upper(during) FROM operations_occupancy WHERE operation_id = %s ORDER BY 2, 1
"""


@dataclass(frozen=True, slots=True)
class _Exact:
    """A volume but for its times."""

    footprint: MultiPolygon
    band: AltitudeBand
    number: int
    version: int

    def at(self, during: Span) -> Volume4D:
        return Volume4D(footprint=self.footprint, band=self.band, during=during, number=self.number)


def find_conflicts(volumes: Sequence[Volume4D], *, besides: UUID | None = None) -> list[Held]:
    """Return what other operations hold of these volumes, each piece with the volume (by place) that it meets.

    Exact; pieces whose heights cannot be compared are among them. ``besides`` is an operation that is left out: its
    own space is in nobody's way. Two statements, one where nothing is near.
    """
    rows = _candidates(volumes, besides)
    if not rows:
        return []
    held = _volumes_by_id({volume_id for _, _, volume_id, _ in rows})
    pairs = [
        (place, operation_id, held[volume_id].version, volumes[place], held[volume_id].at(during))
        for place, operation_id, volume_id, during in rows
        # Volumes that were replaced since the first statement hold nothing now.
        if volume_id in held
    ]
    met = meetings([wanted for *_, wanted, _ in pairs], [each for *_, each in pairs])
    found = [
        Held(place=place, operation_id=operation_id, version=version, volume=each, meeting=how)
        for (place, operation_id, version, _, each), how in zip(pairs, met, strict=True)
        if how is not Meeting.APART
    ]
    return sorted(found, key=lambda one: (one.operation_id, one.place, one.volume.during.start))


def zones_meeting(volumes: Sequence[Volume4D]) -> list[ZoneConflict]:
    """Return the zones whose kind means something for operations, and that meet any of these volumes; one statement."""
    found = [_zone_conflict(zone, volumes) for zone in _zones_near(volumes)]
    return [each for each in found if each is not None]


def zone_volume(zone: ConstrainingZone) -> Volume4D:
    """Return a zone as a volume; its end, as ours, belongs to it here."""
    during = Span(zone.validity.start or ALWAYS.start, zone.validity.end or ALWAYS.end)
    return Volume4D(footprint=zone.area, band=zone.band, during=during)


def volumes_held(operation_id: UUID) -> list[Volume4D]:
    """Return every time of every volume of an operation, whether or not it holds its space now; two statements."""
    times = all_rows(_OF_OPERATION, [operation_id])
    exact = _volumes_by_id({volume_id for volume_id, _, _ in times})
    return [exact[volume_id].at(Span(start, end)) for volume_id, start, end in times]


def judge(
    volumes: Sequence[Volume4D],
    *,
    standing: Standing,
    organisation_id: UUID,
    besides: UUID | None = None,
) -> Judgement:
    """Return all that bears on volumes that an operation of that standing wants to hold, for whoever may see all.

    Whether an operation that exists (``besides``) may share is read together with whether the others may: its kind may
    have been changed since whoever asks has read it.
    """
    held = find_conflicts(volumes, besides=besides)
    others = _refs({each.operation_id for each in held} | ({besides} if held and besides else set()))
    if besides in others:
        standing = replace(standing, may_share=others[besides].standing.may_share)
    operations = [
        _operation_conflict(others[operation_id], list(pieces), standing)
        for operation_id, pieces in groupby(held, key=attrgetter("operation_id"))
        if operation_id in others
    ]
    return Judgement(
        operations=operations, zones=[_for_owner(each, organisation_id) for each in zones_meeting(volumes)]
    )


def _candidates(volumes: Sequence[Volume4D], besides: UUID | None) -> set[tuple[int, UUID, UUID, Span]]:
    wanted = [
        {
            "place": place,
            **box._asdict(),
            "lowest": lowest,
            "highest": highest,
            "starts_at": volume.during.start,
            "ends_at": volume.during.end,
        }
        for place, volume in enumerate(volumes)
        for lowest, highest in [metres_of(volume.band)]
        for box in boxes_of(volume.footprint)
    ]
    rows = all_rows(_CANDIDATES, [orjson.dumps(wanted).decode(), besides])
    return {(place, operation_id, volume_id, Span(start, end)) for place, operation_id, volume_id, start, end in rows}


def _volumes_by_id(ids: set[UUID]) -> dict[UUID, _Exact]:
    """Return the bands and exact footprints of volumes; one statement, none for none."""
    rows = all_rows(_EXACT, [list(ids)]) if ids else []
    areas = shapely.from_wkb([bytes(row[-1]) for row in rows])
    return {
        id_: _Exact(
            area,
            AltitudeBand(
                lower_m=lower_m,
                lower_datum=Datum(lower) if lower else None,
                upper_m=upper_m,
                upper_datum=Datum(upper) if upper else None,
            ),
            number,
            version,
        )
        for (id_, version, number, lower_m, lower, upper_m, upper, _), area in zip(rows, areas, strict=True)
    }


def _refs(ids: set[UUID]) -> dict[UUID, OperationRef]:
    return {
        id_: OperationRef(
            id=id_,
            organisation_id=organisation_id,
            kind_id=kind_id,
            title=title,
            contact=contact,
            state=state,
            standing=Standing(priority=priority, may_share=may_share),
        )
        for id_, organisation_id, kind_id, title, contact, state, priority, may_share in (
            all_rows(_REFS, [list(ids)]) if ids else ()
        )
    }


def _operation_conflict(other: OperationRef, held: Sequence[Held], standing: Standing) -> OperationConflict:
    is_certain = any(each.meeting is Meeting.MEET for each in held)
    found = Meeting.MEET if is_certain else Meeting.UNKNOWN
    return OperationConflict(other=other, verdict=verdict(standing, other.standing, found), meeting=found, held=held)


def _zones_near(volumes: Sequence[Volume4D]) -> list[ConstrainingZone]:
    boxes = [box for volume in volumes for box in boxes_of(volume.footprint)]
    if not boxes:
        return []
    wests, souths, easts, norths = zip(*boxes, strict=True)
    around = BBox(west=min(wests), south=min(souths), east=max(easts), north=max(norths))
    start, end = min(each.during.start for each in volumes), max(each.during.end for each in volumes)
    return constraining_zones(around, TimeWindow(start=start, end=end))


def _zone_conflict(zone: ConstrainingZone, volumes: Sequence[Volume4D]) -> ZoneConflict | None:
    """Return how a zone bears on volumes: by the first that it meets for certain, or that it may meet."""
    held = zone_volume(zone)
    found: dict[Meeting, int] = {}
    for place, how in enumerate(meetings(volumes, [held] * len(volumes))):
        found.setdefault(how, place)
    best = Meeting.MEET if Meeting.MEET in found else Meeting.UNKNOWN
    if best not in found:
        return None
    return ZoneConflict(
        zone_id=zone.id,
        organisation_id=zone.organisation_id,
        name=zone.name,
        verdict=zone_verdict(zone.constraint, best),
        meeting=best,
        volume=held,
        place=found[best],
    )


def _for_owner(found: ZoneConflict, organisation_id: UUID) -> ZoneConflict:
    """Return how a zone bears on an operation: whoever owns a zone that needs authorisation authorises by planning."""
    if found.verdict is Verdict.NEEDS_APPROVAL and found.organisation_id == organisation_id:
        return replace(found, verdict=Verdict.CONDITIONAL)
    return found
