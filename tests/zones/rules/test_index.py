"""Which zones contain which fixes: edges, bands, validities, and the law that the index agrees with plain geometry."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shapely import MultiPolygon, Polygon

from apps.core.types import Datum, OrganisationId, TimeWindow, ZoneId
from apps.zones.rules.index import IndexedZone, ZoneIndex
from apps.zones.types import ALWAYS, EVERY_HEIGHT, AltitudeBand, ZoneRef
from tests.factories.core import NOON
from tests.factories.zones import square


def zone(
    number: int,
    area: MultiPolygon | None = None,
    *,
    band: AltitudeBand = EVERY_HEIGHT,
    validity: TimeWindow = ALWAYS,
) -> IndexedZone:
    """Return a zone whose id is its number."""
    ref = ZoneRef(
        id=ZoneId(UUID(int=number)),
        organisation_id=OrganisationId(UUID(int=1000)),
        kind_id=UUID(int=2000),
        name=f"zone {number}",
        dwell_after=None,
        version=1,
        ends_at=validity.end,
    )
    return IndexedZone(ref=ref, area=square() if area is None else area, band=band, validity=validity)


def hit(
    index: ZoneIndex,
    points: Sequence[tuple[float, float]],
    *,
    altitude_m: float | None = None,
    datum: Datum | None = None,
    at: datetime = NOON,
) -> list[list[int]]:
    """Return the numbers of the zones around each point."""
    count = len(points)
    found = index.zones_hit(
        [lon for lon, _ in points],
        [lat for _, lat in points],
        [altitude_m] * count,
        [datum] * count,
        [at] * count,
    )
    return [[ref.id.int for ref in refs] for refs in found]


def test_a_fix_is_in_every_zone_that_contains_it_in_the_order_of_their_ids() -> None:
    index = ZoneIndex(1, [zone(3, square(0, 0)), zone(1, square(0.5, 0.5)), zone(2, square(5, 5))])
    assert hit(index, [(0.75, 0.75), (9, 9), (0.1, 0.1), (5.5, 5.5)]) == [[1, 3], [], [3], [2]]


def test_the_boundary_counts_as_inside() -> None:
    index = ZoneIndex(1, [zone(1)])
    beyond = 1 + 1e-9
    assert hit(index, [(0, 0), (1, 1), (0, 0.5), (0.5, 1), (beyond, 0.5)]) == [[1], [1], [1], [1], []]


def test_a_hole_is_outside_and_its_edge_inside() -> None:
    ring = Polygon(shapely.box(0, 0, 3, 3).exterior, [shapely.box(1, 1, 2, 2).exterior])
    index = ZoneIndex(1, [zone(1, MultiPolygon([ring]))])
    assert hit(index, [(0.5, 0.5), (1.5, 1.5), (1, 1.5)]) == [[1], [], [1]]


def test_no_fixes_and_no_zones_find_nothing() -> None:
    assert hit(ZoneIndex(1, [zone(1)]), []) == []
    assert hit(ZoneIndex(1, []), [(0.5, 0.5)]) == [[]]


def test_a_place_that_is_no_number_is_in_no_zone() -> None:
    assert hit(ZoneIndex(1, [zone(1)]), [(float("nan"), 0.5), (float("inf"), 0.5), (0.5, 0.5)]) == [[], [], [1]]


def test_a_band_judges_heights_above_its_own_datum_ends_included() -> None:
    band = AltitudeBand(lower_m=100, lower_datum=Datum.AMSL, upper_m=200, upper_datum=Datum.AMSL)
    index = ZoneIndex(1, [zone(1, band=band)])
    inside = {
        height: hit(index, [(0.5, 0.5)], altitude_m=height, datum=Datum.AMSL) for height in (99.9, 100, 200, 200.1)
    }
    assert inside == {99.9: [[]], 100: [[1]], 200: [[1]], 200.1: [[]]}


def test_the_footprint_counts_where_the_height_cannot_be_compared() -> None:
    band = AltitudeBand(lower_m=100, lower_datum=Datum.AMSL, upper_m=200, upper_datum=Datum.AMSL)
    index = ZoneIndex(1, [zone(1, band=band)])
    assert hit(index, [(0.5, 0.5)], altitude_m=5000, datum=Datum.BARO) == [[1]]
    assert hit(index, [(0.5, 0.5)], altitude_m=5000, datum=None) == [[1]]
    assert hit(index, [(0.5, 0.5)], altitude_m=None, datum=Datum.AMSL) == [[1]]


def test_each_bound_has_a_datum_of_its_own() -> None:
    band = AltitudeBand(lower_m=100, lower_datum=Datum.AMSL, upper_m=200, upper_datum=Datum.BARO)
    index = ZoneIndex(1, [zone(1, band=band)])
    assert hit(index, [(0.5, 0.5)], altitude_m=50, datum=Datum.AMSL) == [[]]
    assert hit(index, [(0.5, 0.5)], altitude_m=250, datum=Datum.AMSL) == [[1]]
    assert hit(index, [(0.5, 0.5)], altitude_m=50, datum=Datum.BARO) == [[1]]
    assert hit(index, [(0.5, 0.5)], altitude_m=250, datum=Datum.BARO) == [[]]


def test_a_validity_is_half_open() -> None:
    end = NOON + timedelta(hours=1)
    index = ZoneIndex(1, [zone(1, validity=TimeWindow(start=NOON, end=end)), zone(2)])
    instants = (NOON - timedelta(microseconds=1), NOON, end - timedelta(microseconds=1), end)
    assert [hit(index, [(0.5, 0.5)], at=at) for at in instants] == [[[2]], [[1, 2]], [[1, 2]], [[2]]]


def test_fixes_of_one_batch_are_judged_each_at_its_own_instant_and_height() -> None:
    band = AltitudeBand(upper_m=100, upper_datum=Datum.AMSL)
    index = ZoneIndex(1, [zone(1, band=band, validity=TimeWindow(end=NOON))])
    early = NOON - timedelta(seconds=1)
    found = index.zones_hit(
        [0.5] * 4, [0.5] * 4, [50, 150, 50, None], [Datum.AMSL] * 3 + [None], [early, early, NOON, early]
    )
    assert [len(refs) for refs in found] == [1, 0, 0, 1]


def test_refs_are_found_by_id() -> None:
    index = ZoneIndex(7, [zone(2), zone(1)])
    found = index.find(ZoneId(UUID(int=2)))
    assert (index.version, len(index), found and found.name) == (7, 2, "zone 2")
    assert index.find(ZoneId(UUID(int=3))) is None
    assert [ref.name for ref in index.refs()] == ["zone 1", "zone 2"]


coordinates = st.integers(min_value=-4, max_value=4).map(lambda number: number / 2)
squares = st.tuples(coordinates, coordinates, st.sampled_from([0.5, 1.0, 2.5])).map(
    lambda parts: square(parts[0], parts[1], size=parts[2])
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    areas=st.lists(squares, max_size=8),
    points=st.lists(st.tuples(coordinates, coordinates), max_size=12),
)
def test_the_index_agrees_with_plain_geometry(areas: list[MultiPolygon], points: list[tuple[float, float]]) -> None:
    index = ZoneIndex(1, [zone(number, area) for number, area in enumerate(areas)])
    plain = [[number for number, area in enumerate(areas) if area.intersects(shapely.Point(point))] for point in points]
    assert hit(index, points) == plain
