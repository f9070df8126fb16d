"""The index that a process keeps: when it is read again, and that it agrees with the database's own geometry."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest
import shapely
from django.contrib.gis.geos import Point
from django.db import connection, transaction
from shapely import MultiPolygon

from apps.access.types import SYSTEM
from apps.core.types import BBox, Datum, OrganisationId, TimeWindow, ZoneId
from apps.zones import services
from apps.zones.models import Zone, ZoneSet
from apps.zones.queries import zone_index, zone_set_version, zones_hit, zones_matching
from apps.zones.types import AltitudeBand, ZoneRef
from tests.factories.core import NOON, after
from tests.factories.zones import make_zone, make_zone_kind, square
from tests.statements import statements_sent

pytestmark = pytest.mark.django_db


class Undo(Exception):
    """Rolls a transaction back."""


def names_at(lon: float, lat: float) -> list[str]:
    (refs,) = zones_hit([lon], [lat], [None], [NOON], zone_index(), datums=[None])
    return sorted(ref.name for ref in refs)


def test_a_hit_says_what_its_finder_needs() -> None:
    zone = make_zone("Depot", dwell_after=timedelta(minutes=5), validity=TimeWindow(end=after(hours=1)))
    found = zones_hit([0.5, 7], [0.5, 7], [None, None], [NOON, NOON], zone_index(), datums=[None, None])
    ref = ZoneRef(
        id=ZoneId(zone.pk),
        organisation_id=OrganisationId(zone.organisation_id),
        kind_id=zone.kind_id,
        name="Depot",
        dwell_after=timedelta(minutes=5),
        version=1,
        ends_at=after(hours=1),
    )
    assert found == [(ref,), ()]


def test_bands_come_from_the_database_as_they_were_written() -> None:
    band = AltitudeBand(lower_m=100, lower_datum=Datum.AMSL, upper_m=200, upper_datum=Datum.BARO)
    make_zone(band=band)
    found = zones_hit(
        [0.5] * 4,
        [0.5] * 4,
        [50, 150, 150, 250],
        [NOON] * 4,
        zone_index(),
        datums=[Datum.AMSL, Datum.AMSL, Datum.BARO, Datum.BARO],
    )
    assert [len(refs) for refs in found] == [0, 1, 1, 0]


def test_the_index_is_read_once_and_asked_with_one_small_statement() -> None:
    make_zone()
    kept = zone_index()
    with statements_sent() as sent:
        assert zone_index() is kept
    assert sent.call_count == 1


def test_every_change_of_a_zone_is_seen_at_once() -> None:
    zone = make_zone("Depot")
    assert names_at(0.5, 0.5) == ["Depot"]
    services.update_zone(zone.pk, name="Pier", area=square(5, 5), actor=SYSTEM, at=NOON)
    assert (names_at(0.5, 0.5), names_at(5.5, 5.5)) == ([], ["Pier"])
    services.update_zone(zone.pk, is_active=False, actor=SYSTEM, at=NOON)
    assert names_at(5.5, 5.5) == []
    services.update_zone(zone.pk, is_active=True, actor=SYSTEM, at=NOON)
    assert names_at(5.5, 5.5) == ["Pier"]
    services.delete_zone(zone.pk, actor=SYSTEM, at=NOON)
    assert names_at(5.5, 5.5) == []


def test_a_change_past_the_services_is_seen_too() -> None:
    zone = make_zone("Depot")
    zone_index()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE zones_zone SET name = 'By hand' WHERE id = %s", [zone.pk])
    assert names_at(0.5, 0.5) == ["By hand"]


def make_a_ghost(name: str) -> None:
    with transaction.atomic():
        make_zone(name)
        assert names_at(0.5, 0.5) == ["Depot", name]
        raise Undo


def test_what_was_rolled_back_is_never_taken_for_the_truth() -> None:
    make_zone("Depot")
    before = zone_set_version()
    for name in ("Ghost", "Other ghost"):
        with pytest.raises(Undo):
            make_a_ghost(name)
    assert zone_set_version() == before
    assert names_at(0.5, 0.5) == ["Depot"]
    make_zone("Pier")
    assert names_at(0.5, 0.5) == ["Depot", "Pier"]


def test_a_change_of_kinds_or_grants_leaves_the_index_alone() -> None:
    make_zone()
    kept = zone_index()
    make_zone_kind()
    assert zone_index() is kept


def test_a_lost_row_of_the_set_is_made_again() -> None:
    ZoneSet.objects.all().delete()
    assert zone_set_version() == 0
    make_zone("Depot")
    assert zone_set_version() > 0
    assert names_at(0.5, 0.5) == ["Depot"]


def test_the_index_agrees_with_the_database() -> None:
    """PostGIS is the oracle only: live, replay and back-fill all ask the index."""
    chance = random.Random(7)  # the same zones and points every time
    kind = make_zone_kind()
    for number in range(30):
        centre = shapely.Point(chance.uniform(-3, 3), chance.uniform(-3, 3))
        shape = centre.buffer(chance.uniform(0.2, 2), quad_segs=chance.randint(1, 16))
        make_zone(str(number), area=MultiPolygon([shape]), kind=kind)
    points = [(chance.uniform(-4, 4), chance.uniform(-4, 4)) for _ in range(300)]
    count = len(points)
    lons, lats = [lon for lon, _ in points], [lat for _, lat in points]
    found = zones_hit(lons, lats, [None] * count, [NOON] * count, zone_index(), datums=[None] * count)
    oracle = [
        sorted(Zone.objects.filter(area__intersects=Point(lon, lat, srid=4326)).values_list("name", flat=True))
        for lon, lat in points
    ]
    assert [sorted(ref.name for ref in refs) for refs in found] == oracle
    assert any(len(names) > 2 for names in oracle)


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({}, {"Depot", "Pier", "Bridge"}),
        ({"kind": "anchorage"}, {"Depot"}),
        ({"is_active": False}, {"Bridge"}),
        ({"q": "PIE"}, {"Pier"}),
        ({"bbox": BBox(west=0.5, south=0.5, east=2, north=2)}, {"Depot"}),
        ({"bbox": BBox(west=1, south=1, east=2, north=2)}, {"Depot"}),
        ({"bbox": BBox(west=1.1, south=1.1, east=2, north=2)}, set()),
        ({"bbox": BBox(west=179, south=0, east=-179, north=1)}, {"Pier"}),
        ({"valid_at": after(hours=2)}, {"Depot", "Bridge"}),
        ({"valid_at": after(hours=1)}, {"Depot", "Bridge"}),
        ({"valid_at": NOON}, {"Depot", "Pier", "Bridge"}),
    ],
)
def test_lists_are_narrowed_by_every_condition(conditions: Any, expected: set[str]) -> None:
    make_zone("Depot", kind=make_zone_kind("anchorage"))
    make_zone("Pier", area=square(-179.5, 0, size=0.1), validity=TimeWindow(end=after(hours=1)))
    make_zone("Bridge", area=square(20, 20), is_active=False)
    assert {each.name for each in zones_matching(Zone.objects.all(), **conditions)} == expected


def test_a_box_is_looked_up_in_the_spatial_index() -> None:
    make_zone()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    box = BBox(west=0, south=0, east=1, north=1)
    plan = zones_matching(Zone.objects.all(), bbox=box).order_by().explain()
    assert "zones_zone_area" in plan
