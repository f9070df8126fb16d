"""Filters, times and orders on lists: what they find, and how they refuse."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from apps.core.types import TimeWindow
from apps.filters import registry
from tests.factories.access import assign, make_organisation, make_user, signed_in
from tests.factories.assets import make_asset, make_asset_kind
from tests.factories.core import NOON
from tests.factories.zones import make_zone, square

pytestmark = pytest.mark.django_db


@pytest.fixture
def organisation():
    return make_organisation()


@pytest.fixture
def client(organisation):
    alice = make_user("alice")
    assign(alice, ["assets.view", "zones.view"], organisation)
    return signed_in(alice)


@pytest.fixture
def fleet(organisation):
    vessel, drone = make_asset_kind("vessel"), make_asset_kind("drone")
    make_asset("Tug 1", kind=vessel, organisation=organisation, attributes={"length_m": 28.5})
    make_asset("Tug 2", kind=vessel, organisation=organisation, identifiers=[("mmsi", "367000001")])
    make_asset("Élan", kind=drone, organisation=organisation, is_active=False)
    make_asset("Tug of strangers", kind=vessel)


def _names(answer):
    assert answer.status_code == 200, answer.content
    return [each["name"] for each in answer.json()["items"]]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("name LIKE 'Tug%'", ["Tug 1", "Tug 2"]),
        ("ACCENTI(CASEI(name)) = 'elan'", ["Élan"]),
        ("kind = 'drone' OR attributes.length_m > 20", ["Tug 1", "Élan"]),
        ("NOT is_active", ["Élan"]),
        ("A_CONTAINS(identifiers, ('mmsi:367000001'))", ["Tug 2"]),
        ("recorded_at > now()", []),
    ],
    ids=["like", "folded", "or", "not", "array", "clock"],
)
def test_a_list_is_filtered(client, fleet, source, expected):
    assert _names(client.get("/api/v1/assets", {"filter": source, "sort": "name"})) == expected


def test_a_filter_may_be_json(client, fleet):
    source = json.dumps({"op": "=", "args": [{"property": "name"}, "Tug 1"]})

    assert _names(client.get("/api/v1/assets", {"filter": source, "filter-lang": "cql2-json"})) == ["Tug 1"]


def test_a_filter_is_counted_and_paged(client, fleet):
    page = client.get("/api/v1/assets", {"filter": "kind = 'vessel'", "count": "exact", "limit": 1, "sort": "-name"})

    assert (_names(page), page.json()["count"]) == (["Tug 2"], 2)
    assert _names(client.get(page.json()["next"])) == ["Tug 1"]


def test_several_orders_page_without_losing_a_row(client, organisation):
    kind = make_asset_kind()
    for number in range(7):
        make_asset(f"Same {number % 2}", kind=kind, organisation=organisation)
    ordered = client.get("/api/v1/assets", {"sort": "-name,recorded_at,id"}).json()["items"]
    expected = sorted(ordered, key=lambda each: (each["recorded_at"], each["id"]))
    expected.sort(key=lambda each: each["name"], reverse=True)
    assert ordered == expected

    paged, address = [], "/api/v1/assets?sort=-name,recorded_at,id&limit=2"
    while address:
        page = client.get(address).json()
        paged += page["items"]
        address = page["next"]
    assert paged == ordered


@pytest.mark.parametrize(
    "sort", ["kind", "name,name", "name,,id", "attributes", "name,-id,recorded_at,-name", "--name"]
)
def test_an_order_that_there_is_not_is_refused(client, fleet, sort):
    answer = client.get("/api/v1/assets", {"sort": sort})

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "?sort")


@pytest.mark.parametrize(
    ("source", "code", "said"),
    [
        ("nonsense = 1", "unknown_property", "'nonsense'"),
        ("organisation__name = 'x'", "unknown_property", "'organisation__name'"),
        ("name = 1", "type", "name is a text and the literal is a number"),
        ("name LIKE is_active", "type", "is_active is true or false"),
        ("kind", "type", "kind is a text"),
        ("name = 'x' AND (", "syntax", "line 1, column 17"),
        ("name = 'x'; DROP TABLE assets_asset", "syntax", "';'"),
        ("name = 'it's'", "syntax", "column"),
        ("name = ${user.id}", "unknown_variable", "${user.id}"),
        ("pg_sleep(10) = 1", "unknown_function", "'pg_sleep'"),
        ("attributes = 'x'", "type", "attributes.name"),
        ("name = NULL", "syntax", "'null'"),
        ("", "syntax", "Expected a value"),
        ("(" * 100 + "TRUE" + ")" * 100, "syntax", "deeper than 64"),
        ("(" * 64, "syntax", "Expected a value"),
        ("name = '" + "x" * 9000 + "'", "too_long", "8192"),
    ],
    ids=[
        "unknown", "lookup-path", "number-for-text", "pattern", "no-condition", "end", "injection", "quote", "variable",
        "function", "open-object", "null", "empty", "deep", "parentheses", "long",
    ],
)  # fmt: skip
def test_a_filter_that_cannot_be_is_400_and_says_why(client, fleet, source, code, said):
    answer = client.get("/api/v1/assets", {"filter": source})

    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["pointer"], error["code"]) == (400, "?filter", code), error
    assert said in error["detail"]


@pytest.mark.parametrize(
    "asked",
    [{"filter-lang": "cql-text"}, {"filter-crs": "EPSG:4326"}, {"datetime": "2026-07-01T00:00:00Z"}, {"filtre": "1"}],
    ids=["language", "crs", "no-time", "misspelt"],
)
def test_other_parameters_are_refused(client, fleet, asked):
    assert client.get("/api/v1/assets", asked).status_code == 422


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        ("2026-06-30T12:00:00Z", ["always", "from noon"]),
        ("2026-06-30T13:00:00Z", ["always"]),
        ("2026-06-30T12:59:59.999999Z/..", ["always", "from noon"]),
        ("../2026-06-30T11:59:59Z", ["always"]),
        ("2026-06-30", ["always", "from noon"]),
        ("0001-01-01T00:00:00Z/9999-12-31T23:59:59.999999Z", ["always", "from noon"]),
        ("../..", ["always", "from noon"]),
    ],
)
def test_a_list_shows_what_is_valid_at_a_time(client, organisation, window, expected):
    make_zone("always", organisation=organisation)
    hour = TimeWindow(start=NOON, end=NOON + timedelta(hours=1))
    make_zone("from noon", organisation=organisation, validity=hour)

    assert _names(client.get("/api/v1/zones", {"datetime": window, "sort": "name"})) == expected


@pytest.mark.parametrize(
    "window", ["..", "yesterday", "2026-07-02/2026-07-01", "2026-13-01", "0000-01-01T00:00:00Z/.."]
)
def test_a_time_that_there_is_not_is_refused(client, window):
    answer = client.get("/api/v1/zones", {"datetime": window})

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "?datetime")


def test_a_filter_and_a_box_find_what_is_in_both(client, organisation):
    make_zone("near", organisation=organisation)
    make_zone("far", organisation=organisation, area=square(50, 50))
    near = "S_INTERSECTS(geometry, POLYGON((0 0, 1 0, 1 1, 0 0)))"

    assert _names(client.get("/api/v1/zones", {"filter": near})) == ["near"]
    assert _names(client.get("/api/v1/zones", {"filter": near, "bbox": "50,50,51,51"})) == []


def test_what_is_hidden_from_the_caller_is_as_if_it_were_not_there(client, fleet, monkeypatch):
    unknown = client.get("/api/v1/assets", {"filter": "nonsense = 'x'"}).json()["errors"]
    monkeypatch.setattr(registry._Hiding, "hidden", staticmethod(lambda request, noun: {"name", "attributes"}))

    refused = client.get("/api/v1/assets", {"filter": "name = 'x'"})
    assert refused.status_code == 400
    assert json.dumps(refused.json()["errors"]).replace("name", "nonsense") == json.dumps(unknown)
    assert client.get("/api/v1/assets", {"filter": "attributes.length_m = 1"}).status_code == 400
    assert client.get("/api/v1/assets", {"sort": "name"}).status_code == 422
    assert "name" not in client.get("/api/v1/queryables/assets").json()["properties"]


def test_queryables_are_a_json_schema(client):
    index = {each["noun"]: each["href"] for each in client.get("/api/v1/queryables").json()["items"]}
    schema = client.get(index["zones"]).json()

    assert schema["$id"] == f"http://testserver{index['zones']}"
    assert schema["properties"]["lower_m"] == {
        "title": "Lower m",
        "description": "Null: from the ground.",
        "type": "number",
        "x-ogc-unit": "m",
    }
    assert schema["properties"]["geometry"] == {
        "title": "Geometry",
        "format": "geometry-polygon",
        "x-ogc-role": "primary-geometry",
    }
    assert schema["properties"]["valid_from"]["format"] == "date-time"
    assert client.get("/api/v1/queryables/boats").status_code == 404
