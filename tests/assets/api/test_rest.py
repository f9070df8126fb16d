"""Assets over REST: what a program sends and gets, from end to end."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from apps.access import services as access
from apps.access.types import SYSTEM
from apps.assets.api.serializers import (
    AssetKindSerializer,
    AssetSerializer,
    DeviceSerializer,
    asset_body,
    asset_kind_body,
    device_body,
)
from apps.assets.models import Asset, AssetKind, Device
from tests.factories.access import make_cast, signed_in
from tests.factories.assets import make_asset, make_asset_kind, make_device
from tests.factories.core import NOON

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


def test_an_asset_is_made_read_changed_and_deleted() -> None:
    cast = make_cast()
    client = signed_in(cast.alice)
    make_asset_kind("vessel")
    body = {
        "name": "Tug 7",
        "kind": "vessel",
        "organisation_id": str(cast.harbour.pk),
        "attributes": {"length_m": 28.5, "flag": "NO"},
        "identifiers": [{"scheme": "mmsi", "value": "367000001"}],
    }
    made = client.post("/api/v1/assets", body, content_type=JSON)
    assert (made.status_code, made["ETag"]) == (201, '"1"')
    path = made["Location"]
    shown = client.get(path)
    assert (shown.json(), shown["ETag"]) == (made.json(), '"1"')
    assert {name: shown.json()[name] for name in body} == body
    assert client.get(path, headers={"If-None-Match": '"1"'}).status_code == 304

    changed = patch(client, path, {"name": "Tug 8", "attributes": {"flag": None, "crew": 4}})
    assert (changed.status_code, changed["ETag"]) == (200, '"2"')
    assert (changed.json()["name"], changed.json()["attributes"]) == ("Tug 8", {"length_m": 28.5, "crew": 4})
    assert changed.json()["identifiers"] == body["identifiers"]

    assert client.delete(path, headers={"If-Match": '"1"'}).status_code == 412
    assert client.delete(path, headers={"If-Match": '"2"'}).status_code == 204
    assert client.get(path).status_code == 404


def test_a_kind_is_made_read_changed_and_deleted() -> None:
    client = signed_in(make_cast().alice)
    body = {
        "slug": "vessel",
        "name": "Vessel",
        "icon": "ship",
        "attributes_schema": {"type": "object"},
        "late_after_s": 60,
        "lost_after_s": 120.5,
    }
    made = client.post("/api/v1/asset-kinds", body, content_type=JSON)
    assert made.status_code == 201
    path = made["Location"]
    assert {name: client.get(path).json()[name] for name in body} == body
    assert patch(client, path, {"icon": None, "attributes_schema": {"type": "array"}}).status_code == 200
    assert errors(patch(client, path, {"slug": "ship"}, 2)) == [("/slug", "unknown_field")]
    assert client.get("/api/v1/asset-kinds?slug=vessel").json()["items"][0]["icon"] == ""
    assert client.delete(path, headers={"If-Match": "*"}).status_code == 204


def test_devices_are_for_whoever_may_change_the_asset() -> None:
    cast = make_cast()
    asset = make_asset(organisation=cast.harbour)
    make_device(make_asset(organisation=cast.harbour), "of another asset")
    key, _ = access.create_device_key(organisation_id=cast.harbour.pk, name="k", actor=SYSTEM, at=NOON)
    path = f"/api/v1/assets/{asset.pk}/devices"
    alice = signed_in(cast.alice)
    body = {"protocol": "osmand", "device_id": "tracker-1", "is_open": False, "key_id": str(key.pk)}
    made = alice.post(path, body, content_type=JSON)
    assert made.status_code == 201
    assert {name: made.json()[name] for name in body} == body
    assert [item["device_id"] for item in alice.get(path).json()["items"]] == ["tracker-1"]
    one = made["Location"]
    changed = patch(alice, one, {"is_open": True, "key_id": None})
    assert (changed.json()["is_open"], changed.json()["key_id"], changed["ETag"]) == (True, None, '"2"')
    assert signed_in(cast.bob).get(path).status_code == 403
    assert signed_in(cast.charlie).get(path).status_code == 404
    assert signed_in(cast.charlie).get(one).status_code == 404
    assert alice.delete(one, headers={"If-Match": '"2"'}).status_code == 204
    assert alice.get(one).status_code == 404


def test_a_list_shows_what_one_may_see_and_nothing_else() -> None:
    cast = make_cast()
    make_asset("Tug", organisation=cast.harbour)
    make_asset("Far ferry", organisation=cast.elsewhere)
    assert names(signed_in(cast.bob).get("/api/v1/assets")) == ["Tug"]
    assert names(signed_in(cast.charlie).get("/api/v1/assets")) == ["Far ferry"]
    assert Client().get("/api/v1/assets").status_code == 401


def test_a_list_is_narrowed_and_paged() -> None:
    cast = make_cast()
    vessel = make_asset_kind("vessel")
    for name in ("Ann", "Bea", "Cid"):
        make_asset(name, organisation=cast.harbour, kind=vessel, identifiers=[("callsign", name)])
    make_asset("Jet", organisation=cast.harbour)
    client = signed_in(cast.bob)
    assert names(client.get("/api/v1/assets?kind=vessel&sort=-name")) == ["Cid", "Bea", "Ann"]
    assert names(client.get(f"/api/v1/assets?organisation_id={cast.elsewhere.pk}")) == []
    assert names(client.get("/api/v1/assets?identifier=callsign:Bea")) == ["Bea"]
    assert names(client.get("/api/v1/assets?q=je&is_active=true")) == ["Jet"]
    first = client.get("/api/v1/assets?kind=vessel&limit=2&sort=name&count=exact")
    assert (names(first), first.json()["count"]) == (["Ann", "Bea"], 3)
    second = client.get(first.json()["next"])
    assert (names(second), second.json()["next"]) == (["Cid"], None)


@pytest.mark.parametrize("count", [1, 3])
def test_a_list_takes_the_same_statements_however_long_it_is(count: int, django_assert_max_num_queries: Any) -> None:
    cast = make_cast()
    for number in range(count):
        make_asset(organisation=cast.harbour, identifiers=[("n", str(number))])
    client = signed_in(cast.bob)
    client.get("/api/v1/assets")
    with django_assert_max_num_queries(6):
        assert len(names(client.get("/api/v1/assets"))) == count


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("kinds=vessel", "?kinds"),
        ("organisation_id=7", "?organisation_id"),
        ("is_active=perhaps", "?is_active"),
        ("identifier=mmsi", "?identifier"),
        ("q=a%01b", "?q"),
        ("kind=a%01b", "?kind"),
        ("limit=0", "?limit"),
        ("sort=attributes", "?sort"),
        ("cursor=abc", "?cursor"),
    ],
)
def test_a_parameter_that_makes_no_sense_is_told(query: str, pointer: str) -> None:
    response = signed_in(make_cast().bob).get(f"/api/v1/assets?{query}")
    assert response.status_code == 422
    assert [place for place, _ in errors(response)] == [pointer]


def test_a_post_sent_again_has_its_effect_once() -> None:
    cast = make_cast()
    client = signed_in(cast.alice)
    make_asset_kind("vessel")
    body = {"name": "Tug", "kind": "vessel", "organisation_id": str(cast.harbour.pk)}
    answers = [
        client.post("/api/v1/assets", body, content_type=JSON, headers={"Idempotency-Key": "k1"}) for _ in range(2)
    ]
    assert answers[0].json() == answers[1].json()
    assert (answers[1].status_code, answers[1]["Idempotency-Replayed"]) == (201, "true")
    assert Asset.objects.count() == 1


def test_refusals_have_their_status() -> None:
    cast = make_cast()
    asset = make_asset(organisation=cast.harbour, identifiers=[("mmsi", "367000001")])
    path = f"/api/v1/assets/{asset.pk}"
    alice, bob, charlie = signed_in(cast.alice), signed_in(cast.bob), signed_in(cast.charlie)
    body = {"name": "Tug", "kind": asset.kind.slug, "organisation_id": str(cast.harbour.pk)}
    taken = {**body, "identifiers": [{"scheme": "mmsi", "value": "367000001"}]}
    assert alice.patch(path, {"name": "x"}, content_type=PATCH).status_code == 428
    assert patch(alice, path, {"name": "x"}, 7).status_code == 412
    assert patch(bob, path, {"name": "x"}).status_code == 403
    assert patch(charlie, path, {"name": "x"}).status_code == 404
    assert bob.post("/api/v1/assets", body, content_type=JSON).status_code == 403
    assert charlie.post("/api/v1/assets", body, content_type=JSON).status_code == 404
    assert alice.get(f"/api/v1/assets/{uuid4()}").status_code == 404
    conflict = alice.post("/api/v1/assets", taken, content_type=JSON)
    assert (conflict.status_code, errors(conflict)) == (409, [("/identifiers/0/value", "taken")])
    unknown = alice.post("/api/v1/assets", {**body, "kind": "nothing", "colour": "red"}, content_type=JSON)
    assert (unknown.status_code, errors(unknown)) == (422, [("/colour", "unknown_field")])
    assert alice.post("/api/v1/assets", body, content_type="text/plain").status_code == 415
    assert Asset.objects.get().version == 1


def test_what_is_shown_is_what_is_described() -> None:
    asset = make_asset()
    device = make_device(asset)
    described = {
        AssetSerializer: asset_body(Asset.objects.get()),
        AssetKindSerializer: asset_kind_body(AssetKind.objects.get()),
        DeviceSerializer: device_body(Device.objects.get(pk=device.pk)),
    }
    for serializer, body in described.items():
        assert set(serializer().fields) == set(body)
