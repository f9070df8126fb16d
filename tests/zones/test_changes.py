"""An index that takes over what has changed is the index that reading all zones would make."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, TypeAlias

import pytest
from django.contrib.gis.geos import GEOSGeometry
from django.db import connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase as HypothesisTestCase

from apps.access.types import SYSTEM
from apps.zones import queries, services
from apps.zones.models import Zone, ZoneChange
from apps.zones.queries import zone_index
from apps.zones.rules.index import ZoneIndex
from tests.factories.core import NOON
from tests.factories.races import rival_waits_for
from tests.factories.zones import make_zone, make_zone_kind, square

COPY: Final = """
INSERT INTO zones_zone (id, version, name, description, area, lower_datum, upper_datum, validity, is_active, kind_id,
                        organisation_id)
SELECT gen_random_uuid(), 1, name, '', area, '', '', validity, true, kind_id, organisation_id
FROM zones_zone, generate_series(1, %s) WHERE id = %s
"""


class Undo(Exception):
    """Rolls a transaction back."""


def told(index: ZoneIndex) -> list[tuple[Any, ...]]:
    return [(zone.ref, zone.area.wkb, zone.band, zone.validity) for zone in index._members]


def hits(index: ZoneIndex) -> list[Any]:
    places = [(x + 0.5, y + 0.5) for x in range(4) for y in range(4)]
    lons, lats = zip(*places, strict=True)
    return index.zones_hit(lons, lats, [None] * len(places), [None] * len(places), [NOON] * len(places))


def require_the_same() -> ZoneIndex:
    """Return the index that is kept now, after comparing it with one that is read anew."""
    index = zone_index()
    fresh = ZoneIndex(index.version, queries._indexed_zones(Zone.objects.all()))
    assert told(index) == told(fresh)
    assert hits(index) == hits(fresh)
    return index


def was_read_again(before: ZoneIndex, zone: Zone) -> bool:
    """Say whether a zone that nobody changed was read again since."""
    areas = [{each.ref.id: each.area for each in index._members}[zone.pk] for index in (before, zone_index())]  # type: ignore[index]
    return areas[0] is not areas[1]


CHANGES: Final[dict[str, Callable[[Zone], object]]] = {
    "made": lambda _: make_zone("Pier", area=square(1, 1)),
    "moved": lambda zone: services.update_zone(zone.pk, area=square(2, 2), actor=SYSTEM, at=NOON),
    "switched off": lambda zone: services.update_zone(zone.pk, is_active=False, actor=SYSTEM, at=NOON),
    "deleted": lambda zone: services.delete_zone(zone.pk, actor=SYSTEM, at=NOON),
    "changed past the services": lambda zone: Zone.objects.filter(pk=zone.pk).update(name="By hand"),
    "nothing": lambda _: Zone.objects.filter(name="nobody").update(name="By hand"),
}


@pytest.mark.django_db
@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_a_change_is_taken_over_and_nothing_else_is_read(change: str) -> None:
    zone, other = make_zone("Depot"), make_zone("Quay", area=square(3, 3))
    before = zone_index()
    CHANGES[change](zone)
    require_the_same()
    assert not was_read_again(before, other)


@pytest.mark.django_db
def test_who_is_behind_by_many_versions_takes_over_all_of_them() -> None:
    other, zones = make_zone("Quay", area=square(3, 3)), [make_zone(f"Depot {number}") for number in range(6)]
    before = zone_index()
    for zone in zones:
        services.update_zone(zone.pk, name=f"{zone.name}, moved", area=square(1, 2), actor=SYSTEM, at=NOON)
        services.delete_zone(zone.pk, actor=SYSTEM, at=NOON)
        make_zone(f"After {zone.name}", area=square(2, 0))
    require_the_same()
    assert not was_read_again(before, other)


@pytest.mark.django_db
def test_what_was_rolled_back_is_left_behind_also_when_it_was_looked_at() -> None:
    zone = make_zone("Depot")
    require_the_same()
    with suppress(Undo), transaction.atomic():
        services.update_zone(zone.pk, area=square(2, 2), actor=SYSTEM, at=NOON)
        make_zone("Ghost", area=square(1, 1))
        require_the_same()
        raise Undo
    make_zone("Pier", area=square(3, 1))
    assert [zone.name for zone in require_the_same().refs()] == ["Depot", "Pier"]


@pytest.mark.django_db
def test_a_log_that_does_not_reach_back_is_not_believed() -> None:
    zone, other = make_zone("Depot"), make_zone("Quay", area=square(3, 3))
    before = zone_index()
    services.update_zone(zone.pk, area=square(2, 2), actor=SYSTEM, at=NOON)
    ZoneChange.objects.filter(version__lte=before.version).delete()
    require_the_same()
    assert was_read_again(before, other)


@pytest.mark.django_db
def test_a_statement_that_changes_very_many_says_only_that_it_did() -> None:
    zone, other = make_zone("Depot"), make_zone("Quay", area=square(3, 3))
    before = zone_index()
    with connection.cursor() as cursor:
        cursor.execute(COPY, [1_001, zone.pk])
    assert ZoneChange.objects.filter(version__gt=before.version).get().zone_id is None
    require_the_same()
    assert was_read_again(before, other)


@pytest.mark.django_db
def test_the_log_forgets() -> None:
    zone = make_zone("Depot")
    ZoneChange.objects.create(version=zone_index().version - 3_000, zone_id=zone.pk)
    services.update_zone(zone.pk, name="Pier", actor=SYSTEM, at=NOON)
    assert ZoneChange.objects.filter(version__lt=zone_index().version - 2_000).count() == 0


@pytest.mark.django_db(transaction=True)
def test_all_are_gone_when_the_table_is_emptied() -> None:
    make_zone("Depot")
    assert len(require_the_same()) == 1
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE zones_zone CASCADE")
    assert len(require_the_same()) == 0


@pytest.mark.django_db(transaction=True)
def test_of_two_writers_the_second_has_the_later_token_whoever_began_first() -> None:
    kind = make_zone_kind()
    zone, other = make_zone("Depot", kind=kind), make_zone("Quay", area=square(3, 3), kind=kind)
    before = zone_index()

    def move_the_other() -> object:
        services.update_zone(other.pk, area=square(0, 3), actor=SYSTEM, at=NOON)
        return told(zone_index())

    with rival_waits_for(move_the_other) as rival:
        services.update_zone(zone.pk, area=square(2, 2), actor=SYSTEM, at=NOON)
        require_the_same()
    assert rival.outcome == told(require_the_same())
    order = ZoneChange.objects.filter(version__gt=before.version).order_by("version").values_list("zone_id", flat=True)
    assert list(order) == [zone.pk, other.pk]


Step: TypeAlias = tuple[str, int, tuple[int, int], bool, bool]
STEP: Final[st.SearchStrategy[Step]] = st.tuples(
    st.sampled_from(["make", "move", "rename", "switch", "delete", "bulk"]),
    st.integers(0, 5),
    st.tuples(st.integers(0, 3), st.integers(0, 3)),
    st.booleans(),
    st.booleans(),
)


class TestAnySequence(HypothesisTestCase):
    """Whatever happens to the zones, kept or rolled back, looked at or not."""

    @settings(max_examples=15, deadline=None)
    @given(steps=st.lists(STEP, min_size=1, max_size=8))
    def test_the_index_is_as_if_it_had_been_read_anew(
        self, steps: list[tuple[str, int, tuple[int, int], bool, bool]]
    ) -> None:
        kind = make_zone_kind()
        for what, which, place, is_kept, is_looked_at in steps:
            with suppress(Undo), transaction.atomic():
                self.change(what, which, place, kind)
                if is_looked_at:
                    require_the_same()
                if not is_kept:
                    raise Undo
            if is_looked_at:
                require_the_same()
        require_the_same()

    def change(self, what: str, which: int, place: tuple[int, int], kind: Any) -> None:
        zones = list(Zone.objects.order_by("recorded_at", "id"))
        if what == "make" or not zones:
            make_zone(f"Zone {len(zones)}", area=square(*place), kind=kind)
            return
        some = Zone.objects.filter(pk=zones[which % len(zones)].pk)
        match what:
            case "move":
                some.update(area=GEOSGeometry(memoryview(square(*place).wkb), srid=4326))
            case "rename":
                some.update(name=f"Renamed {place}")
            case "switch":
                some.update(is_active=not some.get().is_active)
            case "delete":
                some.delete()
            case "bulk":
                Zone.objects.update(name=f"All {place}")
