"""Reading positions over REST: who sees what, boxes, tracks thinned and cut, who is inside."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.core.api.json import dumps
from apps.core.clock import now
from apps.tracking.api.serializers import position_body
from apps.tracking.published import position_feature, published_positions
from tests.factories.access import make_cast, make_user, signed_in
from tests.factories.assets import make_asset, make_asset_kind
from tests.factories.core import NOON, after
from tests.factories.tracking import FAR_AWAY, IN_SQUARE, follow, ingest, report
from tests.factories.zones import make_zone

pytestmark = pytest.mark.django_db

DAY = "datetime=2026-06-30T00:00:00Z/2026-07-01T00:00:00Z"


def root() -> Client:
    return signed_in(make_user(is_superuser=True))


def ids(response: Any) -> list[str]:
    assert response.status_code == 200, response.content
    return [item["id"] for item in response.json()["items"]]


def test_the_latest_position_of_each_asset() -> None:
    asset = make_asset()
    follow(asset, [(0, FAR_AWAY), (1, (11.0, 51.0))])
    ingest(report(asset, 2, (12.0, 52.0), speed_mps=5.0, course_deg=90.0))
    assert root().get("/api/v1/positions").json() == {
        "items": [
            {
                "id": str(asset.pk),
                "organisation_id": str(asset.organisation_id),
                "version": 0,
                "geometry": {"type": "Point", "coordinates": [12.0, 52.0]},
                "properties": {
                    "fixed_at": "2026-06-30T12:02:00Z",
                    "altitude_m": None,
                    "speed_mps": 5.0,
                    "course_deg": 90.0,
                    "heading_deg": None,
                    "connectivity": "online",
                },
            }
        ],
        "next": None,
    }


def test_a_page_says_of_each_position_what_the_feed_says() -> None:
    assets = [make_asset() for _ in range(3)]
    for number, asset in enumerate(assets):
        ingest(report(asset, number / 7, (number - 1e-5, -0.1), altitude_m=number / 3, heading_deg=None))
    shown = root().get("/api/v1/positions").json()["items"]
    told = [position_body(position_feature(presence)) for presence in published_positions().order_by("pk")]
    assert shown == json.loads(dumps(told))


def test_everybody_sees_only_what_they_may_follow() -> None:
    cast = make_cast()
    ours, theirs = make_asset(organisation=cast.harbour), make_asset(organisation=cast.elsewhere)
    zone = make_zone(organisation=cast.harbour)
    ingest(report(ours, 0, IN_SQUARE), report(theirs, 0, IN_SQUARE))
    seen = {name: signed_in(getattr(cast, name)) for name in ("alice", "bob", "charlie")}
    assert {name: ids(client.get("/api/v1/positions")) for name, client in seen.items()} == {
        "alice": [str(ours.pk)],
        "bob": [str(ours.pk)],
        "charlie": [str(theirs.pk)],
    }
    assert {name: client.get(f"/api/v1/assets/{ours.pk}/track").status_code for name, client in seen.items()} == {
        "alice": 200,
        "bob": 200,
        "charlie": 404,
    }
    inside = {name: client.get(f"/api/v1/zones/{zone.pk}/inside") for name, client in seen.items()}
    assert (ids(inside["alice"]), ids(inside["bob"]), inside["charlie"].status_code) == ([str(ours.pk)],) * 2 + (404,)
    assert seen["charlie"].get(f"/api/v1/positions?zone_id={zone.pk}").status_code == 404
    assert Client().get("/api/v1/positions").status_code == 401


def test_an_asset_without_a_fix_is_nowhere() -> None:
    make_asset()
    assert ids(root().get("/api/v1/positions")) == []


def test_positions_can_be_narrowed() -> None:
    ship, truck = make_asset(kind=make_asset_kind("ship")), make_asset(kind=make_asset_kind("truck"))
    zone = make_zone()
    ingest(report(ship, 0, IN_SQUARE))
    ingest(report(truck, 1, (179.5, 10.0)), received_at=after(minutes=10))
    client, one, other = root(), [str(ship.pk)], [str(truck.pk)]
    asked = {
        "bbox=0,0,1,1": one,
        "bbox=0.5,0.5,0.5,0.5": one,
        "bbox=170,0,-170,20": other,
        "kind=truck": other,
        "connectivity=late": other,
        "connectivity=lost": [],
        "fixed_after=2026-06-30T12:00:30Z": other,
        f"zone_id={zone.pk}": one,
    }
    assert {query: ids(client.get(f"/api/v1/positions?{query}")) for query in asked} == asked
    for query in ("bbox=1,2,3", "bbox=a,b,c,d", "fixed_after=now", "colour=red", "zone_id=x"):
        assert client.get(f"/api/v1/positions?{query}").status_code == 422


def test_positions_are_paged() -> None:
    assets = [make_asset() for _ in range(3)]
    ingest(*(report(asset) for asset in assets))
    client, seen, url = root(), [], "/api/v1/positions?limit=2"
    while url:
        response = client.get(url)
        seen += ids(response)
        url = response.json()["next"]
    assert seen == sorted(str(asset.pk) for asset in assets)


def test_lists_cost_the_same_for_one_and_for_three() -> None:
    client, zone = root(), make_zone()
    paths = ("/api/v1/positions", f"/api/v1/zones/{zone.pk}/inside")
    costs = []
    for more in (1, 2):
        ingest(*(report(make_asset(), 0, IN_SQUARE) for _ in range(more)))
        for path in paths:
            client.get(path)
            with CaptureQueriesContext(connection) as captured:
                client.get(path)
            costs.append(len(captured))
    assert costs[:2] == costs[2:]


def test_a_track_is_a_line_with_columns_beside_it() -> None:
    asset = make_asset()
    ingest(
        report(asset, 0, (1.0, 50.0), speed_mps=5.0), report(asset, 1, (2.0, 50.0), altitude_m=10.0, course_deg=90.0)
    )
    response = root().get(f"/api/v1/assets/{asset.pk}/track?{DAY}")
    assert response["Content-Type"] == "application/geo+json"
    assert "ETag" not in response
    assert response.json() == {
        "type": "Feature",
        "id": str(asset.pk),
        "geometry": {"type": "LineString", "coordinates": [[1.0, 50.0], [2.0, 50.0, 10.0]]},
        "properties": {
            "asset_id": str(asset.pk),
            "start": "2026-06-30T00:00:00Z",
            "end": "2026-07-01T00:00:00Z",
            "total": 2,
            "shown": 2,
            "fixed_at": ["2026-06-30T12:00:00Z", "2026-06-30T12:01:00Z"],
            "speed_mps": [5.0, None],
            "course_deg": [None, 90.0],
        },
    }


@pytest.mark.parametrize(
    ("lons", "expected"),
    [
        ([], None),
        ([1.0], {"type": "Point", "coordinates": [1.0, 50.0]}),
        (
            [179.0, 180.0, -179.0],
            {"type": "MultiLineString", "coordinates": [[[179.0, 50.0], [180.0, 50.0]], [[-179.0, 50.0]] * 2]},
        ),
    ],
    ids=["nothing", "one", "over the antimeridian"],
)
def test_a_track_may_be_no_line(lons: list[float], expected: Any) -> None:
    asset = make_asset()
    follow(asset, [(minutes, (lon, 50.0)) for minutes, lon in enumerate(lons)])
    assert root().get(f"/api/v1/assets/{asset.pk}/track?{DAY}").json()["geometry"] == expected


@pytest.mark.parametrize("most", [2, 3, 10, 49, 50, 51])
def test_a_track_is_thinned_evenly_and_keeps_its_ends(most: int) -> None:
    asset = make_asset()
    ingest(*(report(asset, minutes, (minutes / 10, 50.0)) for minutes in range(50)))
    body = root().get(f"/api/v1/assets/{asset.pk}/track?{DAY}&max_points={most}").json()
    lons = [place[0] for place in body["geometry"]["coordinates"]]
    assert (body["properties"]["total"], body["properties"]["shown"]) == (50, min(most, 50))
    assert (lons, lons[0], lons[-1]) == (sorted(lons), 0.0, 4.9)
    steps = [later - earlier for earlier, later in pairwise(lons)]
    assert max(steps) <= 4.9 / (min(most, 50) - 1) + 0.1001


def test_a_track_of_one_instant_is_not_divided_by_nothing() -> None:
    asset = make_asset()
    ingest(report(asset), source="api")
    ingest(report(asset), source="ais")
    body = root().get(f"/api/v1/assets/{asset.pk}/track?{DAY}&max_points=2").json()
    assert (body["properties"]["total"], body["geometry"]["type"]) == (2, "LineString")


def test_a_track_is_of_the_last_day_unless_said_otherwise() -> None:
    asset, at = make_asset(), now()
    for hours in (30, 20, 0):
        moment = (at - timedelta(hours=hours) - NOON) / timedelta(minutes=1)
        ingest(report(asset, moment, FAR_AWAY))
    client, path = root(), f"/api/v1/assets/{asset.pk}/track"
    totals = [
        client.get(f"{path}{query}").json()["properties"]["total"] for query in ("", "?datetime=../..", "?datetime=/")
    ]
    assert totals == [2, 2, 2]


@pytest.mark.parametrize(
    "query",
    [
        "datetime=2026-06-30T00:00:00Z",
        "datetime=2026-06-30/2026-07-01",
        "datetime=x/y",
        "datetime=2026-07-01T00:00:00Z/2026-06-30T00:00:00Z",
        "datetime=2026-01-01T00:00:00Z/2026-06-30T00:00:00Z",
        "datetime=0001-01-01T00:00:00Z/0001-01-01T00:00:00Z",
        "datetime=9999-12-31T00:00:00-23:00/9999-12-31T23:00:00-23:00",
        "max_points=1",
        "max_points=many",
        "max_points=-5",
        "max_points=99999999999999999999",
        "colour=red",
    ],
)
def test_a_track_that_makes_no_sense_is_a_clear_problem(query: str) -> None:
    response = root().get(f"/api/v1/assets/{make_asset().pk}/track?{query}")
    assert (response.status_code, response.json()["type"]) == (422, "urn:watchfloor:problem:invalid_parameter")


def test_who_is_inside_a_zone_and_since_when() -> None:
    asset, gone = make_asset(), make_asset()
    zone = make_zone(dwell_after=timedelta(minutes=2))
    follow(asset, [(0, FAR_AWAY), (1, IN_SQUARE), (4, IN_SQUARE)])
    follow(gone, [(0, IN_SQUARE), (1, FAR_AWAY)])
    (item,) = root().get(f"/api/v1/zones/{zone.pk}/inside").json()["items"]
    assert (item["id"], item["since"], item["dwelt_at"]) == (
        str(asset.pk),
        "2026-06-30T12:01:00Z",
        "2026-06-30T12:03:00Z",
    )
