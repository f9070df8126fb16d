"""Which zones contain which fixes: an immutable index in memory, asked for a whole batch at once.

One engine serves live ingest, replay and back-fill: GEOS through shapely, never PostGIS beside it, since the
two differ on a few points that lie exactly on an edge. A tree over boxes proposes, prepared polygons decide.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import STRtree

from apps.core.types import Datum, TimeWindow, ZoneId
from apps.zones.types import AltitudeBand, ZoneBegun, ZoneRef

Bools: TypeAlias = NDArray[np.bool_]
Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

NO_DATUM = 0
DATUM_CODES: dict[Datum | None, int] = {None: NO_DATUM, **{each: code for code, each in enumerate(Datum, start=1)}}


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedZone:
    """One zone as the index takes it. ``area`` is valid, WGS 84, lon lat."""

    ref: ZoneRef
    area: shapely.MultiPolygon
    band: AltitudeBand
    validity: TimeWindow


class ZoneIndex:
    """The zones of one version of the zone set, ready to be asked. Safe to share between threads."""

    def __init__(self, version: int, zones: Iterable[IndexedZone]) -> None:
        members = list(zones)
        _prepare(_objects([zone.area for zone in members]))
        self._fill(version, members)

    def changed(self, version: int, ids: Collection[UUID], zones: Iterable[IndexedZone]) -> ZoneIndex:
        """Return the index of another version: of these ids there are these zones now, and all others are as before."""
        index = ZoneIndex(version, zones)
        index._fill(version, [*(zone for zone in self._members if zone.ref.id not in ids), *index._members])
        return index

    def _fill(self, version: int, zones: Iterable[IndexedZone]) -> None:
        members = self._members = sorted(zones, key=lambda zone: zone.ref.id)
        self.version = version
        self._by_id = {zone.ref.id: zone.ref for zone in members}
        self._refs = _objects([zone.ref for zone in members])
        self._areas = _objects([zone.area for zone in members])
        self._tree = STRtree(self._areas)
        self._bands = _Bands([zone.band for zone in members])
        self._validities = _Validities([zone.validity for zone in members])

    def __len__(self) -> int:
        return len(self._refs)

    def refs(self) -> Iterable[ZoneRef]:
        """Return every zone of the index, in the order of their ids."""
        return self._by_id.values()

    def find(self, zone_id: ZoneId) -> ZoneRef | None:
        """Return the zone of that id; ``None`` for one that nobody can be in (deleted, or switched off)."""
        return self._by_id.get(zone_id)

    def begun(self, after: datetime, until: datetime) -> list[ZoneBegun]:
        """Return the zones whose validity began later than one instant and no later than another, by their ids."""
        places = self._validities.begun(after, until).tolist()
        return [_begun(self._members[place]) for place in places]

    def zones_hit(
        self,
        lons: Sequence[float],
        lats: Sequence[float],
        altitudes_m: Sequence[float | None],
        datums: Sequence[Datum | None],
        ats: Sequence[datetime],
    ) -> list[tuple[ZoneRef, ...]]:
        """Return, for each fix, the zones in force that contain it, in the order of their ids.

        The columns have one length: degrees WGS 84, metres above the fix's own datum, aware instants. A point
        on a boundary and a height at the end of a band are inside; an instant at the end of a validity is
        not. A bound of a band is tested only when the fix has a height above the same datum.
        """
        count = len(lons)
        if not count:
            return []
        fixes, zones = self._footprints_hit(np.asarray(lons, dtype=np.float64), np.asarray(lats, dtype=np.float64))
        if len(fixes):
            holds = self._bands.hold(fixes, zones, altitudes_m, datums) & self._validities.hold(fixes, zones, ats)
            fixes, zones = fixes[holds], zones[holds]
        return self._refs_of_each(count, fixes, zones)

    def _footprints_hit(self, lons: Floats, lats: Floats) -> tuple[Ints, Ints]:
        fixes, zones = self._tree.query(shapely.points(lons, lats))
        inside = shapely.intersects_xy(self._areas[zones], lons[fixes], lats[fixes])
        return fixes[inside], zones[inside]

    def _refs_of_each(self, count: int, fixes: Ints, zones: Ints) -> list[tuple[ZoneRef, ...]]:
        found: list[tuple[ZoneRef, ...]] = [()] * count
        if not len(fixes):
            return found
        # One number for each pair sorts faster than two columns; the members stand in the order of their ids.
        owners, places = np.divmod(np.sort(fixes * len(self._refs) + zones), len(self._refs))
        refs = self._refs[places].tolist()
        starts = np.flatnonzero(np.diff(owners, prepend=-1))
        for owner, start, end in zip(
            owners[starts].tolist(), starts.tolist(), [*starts[1:].tolist(), len(refs)], strict=True
        ):
            found[owner] = tuple(refs[start:end])
        return found


def _prepare(areas: NDArray[Any]) -> None:
    """Prepare every polygon and build what GEOS would build at first use.

    GEOS makes a prepared polygon's point locator lazily and without a lock, while shapely lets go of the
    interpreter's lock: two threads that ask first would race. So each polygon is asked once, here.
    """
    shapely.prepare(areas)
    west, south, east, north = shapely.bounds(areas).reshape(-1, 4).T
    shapely.intersects_xy(areas, (west + east) / 2, (south + north) / 2)


class _Bands:
    """The altitude bands of an index, column by column."""

    def __init__(self, bands: Sequence[AltitudeBand]) -> None:
        self._lower_m = _floats([band.lower_m for band in bands])
        self._upper_m = _floats([band.upper_m for band in bands])
        self._lower_codes = _codes([band.lower_datum for band in bands])
        self._upper_codes = _codes([band.upper_datum for band in bands])
        self._is_needed = bool(self._lower_codes.any() or self._upper_codes.any())

    def hold(
        self, fixes: Ints, zones: Ints, altitudes_m: Sequence[float | None], datums: Sequence[Datum | None]
    ) -> Bools:
        """Say for each pair whether the band lets the fix in."""
        if not self._is_needed:
            return np.ones(len(fixes), dtype=np.bool_)
        heights, codes = _floats(altitudes_m)[fixes], _codes(datums)[fixes]
        too_low = (self._lower_codes[zones] == codes) & (heights < self._lower_m[zones])
        too_high = (self._upper_codes[zones] == codes) & (heights > self._upper_m[zones])
        lets_in: Bools = ~(too_low | too_high)
        return lets_in


class _Validities:
    """The validities of an index, column by column, as seconds of the epoch."""

    def __init__(self, windows: Sequence[TimeWindow]) -> None:
        self._starts = np.array([-np.inf if window.start is None else window.start.timestamp() for window in windows])
        self._ends = np.array([np.inf if window.end is None else window.end.timestamp() for window in windows])
        self._is_needed = bool(np.isfinite(self._starts).any() or np.isfinite(self._ends).any())

    def begun(self, after: datetime, until: datetime) -> Ints:
        """Return the places of those that start later than one instant and no later than another."""
        return np.flatnonzero((self._starts > after.timestamp()) & (self._starts <= until.timestamp()))

    def hold(self, fixes: Ints, zones: Ints, ats: Sequence[datetime]) -> Bools:
        """Say for each pair whether the zone is in force at the fix's instant."""
        if not self._is_needed:
            return np.ones(len(fixes), dtype=np.bool_)
        instants = np.array([at.timestamp() for at in ats])[fixes]
        return (self._starts[zones] <= instants) & (instants < self._ends[zones])


def _begun(zone: IndexedZone) -> ZoneBegun:
    assert zone.validity.start is not None  # noqa: S101 - it has one, since it began
    return ZoneBegun(zone.ref, zone.validity.start, zone.area.bounds)


def _objects(values: Sequence[object]) -> NDArray[Any]:
    """Return an array of references; numpy would look into sequences, and geometries have some."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _floats(values: Sequence[float | None]) -> Floats:
    """Return an array in which what is missing is NaN, which no comparison holds for."""
    return np.array(values, dtype=np.float64)


def _codes(datums: Sequence[Datum | None]) -> NDArray[np.int8]:
    return np.array([DATUM_CODES[datum] for datum in datums], dtype=np.int8)
