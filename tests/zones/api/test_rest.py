"""Zones over REST: what a program sends and gets, from end to end."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.zones.api.serializers import (
    ZoneKindSerializer,
    ZoneSerializer,
    ZoneVersionSerializer,
    zone_body,
    zone_kind_body,
    zone_rows,
    zone_version_body,
    zone_version_rows,
)
from apps.zones.models import Zone, ZoneKind, ZoneVersion
from tests.factories.access import make_cast, signed_in
from tests.factories.zones import make_zone, make_zone_kind, square
from tests.zones.rules.test_features import BOW_TIE, SQUARE, feature

pytestmark = pytest.mark.django_db

JSON = "application/json"
PATCH = "application/merge-patch+json"


def errors(response: Any) -> list[tuple[str, str]]:
    assert response["Content-Type"] == "application/problem+json"
    return [(error["pointer"], error["code"]) for error in response.json()["errors"]]


def names(response: Any) -> list[str]:
    assert response.status_code == 200, response.content
    return [item["name"] for item in response.json()["items"]]


def patch(client: Client, path: str, body: object, version: int | str = 1) -> Any:
    return client.patch(path, body, content_type=PATCH, headers={"If-Match": f'"{version}"'})


def test_a_zone_is_made_read_changed_and_deleted() -> None:
    cast = make_cast()
    client = signed_in(cast.alice)
    make_zone_kind("anchorage")
    body = {
        "name": "Depot",
        "kind": "anchorage",
        "organisation_id": str(cast.harbour.pk),
        "description": "33 CFR",
        "lower_m": 10,
        "lower_datum": "AMSL",
        "upper_m": 500.5,
        "upper_datum": "BARO",
        "valid_from": "2026-07-01T00:00:00Z",
        "valid_to": None,
        "dwell_after_s": 300,
        "is_active": True,
    }
    made = client.post("/api/v1/zones", {**body, "area": SQUARE}, content_type=JSON)
    assert (made.status_code, made["ETag"]) == (201, '"1"')
    path = made["Location"]
    shown = client.get(path).json()
    assert shown == made.json()
    assert {name: shown[name] for name in body} == body
    assert shown["area"] == {
        "type": "MultiPolygon",
        "coordinates": [[[[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]]],
    }
    changed = patch(client, path, {"lower_m": None, "lower_datum": None, "valid_to": "2026-08-01T00:00:00Z"})
    assert changed.status_code == 200
    expected = {**shown, "version": 2, "lower_m": None, "lower_datum": None, "valid_to": "2026-08-01T00:00:00Z"}
    assert changed.json() == {**expected, "changed_at": changed.json()["changed_at"]}
    versions = client.get(f"{path}/versions").json()["items"]
    assert [(each["version"], each["change"], each["lower_m"], each["actor"]) for each in versions] == [
        (2, "updated", None, "alice"),
        (1, "created", 10, "alice"),
    ]
    assert client.delete(path, headers={"If-Match": '"2"'}).status_code == 204
    assert client.get(path).status_code == 404


def test_numbers_leave_as_they_came() -> None:
    cast = make_cast()
    client = signed_in(cast.alice)
    make_zone_kind("k")
    ring = [
        [-74.123456789012345, 40.1],
        [-73.999999999999, 40.1],
        [-73.5, 40.987654321098765],
        [-74.123456789012345, 40.1],
    ]
    area = {"type": "Polygon", "coordinates": [ring]}
    body = {"name": "Z", "kind": "k", "organisation_id": str(cast.harbour.pk), "area": area}
    made = client.post("/api/v1/zones", body, content_type=JSON).json()
    assert made["area"]["coordinates"] == [[ring]]
    same = patch(client, f"/api/v1/zones/{made['id']}", {"area": area, "name": "Z"})
    assert (same.status_code, same["ETag"]) == (200, '"1"')


def test_a_kind_is_made_read_changed_and_deleted() -> None:
    client = signed_in(make_cast().alice)
    body = {"slug": "anchorage", "name": "Anchorage", "label": "ANCH", "colour": "#00ff00"}
    made = client.post("/api/v1/zone-kinds", body, content_type=JSON)
    assert made.status_code == 201
    path = made["Location"]
    assert {name: client.get(path).json()[name] for name in body} == body
    assert errors(patch(client, path, {"colour": "green"})) == [("/colour", "bad_colour")]
    assert patch(client, path, {"colour": "#0000FF"}).json()["colour"] == "#0000ff"
    assert names(client.get("/api/v1/zone-kinds?slug=anchorage")) == ["Anchorage"]
    assert client.delete(path, headers={"If-Match": '"2"'}).status_code == 204


def test_a_list_shows_what_one_may_see_and_nothing_else() -> None:
    cast = make_cast()
    depot = make_zone("Depot", organisation=cast.harbour)
    make_zone("Far pier", organisation=cast.elsewhere)
    assert names(signed_in(cast.bob).get("/api/v1/zones")) == ["Depot"]
    assert names(signed_in(cast.charlie).get("/api/v1/zones")) == ["Far pier"]
    assert signed_in(cast.charlie).get(f"/api/v1/zones/{depot.pk}/versions").status_code == 404
    assert Client().get("/api/v1/zones").status_code == 401


def test_a_list_is_narrowed_and_paged() -> None:
    cast = make_cast()
    kind = make_zone_kind("anchorage")
    for number, name in enumerate(("Ann", "Bea", "Cid")):
        make_zone(name, organisation=cast.harbour, kind=kind, area=square(number * 10, 0))
    make_zone("Pier", organisation=cast.harbour, area=square(100, 0))
    client = signed_in(cast.bob)
    assert names(client.get("/api/v1/zones?kind=anchorage&sort=-name")) == ["Cid", "Bea", "Ann"]
    assert names(client.get("/api/v1/zones?bbox=9,0,12,1&q=be")) == ["Bea"]
    assert names(client.get("/api/v1/zones?valid_at=2026-07-01T00:00:00Z&is_active=false")) == []
    first = client.get("/api/v1/zones?limit=3&sort=name")
    assert names(client.get(first.json()["next"])) == ["Pier"]


def test_a_list_shows_a_zone_as_it_is_now_by_whatever_way_it_changed() -> None:
    cast = make_cast()
    kept, changed = (make_zone(name, organisation=cast.harbour) for name in ("Kept", "Changed"))
    client = signed_in(cast.alice)
    client.get("/api/v1/zones")
    Zone.objects.filter(pk=changed.pk).update(name="Changed behind our back")
    items = client.get("/api/v1/zones").json()["items"]
    assert [item["name"] for item in items] == ["Kept", "Changed behind our back"]
    assert items == [client.get(f"/api/v1/zones/{zone.pk}").json() for zone in (kept, changed)]


@pytest.mark.parametrize("count", [1, 3])
def test_a_list_takes_the_same_statements_however_long_it_is(count: int, django_assert_max_num_queries: Any) -> None:
    cast = make_cast()
    for _ in range(count):
        make_zone(organisation=cast.harbour)
    client = signed_in(cast.bob)
    client.get("/api/v1/zones")
    with django_assert_max_num_queries(5):
        assert len(names(client.get("/api/v1/zones"))) == count


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("knid=anchorage", "?knid"),
        ("bbox=1,2,3", "?bbox"),
        ("bbox=0,0,nan,1", "?bbox"),
        ("bbox=0,0,1,91", "?bbox"),
        ("bbox=0,2,1,1", "?bbox"),
        ("valid_at=noon", "?valid_at"),
        ("valid_at=2026-07-01T00:00:00", "?valid_at"),
        ("valid_at=0001-01-01T00:00:00%2B14:00", "?valid_at"),
        ("q=%01", "?q"),
    ],
)
def test_a_parameter_that_makes_no_sense_is_told(query: str, pointer: str) -> None:
    response = signed_in(make_cast().bob).get(f"/api/v1/zones?{query}")
    assert response.status_code == 422
    assert [place for place, _ in errors(response)] == [pointer]


def test_refusals_have_their_status() -> None:
    cast = make_cast()
    zone = make_zone(organisation=cast.harbour)
    path = f"/api/v1/zones/{zone.pk}"
    alice, bob, charlie = signed_in(cast.alice), signed_in(cast.bob), signed_in(cast.charlie)
    assert alice.patch(path, {"name": "x"}, content_type=PATCH).status_code == 428
    assert patch(alice, path, {"name": "x"}, 7).status_code == 412
    assert patch(bob, path, {"name": "x"}).status_code == 403
    assert patch(charlie, path, {"name": "x"}).status_code == 404
    assert errors(patch(alice, path, {"area": BOW_TIE})) == [("/area/coordinates", "self_crossing")]
    assert errors(patch(alice, path, {"area": None})) == [("/area", "required")]
    assert errors(patch(alice, path, {"upper_m": 5})) == [("/upper_datum", "required")]
    assert Zone.objects.get().version == 1


def test_a_file_is_imported_or_refused_as_a_whole() -> None:
    cast = make_cast()
    client = signed_in(cast.alice)
    make_zone_kind("anchorage")
    path = f"/api/v1/zones:import?organisation_id={cast.harbour.pk}&kind=anchorage"
    good = {"type": "FeatureCollection", "features": [feature(name="A"), feature(name="B")]}
    bad = {"type": "FeatureCollection", "features": [feature(name="A"), feature(BOW_TIE, name="B")]}

    refused = client.post(path, bad, content_type=JSON)
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:watchfloor:problem:import_refused")
    assert errors(refused) == [("/features/1/geometry/coordinates", "self_crossing")]
    assert (refused.json()["features"], refused.json()["faulty"]) == (2, [1])
    dry = client.post(f"{path}&dry_run=true", good, content_type="application/geo+json")
    assert (dry.json()["imported"], Zone.objects.count()) == (0, 0)

    done = client.post(path, good, content_type="application/geo+json", headers={"Idempotency-Key": "k1"})
    again = client.post(path, good, content_type="application/geo+json", headers={"Idempotency-Key": "k1"})
    assert (done.status_code, done.json()["imported"], again.json()) == (200, 2, done.json())
    made = {str(zone.pk): zone.name for zone in Zone.objects.all()}
    assert {row["zone_id"]: row["name"] for row in done.json()["rows"]} == made
    assert set(made.values()) == {"A", "B"}

    assert signed_in(cast.bob).post(path, good, content_type=JSON).status_code == 403
    assert signed_in(cast.charlie).post(path, good, content_type=JSON).status_code == 404
    assert errors(client.post("/api/v1/zones:import", good, content_type=JSON)) == [("?organisation_id", "required")]
    assert errors(client.post(f"{path}x", good, content_type=JSON)) == [("?kind", "unknown")]
    assert errors(client.post(path, [], content_type=JSON)) == [("", "wrong_type")]
    assert Zone.objects.count() == 2


def test_what_is_shown_is_what_is_described() -> None:
    make_zone()
    described = {
        ZoneSerializer: zone_body(zone_rows(Zone.objects.all()).get()),
        ZoneKindSerializer: zone_kind_body(ZoneKind.objects.get()),
        ZoneVersionSerializer: zone_version_body(zone_version_rows(ZoneVersion.objects.all()).get()),
    }
    for serializer, body in described.items():
        assert set(serializer().fields) == set(body)
