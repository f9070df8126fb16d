"""SQL and Python of one filter say the same, for expressions of every class."""

from __future__ import annotations

import uuid

import pytest
import shapely

from apps.core import clock
from apps.filters.queries import compile_predicate, compile_sql, parse
from apps.filters.queries.sql import condition
from apps.filters.rules.evaluating import predicate
from apps.filters.types import Call, FilterError
from tests.filters.things import THINGS, Thing, answers, feature, instant, make_table, store, thing

pytestmark = pytest.mark.django_db

SQUARE = shapely.box(0, 0, 2, 2)
OWNER = "0198c1f0-0000-7000-8000-000000000001"
ROWS = [
    thing(1),
    thing(
        2,
        name="Straße",
        count=3,
        weight=2.5,
        flag=True,
        seen_at=instant("07-01T12:00"),
        until_at=instant("07-02T12:00"),
        born_on=instant("01-02").date(),
        validity=(instant("07-01T00:00"), instant("08-01T00:00")),
        owner=uuid.UUID(OWNER),
        place=SQUARE,
        point=shapely.Point(1, 1),
        tags=["a", "b"],
        attributes={"length_m": 28.5, "colour": "red", "is_towed": False, "odd key": None},
        low_m=0.0,
        high_m=120.0,
        low_datum="AMSL",
        high_datum="BARO",
    ),
    thing(3, name="crème_brûlée%", count=-4, weight=0.0, flag=False, place=shapely.Point(2, 1), tags=[]),
    thing(4, name="it's", place=shapely.box(2, 0, 3, 2), point=shapely.Point(4, 4), attributes={"length_m": "long"}),
    thing(5, name="", place=shapely.LineString([(-1, 1), (1, 1)]), seen_at=instant("06-30T00:00"), high_m=10.0),
]

FAR = {
    "pole-to-pole": "LINESTRING(0 90, 0 -90)",
    "half-round": "LINESTRING(0 0, 180 0)",
    "wide": "POLYGON((0 -80, 60 -80, 60 80, 0 80, 0 -80), (20 -20, 40 -20, 40 20, 20 20, 20 -20))",
    "cap": "POLYGON((-180 60, 180 60, 180 90, -180 90, -180 60))",
    "antimeridian": "BBOX(170, -10, -170, 10)",
    "parts": "MULTILINESTRING((0 0, 61 0), (100 50, 10 50))",
    "points": "MULTIPOINT(0 0, 90 0, 180 0)",
}
CASES = {
    "equal": ("name = 'Straße'", {2}),
    "unequal": ("name <> 'Straße'", {3, 4, 5}),
    "not": ("NOT name = 'Straße'", {3, 4, 5}),
    "order-of-text": ("name > 'T'", {3, 4}),
    "number": ("weight >= 2.5", {2}),
    "integer": ("count < 0", {3}),
    "integer-with-fraction": ("count > -4.5", {2, 3}),
    "between": ("weight BETWEEN 0 AND 1", {3}),
    "not-between": ("weight NOT BETWEEN 0 AND 1", {2}),
    "in": ("name IN ('', 'it''s')", {4, 5}),
    "in-with-null": ("name NOT IN ('', attributes.colour)", {2}),
    "null": ("weight IS NULL", {1, 4, 5}),
    "not-null": ("weight IS NOT NULL", {2, 3}),
    "flag": ("flag", {2}),
    "flag-equal": ("flag = FALSE", {3}),
    "and": ("flag AND weight > 1", {2}),
    "or-null": ("flag OR name = ''", {2, 5}),
    "condition-compared": ("(weight > 1) = TRUE", {2}),
    "arithmetic": ("weight * 2 + count = 8", {2}),
    "power": ("count ^ 2 = 16", {3}),
    "modulo": ("count % 2 = 1", {2}),
    "div": ("count div 2 = -2", {3}),
    "division-by-zero": ("1 / weight > 0", {2}),
    "minus": ("-weight = -2.5", {2}),
    "casei": ("CASEI(name) = CASEI('STRASSE')", {2}),
    "accenti": ("ACCENTI(name) LIKE ACCENTI('crémé%')", {3}),
    "both-folds": ("ACCENTI(CASEI(name)) = 'creme_brulee%'", {3}),
    "like": ("name LIKE '%ra%'", {2}),
    "like-escape": (r"name LIKE '%\_%\%'", {3}),
    "like-one": ("name LIKE 'it_s'", {4}),
    "not-like": ("name NOT LIKE '%'", set()),
    "like-casei": ("CASEI(name) LIKE CASEI('STRA_S_')", {2}),
    "uuid": (f"owner = '{OWNER.upper()}'", {2}),
    "instant": ("seen_at > TIMESTAMP('2026-07-01T11:59:59.9Z')", {2}),
    "instant-and-date": ("seen_at >= DATE('2026-06-30')", {2, 5}),
    "date": ("born_on = DATE('2026-01-02')", {2}),
    "after": ("T_AFTER(seen_at, DATE('2026-07-01'))", {2}),
    "during": ("T_DURING(seen_at, INTERVAL('2026-06-30', '..'))", {2}),
    "during-open-start": ("T_DURING(seen_at, INTERVAL('..', '2026-07-01'))", {5}),
    "intersects-validity": ("T_INTERSECTS(validity, INTERVAL('2026-08-01', '2026-08-02'))", {1, 2, 3, 4, 5}),
    "disjoint-validity": ("T_DISJOINT(validity, DATE('2026-06-01'))", {2}),
    "interval-of-properties": ("T_CONTAINS(INTERVAL(seen_at, until_at), TIMESTAMP('2026-07-02T00:00:00Z'))", {2}),
    "pair": ("T_CONTAINS(period, TIMESTAMP('2026-07-02T00:00:00Z'))", {1, 2, 3, 4, 5}),
    "meets": ("T_MEETS(INTERVAL('2026-01-01', '2026-07-01'), validity)", {2}),
    "active-at": ("active_at(TIMESTAMP('2026-07-31T23:59:59Z'))", {2}),
    "active-at-end": ("active_at(TIMESTAMP('2026-08-01T00:00:00Z'))", set()),
    "altitude": ("altitude_overlaps(50, 60)", {1, 2, 3, 4}),
    "altitude-with-datum": ("altitude_overlaps(-20, -10, 'AMSL')", {1, 3, 4, 5}),
    "touching-box": ("S_INTERSECTS(place, BBOX(2, 2, 3, 3))", {2, 4}),
    "within": ("S_WITHIN(place, POLYGON((0 0, 2 0, 2 2, 0 2, 0 0)))", {2}),
    "contains": ("S_CONTAINS(place, POINT(1 1))", {2}),
    "touches": ("S_TOUCHES(place, POLYGON((0 0, 2 0, 2 2, 0 2, 0 0)))", {3, 4}),
    "crosses": ("S_CROSSES(place, POLYGON((0 0, 2 0, 2 2, 0 2, 0 0)))", {5}),
    "overlaps": ("S_OVERLAPS(place, POLYGON((1 1, 4 1, 4 4, 1 4, 1 1)))", {2, 4}),
    "disjoint": ("S_DISJOINT(place, POINT(10 10))", {2, 3, 4, 5}),
    "equals": ("S_EQUALS(place, POLYGON((2 2, 0 2, 0 0, 2 0, 2 2)))", {2}),
    "two-properties": ("S_INTERSECTS(place, point)", {2}),
    "collection": ("S_INTERSECTS(place, GEOMETRYCOLLECTION(POINT(3 0), POINT(9 9)))", {4}),
    "antimeridian": ("S_INTERSECTS(place, BBOX(3, -1, -1, 1))", {4, 5}),
    "distance": ("distance_m(point, POINT(1 1.001)) < 112", {2}),
    "array-contains": ("A_CONTAINS(tags, ('a'))", {2}),
    "array-equals": ("A_EQUALS(tags, ('b', 'a', 'a'))", {2}),
    "array-contained": ("A_CONTAINEDBY(tags, ('a', 'b', 'c'))", {2, 3}),
    "array-overlaps": ("A_OVERLAPS(tags, ('z', 'b'))", {2}),
    "member-number": ("attributes.length_m > 20", {2}),
    "member-text": ("attributes.length_m = 'long'", {4}),
    "member-flag": ("NOT attributes.is_towed", {2}),
    "member-null": ('"attributes.odd key" IS NULL', {1, 2, 3, 4, 5}),
    "member-any": ("attributes.length_m IS NOT NULL", {2, 4}),
    "literals": ("TRUE", {1, 2, 3, 4, 5}),
    "never": ("1 = 2", set()),
}


