"""What a policy hides is absent everywhere, and nobody finds it by asking; places lie on a grid, or are told late."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from apps.access.models import Organisation, User
from apps.access.queries import actor_of_user
from apps.access.veils import snap, without
from apps.core import clock
from apps.core.types import Fix
from apps.events.queries import head, visible_page
from apps.events.services import number_pending
from apps.events.types import Cursor
from apps.incidents.models import Evidence, Incident
from apps.tracking.types import Report
from tests.factories.access import assign, make_organisation, make_policy, make_user, signed_in
from tests.factories.assets import make_asset
from tests.factories.core import after
from tests.factories.incidents import make_incident
from tests.factories.tracking import ingest
from tests.factories.zones import make_zone

pytestmark = pytest.mark.django_db
READS = ("assets.view", "assets.track", "incidents.view", "zones.view")
SECRET = "Xylograph"


@pytest.fixture
def harbour() -> Organisation:
    return make_organisation("Harbour")


@pytest.fixture
def bob(harbour: Organisation) -> User:
    bob = make_user("bob", is_staff=True)
    assign(bob, READS, harbour)
    return bob


def get(user: User, path: str, status: int = 200) -> Any:
    answer = signed_in(user).get(path)
    assert answer.status_code == status, answer.content
    return answer.json()


def limit(harbour: Organisation, *actions: str, condition: str = "", **what: Any) -> None:
    make_policy("limit", actions, condition, organisation=harbour, **what)


def test_a_hidden_field_is_absent_and_cannot_be_asked_for(harbour, bob) -> None:
    limit(harbour, "assets.*", hidden_fields=["attributes.code", "identifiers"])
    attributes = {"code": SECRET, "length_m": 9}
    asset = make_asset("Tug", organisation=harbour, attributes=attributes, identifiers=[("mmsi", SECRET.lower())])
    number_pending(100)

    one, many = get(bob, f"/api/v1/assets/{asset.pk}"), get(bob, "/api/v1/assets")["items"]
    events = visible_page(actor_of_user(bob), after=Cursor(epoch=head().epoch, offset=0), limit=100, scan=100).items

    assert many == [one]
    assert one["attributes"] == {"length_m": 9}
    assert "identifiers" not in one
    assert [each["type"] for each in events][-1] == "watchfloor.asset.created.v1"
    assert SECRET.lower() not in str([one, many, events]).lower()
    for query in (
        f"filter=attributes.code='{SECRET}'",
        f"filter=A_CONTAINS(identifiers,('mmsi:{SECRET.lower()}'))",
        f"identifier=mmsi:{SECRET.lower()}",
        f"q={SECRET}",
    ):
        assert get(bob, f"/api/v1/assets?{query}", 400)["errors"][0]["code"] == "unknown_property"


def test_a_limit_counts_where_its_condition_is_not_false(harbour, bob) -> None:
    limit(harbour, "assets.view", condition="attributes.length_m > 50", hidden_fields=["is_active"])
    for name, attributes in (("long", {"length_m": 90}), ("short", {"length_m": 9}), ("unknown", {})):
        make_asset(name, organisation=harbour, attributes=attributes)

    has = {each["name"]: "is_active" in each for each in get(bob, "/api/v1/assets")["items"]}

    assert has == {"long": False, "short": True, "unknown": False}


def test_what_a_permit_asks_is_asked_of_those_who_see_by_it_alone(harbour, bob) -> None:
    carol = make_user("carol")
    make_policy("permit", ["assets.view"], organisation=harbour, hidden_fields=["attributes"])
    asset = make_asset("Tug", organisation=harbour, attributes={"code": SECRET})

    assert get(bob, f"/api/v1/assets/{asset.pk}")["attributes"] == {"code": SECRET}
    assert "attributes" not in get(carol, f"/api/v1/assets/{asset.pk}")


def test_incidents_hide_their_fields_their_place_and_their_evidence(harbour, bob) -> None:
    limit(harbour, "incidents.view", hidden_fields=["title", "geometry", "asset_name"])
    incident = make_incident(harbour, title=SECRET)
    Incident.objects.filter(pk=incident.pk).update(location="SRID=4326;POINT(1.23456 5.678)", asset_name=SECRET)
    Evidence.objects.create(
        incident=incident,
        finding="entered",
        effective_at=after(),
        asset={"name": SECRET, "identifiers": []},
        fix={"lon": 1.23456, "lat": 5.678, "speed_mps": None},
    )

    told = [get(bob, f"/api/v1/incidents/{incident.pk}"), get(bob, "/api/v1/incidents")]
    told.append(get(bob, f"/api/v1/incidents/{incident.pk}/evidence"))

    assert SECRET not in str(told)
    assert "1.23456" not in str(told)
    assert told[2]["items"][0]["finding"] == "entered"
    for query in ("bbox=1,5,2,6", f"q={SECRET}", f"filter=title='{SECRET}'"):
        get(bob, f"/api/v1/incidents?{query}", 400)


def test_where_something_is_includes_at_which_height() -> None:
    told = {"title": "Tow", "heights": [{"lower_m": 0}]}
    assert (without(told, {"geometry"}), without(told, {"state"})) == ({"title": "Tow"}, told)


def test_zones_hide_their_area_in_all_versions(harbour, bob) -> None:
    limit(harbour, "zones.view", hidden_fields=["geometry", "description"])
    zone = make_zone("Basin", organisation=harbour)
    for path in ("/api/v1/zones", f"/api/v1/zones/{zone.pk}", f"/api/v1/zones/{zone.pk}/versions"):
        told = get(bob, path)
        rows = told.get("items", [told])
        assert [row["name"] for row in rows] == ["Basin"]
        assert [{"area", "description"} & set(row) for row in rows] == [set()]


@pytest.mark.parametrize("query", ["datetime=2026-01-01", "filter=T_AFTER(validity,DATE('2020-01-01'))"])
def test_what_tells_of_a_hidden_field_is_hidden_with_it(harbour, bob, query) -> None:
    zone = make_zone("Basin", organisation=harbour)
    for path in ("/api/v1/zones", f"/api/v1/zones/{zone.pk}/versions"):
        get(bob, f"{path}?{query}")

    limit(harbour, "zones.view", hidden_fields=["valid_to"])

    for path in ("/api/v1/zones", f"/api/v1/zones/{zone.pk}/versions"):
        assert get(bob, f"{path}?{query}", 400)["errors"][0]["code"] == "unknown_property"
    assert "validity" not in get(bob, "/api/v1/queryables/zones")["properties"]


def test_versions_of_a_zone_hide_its_kind_with_it(harbour, bob) -> None:
    zone = make_zone("Basin", organisation=harbour)
    path = f"/api/v1/zones/{zone.pk}/versions"
    assert "kind_id" in get(bob, path)["items"][0]

    limit(harbour, "zones.view", hidden_fields=["kind"])

    assert {"kind", "kind_id"}.isdisjoint(get(bob, path)["items"][0])
    get(bob, f"{path}?filter=kind_id='{zone.kind_id}'", 400)


def test_neither_order_nor_cursor_tells_what_is_hidden(harbour, bob) -> None:
    for number, ago in enumerate((2, 0, 1)):
        incident = make_incident(harbour, title=str(number))
        Incident.objects.filter(pk=incident.pk).update(opened_at=after(-ago))
    assert [each["title"] for each in get(bob, "/api/v1/incidents")["items"]] == ["1", "2", "0"]

    limit(harbour, "incidents.view", hidden_fields=["opened_at"])

    page = get(bob, "/api/v1/incidents?limit=2")
    assert [each["title"] for each in page["items"]] == ["0", "1"]
    cursor = parse_qs(urlsplit(page["next"]).query)["cursor"][0]
    assert b"opened_at" not in urlsafe_b64decode(cursor.partition(":")[0] + "===")
    assert [each["title"] for each in get(bob, page["next"])["items"]] == ["2"]
    get(bob, "/api/v1/incidents?sort=opened_at", 422)


def test_a_hidden_state_is_in_no_history(harbour, bob) -> None:
    incident = make_incident(harbour)
    paths = [f"/api/v1/incidents/{incident.pk}/{what}" for what in ("transitions", "history")]
    for path in paths:
        assert "open" in str(get(bob, path))

    limit(harbour, "incidents.view", hidden_fields=["state"])

    for path in paths:
        get(bob, path, 404)


def sail(asset: Any, *ago_s: float) -> None:
    for number, ago in enumerate(ago_s):
        at = clock.now() - timedelta(seconds=ago)
        fix = Fix(fixed_at=at, lon=10.01234 + number / 1000, lat=50.05678, speed_mps=3.5)
        ingest(Report(str(asset.pk), fix), received_at=at)


def test_positions_and_tracks_lie_on_a_grid_and_nobody_feels_out_the_rest(harbour, bob) -> None:
    limit(harbour, "assets.track", coarsen_m=5_000, hidden_fields=["speed_mps"])
    asset = make_asset("Tug", organisation=harbour)
    zone = make_zone("Basin", organisation=harbour)
    sail(asset, 30, 20, 10)

    latest = get(bob, "/api/v1/positions")["items"][0]
    track = get(bob, f"/api/v1/assets/{asset.pk}/track")

    cell = list(snap(10.01234, 50.05678, 5_000))
    assert latest["geometry"]["coordinates"] == cell
    assert "speed_mps" not in latest["properties"]
    assert track["geometry"]["coordinates"] == [cell, cell, cell]
    assert "speed_mps" not in track["properties"]
    for query in ("bbox=10,50,11,51", f"zone_id={zone.pk}", "filter=S_INTERSECTS(geometry,POINT(10 50))"):
        get(bob, f"/api/v1/positions?{query}", 400)
    assert get(bob, f"/api/v1/zones/{zone.pk}/inside")["items"] == []


def test_positions_and_tracks_end_as_long_ago_as_the_delay(harbour, bob) -> None:
    limit(harbour, "assets.track", delay_s=60)
    asset = make_asset("Tug", organisation=harbour)
    carol = make_user("carol")
    assign(carol, READS, make_organisation("Elsewhere"))
    sail(asset, 90, 70, 10)

    latest = get(bob, "/api/v1/positions")["items"][0]
    track = get(bob, f"/api/v1/assets/{asset.pk}/track")

    assert latest["geometry"]["coordinates"] == [10.01334, 50.05678]
    assert track["properties"]["total"] == 2
    fresh = make_asset("Fresh", organisation=harbour)
    sail(fresh, 5)
    assert [each["id"] for each in get(bob, "/api/v1/positions")["items"]] == [str(asset.pk)]


def test_the_grid_is_the_same_whoever_asks_and_however_often() -> None:
    cells = {snap(10 + step / 100_000, 50.0001, 1_000) for step in range(500)}
    assert len(cells) == 1
    for lon, lat in ((179.999, 89.99), (-179.999, -89.99), (0, 0), (-0.0001, 0.0001)):
        west, south = snap(lon, lat, 2_000)
        assert snap(west, south, 2_000) == (west, south)
        assert -180 <= west <= 180
        assert -90 <= south <= 90


def test_the_admin_leaves_out_what_is_hidden(harbour, bob) -> None:
    limit(harbour, "assets.*", hidden_fields=["attributes.code", "identifiers"])
    asset = make_asset("Tug", organisation=harbour, attributes={"code": SECRET}, identifiers=[("mmsi", SECRET.lower())])
    assign(bob, ["assets.change"], harbour)
    client = signed_in(bob)

    pages = [
        client.get(f"/admin/assets/asset/{asset.pk}/change/").content.decode(),
        client.get("/admin/assets/asset/").content.decode(),
        client.get("/admin/").content.decode(),
    ]
    found = client.get(f"/admin/assets/asset/?q={SECRET.lower()}").content.decode()

    assert "Tug" in pages[0]
    assert "Tug" in pages[1]
    assert SECRET.lower() not in "".join(pages).lower()
    assert str(asset.pk) not in found


def test_whose_name_is_hidden_is_not_in_the_admin_at_all(harbour, bob) -> None:
    limit(harbour, "incidents.view", hidden_fields=["title"])
    incident = make_incident(harbour, title=SECRET)
    client = signed_in(bob)

    assert client.get(f"/admin/incidents/incident/{incident.pk}/change/").status_code in (302, 403, 404)
    assert client.get("/admin/incidents/incident/").status_code == 403
    assert SECRET not in client.get("/admin/").content.decode()


def test_a_condition_over_reports_is_asked_of_the_asset(harbour) -> None:
    reporter = make_user("reporter")
    assign(reporter, ["assets.report"], harbour)
    long = make_asset("long", organisation=harbour, attributes={"length_m": 90})
    short = make_asset("short", organisation=harbour, attributes={"length_m": 9})
    make_policy(
        "require",
        ["assets.report"],
        "attributes.length_m > 50 AND ${channel} = 'ingest'",
        organisation=harbour,
    )
    at = clock.now()
    reports = [Report(str(asset.pk), Fix(fixed_at=at, lon=1.0, lat=2.0)) for asset in (long, short)]

    result = ingest(*reports, actor=actor_of_user(reporter), received_at=at)

    assert result.stored == 1
    assert [each.code for each in result.quarantined] == ["unknown_asset"]


def copied(harbour: Organisation, organisation: Organisation | None = None) -> Incident:
    """An incident with a copied place, and the fix in its evidence."""
    incident = make_incident(organisation or harbour)
    Incident.objects.filter(pk=incident.pk).update(location="SRID=4326;POINT(1.23456 5.67891)")
    Evidence.objects.create(
        incident=incident,
        finding="entered",
        effective_at=after(),
        asset={"name": "Tug", "identifiers": []},
        fix={"lon": 1.23456, "lat": 5.67891, "speed_mps": 3.5},
    )
    return incident


def told_of(user: User, incident: Incident) -> dict[str, Any]:
    path = f"/api/v1/incidents/{incident.pk}"
    evidence = get(user, f"{path}/evidence")["items"][0]
    client = signed_in(user)
    admin = client.get(f"/admin/incidents/incident/{incident.pk}/change/").content.decode()
    return {
        "place": get(user, path).get("location"),
        "listed": get(user, "/api/v1/incidents")["items"][0].get("location"),
        "fix": evidence.get("fix"),
        "admin": "1.2345" in admin or "5.6789" in admin,
    }


def test_a_copied_place_lies_on_the_grid_of_the_track(harbour, bob) -> None:
    incident = copied(harbour)
    exact = told_of(bob, incident)
    assert (exact["place"]["coordinates"], exact["fix"]["lon"], exact["admin"]) == ([1.23456, 5.67891], 1.23456, True)

    limit(harbour, "assets.track", coarsen_m=5_000)

    lon, lat = snap(1.23456, 5.67891, 5_000)
    place = {"type": "Point", "coordinates": [lon, lat]}
    fix = {"lon": lon, "lat": lat, "speed_mps": 3.5}
    assert told_of(bob, incident) == {"place": place, "listed": place, "fix": fix, "admin": False}
    for query in ("bbox=1,5,2,6", "filter=S_INTERSECTS(geometry,POINT(1 5))"):
        get(bob, f"/api/v1/incidents?{query}", 400)


@pytest.mark.parametrize(
    "what",
    [
        {"delay_s": 600},
        {"hidden_fields": ["geometry"]},
        {"hidden_fields": ["speed_mps"]},
        {"condition": "attributes.length_m > 50", "delay_s": 600},
    ],
    ids=["late", "without a place", "without a speed", "where something unknown holds"],
)
def test_a_copied_place_is_hidden_where_the_track_is_kept_back(harbour, bob, what) -> None:
    incident = copied(harbour)
    limit(harbour, "assets.track", **what)
    number_pending(100)

    assert told_of(bob, incident) == {"place": None, "listed": None, "fix": None, "admin": False}
    events = visible_page(actor_of_user(bob), after=Cursor(epoch=head().epoch, offset=0), limit=100, scan=100).items
    assert [
        told["data"]["object"]["geometry"] for told in map(dict[str, Any], events) if "incident" in str(told["type"])
    ] == [None]


def test_a_limit_that_names_incidents_says_what_holds_there(harbour, bob) -> None:
    incident = copied(harbour)
    limit(harbour, "assets.track", "incidents.view", coarsen_m=5_000, hidden_fields=["severity"])
    body = get(bob, f"/api/v1/incidents/{incident.pk}")
    assert "severity" not in body
    assert body["location"]["coordinates"] == list(snap(1.23456, 5.67891, 5_000))


def test_a_limit_elsewhere_leaves_a_copied_place(harbour, bob) -> None:
    incident = copied(harbour)
    limit(make_organisation("Elsewhere"), "assets.track", delay_s=600)
    assert told_of(bob, incident)["place"]["coordinates"] == [1.23456, 5.67891]
