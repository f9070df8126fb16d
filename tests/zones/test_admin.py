"""Zones in the admin: drawn, changed, imported; forms go through the services."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from apps.access.types import SYSTEM
from apps.core.geometry import to_geojson
from apps.core.types import Datum, TimeWindow
from apps.zones.models import Zone, ZoneKind, ZoneVersion
from apps.zones.services import update_zone
from apps.zones.types import AltitudeBand
from tests.factories.access import Cast, make_cast, make_user, signed_in
from tests.factories.core import NOON
from tests.factories.zones import make_zone, make_zone_kind
from tests.zones.rules.test_features import BOW_TIE, SQUARE, feature

pytestmark = pytest.mark.django_db

ZONES = "/admin/zones/zone/"
IMPORT = "/admin/zones/zone/import/"
INLINES = {
    f"{prefix}-{part}": 0
    for prefix in ("versions", "user_grants", "group_grants")
    for part in ("TOTAL_FORMS", "INITIAL_FORMS")
}


def form(kind: ZoneKind, cast: Cast, **given: object) -> dict[str, object]:
    """Return the form of a zone as the browser sends it."""
    return {
        "name": "Depot",
        "kind": str(kind.pk),
        "organisation": str(cast.harbour.pk),
        "description": "",
        "area": json.dumps(SQUARE),
        "lower_m": "",
        "lower_datum": "",
        "upper_m": "",
        "upper_datum": "",
        "valid_from_0": "",
        "valid_from_1": "",
        "valid_to_0": "",
        "valid_to_1": "",
        "dwell_after": "",
        "is_active": "on",
        **INLINES,
        **given,
    }


def test_a_list_shows_what_one_may_see_and_nothing_else() -> None:
    cast = make_cast()
    band = AltitudeBand(lower_m=100, lower_datum=Datum.AMSL)
    make_zone("Depot", organisation=cast.harbour, band=band, validity=TimeWindow(end=NOON))
    make_zone("Far pier", organisation=cast.elsewhere)
    page = signed_in(cast.bob).get(ZONES).content.decode()
    assert "Depot" in page
    assert "100 m AMSL to no limit" in page
    assert "until 2026-06-30 12:00" in page
    assert "Far pier" not in page


def test_a_zone_is_drawn_and_changed() -> None:
    cast = make_cast()
    client, kind = signed_in(cast.alice), make_zone_kind("anchorage")
    made = client.post(f"{ZONES}add/", form(kind, cast, lower_m="10", lower_datum="AMSL", dwell_after="00:05:00"))
    assert made.status_code == 302, made.content.decode()
    zone = Zone.objects.get()
    assert (zone.band, zone.version) == (AltitudeBand(lower_m=10, lower_datum=Datum.AMSL), 1)
    path = f"{ZONES}{zone.pk}/change/"
    assert "Depot" in client.get(path).content.decode()
    moved = json.dumps({"type": "Polygon", "coordinates": [[[5, 5], [6, 5], [6, 6], [5, 5]]]})
    changed = client.post(
        path,
        form(
            kind,
            cast,
            area=moved,
            lower_m="10",
            lower_datum="AMSL",
            dwell_after="00:05:00",
            valid_from_0="2026-06-30",
            valid_from_1="12:00:00",
        ),
    )
    assert changed.status_code == 302, changed.content.decode()
    zone = Zone.objects.get()
    assert (zone.area.extent, zone.window, zone.version) == ((5, 5, 6, 6), TimeWindow(start=NOON), 2)


def test_a_form_opened_before_somebody_else_saved_is_refused_and_keeps_what_was_typed() -> None:
    cast, kind = make_cast(), make_zone_kind("anchorage")
    zone = make_zone("Depot", organisation=cast.harbour, kind=kind)
    client, path = signed_in(cast.alice), f"{ZONES}{zone.pk}/change/"
    hidden = '<input type="hidden" name="_read_version" value="{}">'
    assert hidden.format(1) in client.get(path).content.decode()
    update_zone(zone.pk, description="By another", actor=SYSTEM, at=NOON)

    typed = form(kind, cast, name="Typed by Alice", _read_version="1")
    refused = client.post(path, typed)
    page = refused.content.decode()
    assert (refused.status_code, Zone.objects.get().name, Zone.objects.get().version) == (200, "Depot", 2)
    assert "Somebody changed this after you opened it" in page
    assert 'value="Typed by Alice"' in page
    assert hidden.format(2) in page
    differing = refused.context["adminform"].form.errors
    assert {name for name in differing if name != "__all__"} == {"name", "description", "area"}

    assert client.post(path, {**typed, "_read_version": "2"}).status_code == 302
    assert (Zone.objects.get().name, Zone.objects.get().description) == ("Typed by Alice", "")


def test_a_form_sent_as_it_came_changes_nothing() -> None:
    cast = make_cast()
    kind = make_zone_kind()
    zone = make_zone("Depot", kind=kind, organisation=cast.harbour)
    client = signed_in(cast.alice)
    shown = json.dumps(to_geojson(zone.area))
    assert client.post(f"{ZONES}{zone.pk}/change/", form(kind, cast, area=shown)).status_code == 302
    assert Zone.objects.get().version == 1


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"area": json.dumps(BOW_TIE)}, "Self-intersection"),
        ({"area": "no json"}, "This is not GeoJSON."),
        ({"area": '{"type":"Polygon","coordinates":[[[0,0],[1,NaN],[1,1],[0,0]]]}'}, "not a finite number"),
        ({"area": '{"type":"Polygon","coordinates":[[[0,0],[1,91],[1,1],[0,0]]]}'}, "is not on Earth"),
        ({"area": ""}, "This field is required."),
        ({"lower_m": "5"}, "Say what lower_m is measured from"),
        ({"lower_m": "nan", "lower_datum": "AMSL"}, "Enter a number."),
        ({"dwell_after": "-1"}, "It must be from 1 s to a year"),
        ({"name": "\x01"}, "control character"),
        ({"valid_to_0": "2026-06-30", "valid_to_1": "99:00"}, "Enter a valid time."),
    ],
)
def test_what_is_wrong_is_told_on_the_form_and_nothing_is_saved(given: Any, told: str) -> None:
    cast = make_cast()
    kind = make_zone_kind()
    response = signed_in(cast.alice).post(f"{ZONES}add/", form(kind, cast, **given))
    assert response.status_code == 200
    assert told in response.content.decode()
    assert not Zone.objects.exists()


def test_bob_looks_and_charlie_finds_nothing() -> None:
    cast = make_cast()
    zone = make_zone("Depot", organisation=cast.harbour)
    bob, charlie = signed_in(cast.bob), signed_in(cast.charlie)
    path = f"{ZONES}{zone.pk}"
    assert bob.get(f"{path}/change/").status_code == 200
    assert bob.post(f"{path}/change/", form(zone.kind, cast, name="x")).status_code == 403
    assert bob.get(IMPORT).status_code == 403
    assert charlie.get(f"{path}/change/").status_code == 302
    version = ZoneVersion.objects.get()
    assert bob.get(f"/admin/zones/zoneversion/{version.pk}/change/").status_code == 200
    assert charlie.get(f"/admin/zones/zoneversion/{version.pk}/change/").status_code == 302
    assert "Depot" not in charlie.get("/admin/zones/zoneversion/").content.decode()
    assert Zone.objects.get().name == "Depot"


def test_a_zone_is_deleted_and_its_versions_stay() -> None:
    cast = make_cast()
    zone = make_zone("Depot", organisation=cast.harbour)
    client = signed_in(cast.alice)
    assert client.post(f"{ZONES}{zone.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not Zone.objects.exists()
    page = client.get("/admin/zones/zoneversion/").content.decode()
    assert ("deleted" in page, page.count("Depot") >= 2) == (True, True)


def send(client: Client, cast: Cast, content: object, **given: object) -> Any:
    """Send a file to the import page."""
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    file = SimpleUploadedFile("zones.geojson", text)
    body = {"file": file, "organisation": str(cast.harbour.pk), "kind": "", "kind_property": "kind", **given}
    return client.post(IMPORT, body)


def test_a_file_is_imported_or_refused_as_a_whole_with_a_report() -> None:
    cast = make_cast()
    kind = make_zone_kind("anchorage")
    client = signed_in(cast.alice)
    assert client.get(IMPORT).status_code == 200
    good = {"type": "FeatureCollection", "features": [feature(name="A"), feature(name="B")]}
    bad = {"type": "FeatureCollection", "features": [feature(name="A"), feature(BOW_TIE, name="<b>")]}

    page = send(client, cast, bad, kind=str(kind.pk)).content.decode()
    assert "1 of 2 features are not right" in page
    assert "Self-intersection at 0.5 0.5" in page
    assert "&lt;b&gt;" in page
    assert "All of it is right" in send(client, cast, good, kind=str(kind.pk), is_dry_run="on").content.decode()
    assert not Zone.objects.exists()
    assert send(client, cast, good, kind=str(kind.pk)).status_code == 302
    assert set(Zone.objects.values_list("name", flat=True)) == {"A", "B"}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "The submitted file is empty."),
        (b"{", "not JSON"),
        (b'{"type": "FeatureCollection", "features": [NaN]}', "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"type": "Feature"}', "Expected a GeoJSON FeatureCollection."),
    ],
)
def test_what_is_no_geojson_is_told(content: bytes, told: str) -> None:
    cast = make_cast()
    response = send(signed_in(cast.alice), cast, content)
    assert response.status_code == 422
    assert told in response.content.decode()


def test_kinds_are_made_changed_and_deleted() -> None:
    client = signed_in(make_user(is_staff=True, is_superuser=True))
    body = {"name": "Anchorage", "slug": "anchorage", "label": "ANCH", "colour": "#00FF00"}
    path = "/admin/zones/zonekind/"
    assert client.post(f"{path}add/", {**body, "colour": "green"}).status_code == 200
    assert client.post(f"{path}add/", body).status_code == 302
    kind = ZoneKind.objects.get()
    assert kind.colour == "#00ff00"
    assert client.post(f"{path}{kind.pk}/change/", {**body, "label": "A"}).status_code == 302
    assert ZoneKind.objects.get().label == "A"
    assert client.post(f"{path}{kind.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not ZoneKind.objects.exists()
