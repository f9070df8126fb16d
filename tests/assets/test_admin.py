"""Assets in the admin: what each of the cast finds there, and that forms go through the services."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.assets.models import Asset, AssetKind, Device
from apps.events.models import Event
from tests.factories.access import make_cast, make_user, signed_in
from tests.factories.assets import make_asset, make_asset_kind, make_device

pytestmark = pytest.mark.django_db

ASSETS = "/admin/assets/asset/"


def management(**counts: int) -> dict[str, object]:
    """Return the management forms of inlines, none of them filled in."""
    prefixes = ("identifiers", "devices", "user_grants", "group_grants")
    return {
        f"{prefix}-{part}": counts.get(f"{prefix}_{part.lower()}", 0)
        for prefix in prefixes
        for part in ("TOTAL_FORMS", "INITIAL_FORMS")
    }


def form_of(asset: Asset, **given: object) -> dict[str, object]:
    """Return the form of an asset as the browser sends it, with some of it changed."""
    return {
        "name": asset.name,
        "kind": str(asset.kind_id),
        "organisation": str(asset.organisation_id),
        "attributes": "{}",
        "is_active": "on",
        **management(),
        **given,
    }


def test_a_list_shows_what_one_may_see_and_nothing_else() -> None:
    cast = make_cast()
    make_asset("Harbour tug", organisation=cast.harbour, identifiers=[("mmsi", "367000001")])
    make_asset("Far ferry", organisation=cast.elsewhere)
    page = signed_in(cast.bob).get(ASSETS).content.decode()
    assert "Harbour tug" in page
    assert "mmsi 367000001" in page
    assert "Far ferry" not in page


def test_assets_are_found_by_their_identifiers() -> None:
    cast = make_cast()
    make_asset("Harbour tug", organisation=cast.harbour, identifiers=[("mmsi", "367000001")])
    make_asset("Barge", organisation=cast.harbour)
    page = signed_in(cast.bob).get(f"{ASSETS}?q=3670").content.decode()
    assert ("Harbour tug" in page, "Barge" in page) == (True, False)


def test_a_list_takes_the_same_statements_however_long_it_is() -> None:
    cast = make_cast()
    client = signed_in(cast.alice)
    kind = make_asset_kind()

    def statements() -> int:
        make_asset(organisation=cast.harbour, kind=kind, identifiers=[("n", str(Asset.objects.count()))])
        with CaptureQueriesContext(connection) as captured:
            client.get(ASSETS)
        return len(captured)

    statements()
    assert len({statements() for _ in range(3)}) == 1


def test_an_asset_is_made_with_its_identifiers_and_devices() -> None:
    cast = make_cast()
    kind = make_asset_kind("vessel")
    body = {
        "name": "Tug",
        "kind": str(kind.pk),
        "organisation": str(cast.harbour.pk),
        "attributes": '{"length_m": 12}',
        "is_active": "on",
        **management(),
        "identifiers-TOTAL_FORMS": 1,
        "identifiers-0-scheme": "MMSI",
        "identifiers-0-value": "3669999",
        "devices-TOTAL_FORMS": 1,
        "devices-0-protocol": "osmand",
        "devices-0-device_id": "tracker-1",
        "devices-0-is_open": "on",
    }
    response = signed_in(cast.alice).post(f"{ASSETS}add/", body)
    assert response.status_code == 302, response.content.decode()
    asset = Asset.objects.get()
    assert (asset.name, asset.attributes) == ("Tug", {"length_m": 12})
    assert [(each.scheme, each.value) for each in asset.identifiers.all()] == [("mmsi", "003669999")]
    assert [(each.device_id, each.is_open) for each in asset.devices.all()] == [("tracker-1", True)]
    assert {event.actor_label for event in Event.objects.filter(noun="assets")} == {"alice"}


def test_parts_are_changed_and_removed_in_place() -> None:
    cast = make_cast()
    asset = make_asset("Tug", organisation=cast.harbour, identifiers=[("imo", "9074729"), ("mmsi", "367000001")])
    device, gone = make_device(asset, "a"), make_device(asset, "b")
    imo, mmsi = asset.identifiers.order_by("scheme")
    body = form_of(
        asset,
        name="Tug 2",
        **{
            "identifiers-TOTAL_FORMS": 2,
            "identifiers-INITIAL_FORMS": 2,
            "identifiers-0-id": imo.pk,
            "identifiers-0-scheme": "imo",
            "identifiers-0-value": "9074729",
            "identifiers-0-DELETE": "on",
            "identifiers-1-id": mmsi.pk,
            "identifiers-1-scheme": "mmsi",
            "identifiers-1-value": "367000002",
            "devices-TOTAL_FORMS": 2,
            "devices-INITIAL_FORMS": 2,
            "devices-0-id": device.pk,
            "devices-0-protocol": "osmand",
            "devices-0-device_id": "a2",
            "devices-1-id": gone.pk,
            "devices-1-protocol": "osmand",
            "devices-1-device_id": "b",
            "devices-1-DELETE": "on",
        },
    )
    response = signed_in(cast.alice).post(f"{ASSETS}{asset.pk}/change/", body)
    assert response.status_code == 302, response.content.decode()
    asset = Asset.objects.get()
    assert asset.name == "Tug 2"
    assert [(each.scheme, each.value) for each in asset.identifiers.all()] == [("mmsi", "367000002")]
    assert [each.device_id for each in asset.devices.all()] == ["a2"]


def test_what_a_service_refuses_is_told_on_the_form_and_nothing_is_saved() -> None:
    cast = make_cast()
    asset = make_asset("Tug", organisation=cast.harbour)
    make_asset("Owner", organisation=cast.harbour, identifiers=[("mmsi", "367000001")])
    client = signed_in(cast.alice)
    taken = {
        "identifiers-TOTAL_FORMS": 1,
        "identifiers-0-scheme": "mmsi",
        "identifiers-0-value": "367000001",
    }
    refused = client.post(f"{ASSETS}{asset.pk}/change/", form_of(asset, name="Thief", **taken))
    assert refused.status_code == 200
    assert "mmsi 367000001 belongs to Owner." in refused.content.decode()
    for attributes in ('{"a": NaN}', '{"a": "\\u0000"}', "[1]"):
        refused = client.post(f"{ASSETS}{asset.pk}/change/", form_of(asset, name="Thief", attributes=attributes))
        assert refused.status_code == 200
    assert Asset.objects.get(pk=asset.pk).name == "Tug"
    assert Asset.objects.get(pk=asset.pk).version == 1


def test_bob_looks_and_charlie_finds_nothing() -> None:
    cast = make_cast()
    asset = make_asset("Tug", organisation=cast.harbour)
    make_device(asset, "secret-tracker", is_open=True)
    bob, charlie = signed_in(cast.bob), signed_in(cast.charlie)
    page = bob.get(f"{ASSETS}{asset.pk}/change/")
    assert page.status_code == 200
    assert "secret-tracker" not in page.content.decode()
    assert bob.post(f"{ASSETS}{asset.pk}/change/", form_of(asset, name="x")).status_code == 403
    assert charlie.get(f"{ASSETS}{asset.pk}/change/").status_code == 302
    assert charlie.post(f"{ASSETS}{asset.pk}/delete/", {"post": "yes"}).status_code == 302
    assert Asset.objects.get().name == "Tug"


def test_devices_are_listed_for_whoever_may_change_their_assets() -> None:
    cast = make_cast()
    make_device(make_asset("Tug", organisation=cast.harbour), "tracker-1")
    device = Device.objects.get()
    alice = signed_in(cast.alice)
    assert "tracker-1" in alice.get("/admin/assets/device/").content.decode()
    assert signed_in(cast.bob).get("/admin/assets/device/").status_code == 403
    body = {"protocol": "osmand", "device_id": "tracker-2", "key": ""}
    response = alice.post(f"/admin/assets/device/{device.pk}/change/", body)
    assert response.status_code == 302, response.content.decode()
    assert Device.objects.get().device_id == "tracker-2"
    assert alice.post(f"/admin/assets/device/{device.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not Device.objects.exists()


def test_kinds_are_made_changed_and_deleted() -> None:
    client = signed_in(make_user(is_staff=True, is_superuser=True))
    body = {
        "name": "Vessel",
        "slug": "vessel",
        "icon": "",
        "late_after": "00:05:00",
        "lost_after": "00:15:00",
        "attributes_schema": '{"type": "object"}',
    }
    assert client.post("/admin/assets/assetkind/add/", body).status_code == 302
    kind = AssetKind.objects.get()
    path = f"/admin/assets/assetkind/{kind.pk}"
    refused = client.post(f"{path}/change/", {**body, "attributes_schema": '{"type": "objekt"}'})
    assert refused.status_code == 200
    assert "objekt" in refused.content.decode()
    assert client.post(f"{path}/change/", {**body, "name": "Ship", "slug": "ignored"}).status_code == 302
    assert list(AssetKind.objects.values_list("name", "slug")) == [("Ship", "vessel")]
    assert client.post(f"{path}/delete/", {"post": "yes"}).status_code == 302
    assert not AssetKind.objects.exists()


def test_nobody_gets_in_without_signing_in() -> None:
    for name in ("asset", "assetkind", "device"):
        path = reverse(f"admin:assets_{name}_changelist")
        assert Client().get(path).status_code == 302