@pytest.fixture(autouse=True)
def _stored(db):
    make_table()
    store(ROWS)


@pytest.mark.parametrize("name", CASES)
def test_sql_and_python_say_the_same(name):
    text, expected = CASES[name]
    found = parse(text, queryables=THINGS)
    decide = compile_predicate(found)

    assert answers(found) == {row["id"]: decide(feature(row)) for row in ROWS}
    kept = Thing.objects.filter(compile_sql(found)).values_list("id", flat=True)
    assert {key.int for key in kept} == expected


@pytest.mark.parametrize("name", FAR)
def test_distances_agree_however_far_and_however_long_the_edges(name):
    places = [shapely.Point(lon, lat) for lon in range(-180, 181, 40) for lat in (-90, -89.9, -41, 0, 0.5, 30, 75, 90)]
    rows = [thing(number, point=place) for number, place in enumerate(places, start=100)]
    store(rows)
    asked = parse(f"distance_m(point, {FAR[name]}) > 0", queryables=THINGS).root
    assert isinstance(asked, Call)
    measure = asked.args[0]
    by_sql = dict(Thing.objects.annotate(found=condition(measure, {})).values_list("id", "found"))
    in_python = predicate(measure, {}, clock.now)

    assert {row["id"]: in_python(feature(row)) for row in rows} == {
        row["id"]: pytest.approx(by_sql[row["id"]], abs=0.001) for row in rows
    }


def test_an_edge_from_pole_to_pole_is_no_error():
    store([thing(100, place=shapely.box(-150, -90, -10, 90))])
    found = parse("distance_m(place, POINT(-90 0)) = 0 AND distance_m(place, POINT(90 0)) > 1", queryables=THINGS)

    assert {key.int for key in Thing.objects.filter(compile_sql(found)).values_list("id", flat=True)} == {100}
    assert compile_predicate(found)(feature(thing(100, place=shapely.box(-150, -90, -10, 90)))) is True


def test_nobody_measures_to_more_than_half_of_the_world():
    with pytest.raises(FilterError, match="half of the world"):
        parse("distance_m(point, BBOX(-180, -90, 180, 90)) < 1", queryables=THINGS)


@pytest.mark.parametrize("name", CASES)
def test_both_forms_are_read_again_as_an_equal_filter(name):
    found = parse(CASES[name][0], queryables=THINGS)

    assert parse(found.text, queryables=THINGS) == found
    assert parse(found.json, queryables=THINGS) == found
