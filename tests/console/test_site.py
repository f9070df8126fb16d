"""The console's own pages: who gets in, under which policy, and what they are told."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse
from redis import RedisError

from apps.access.services import grant_access
from apps.access.types import SYSTEM
from apps.console.site import WatchfloorAdminSite
from apps.core import csp
from tests.factories.access import Cast, make_cast, make_policy, make_user, signed_in
from tests.factories.assets import make_asset
from tests.factories.core import NOON
from tests.factories.incidents import make_incident
from tests.factories.zones import make_zone, make_zone_kind

pytestmark = pytest.mark.django_db

PAGES = ["admin:index", "admin:live_map", "admin:live_map_stays"]
FRAGMENT = "admin:dashboard_figures"


@pytest.fixture
def people() -> Cast:
    return make_cast()


@pytest.fixture
def boss() -> Client:
    return signed_in(make_user("boss", is_staff=True, is_superuser=True))


def page_data(response: Any) -> dict[str, Any]:
    found = re.search(rb'<script id="page-data" type="application/json">(.*?)</script>', response.content, re.DOTALL)
    assert found is not None
    data: dict[str, Any] = json.loads(found.group(1))
    return data


def test_our_site_is_the_one_that_register_means():
    assert type(admin.site._wrapped) is WatchfloorAdminSite  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", [*PAGES, "admin:django_rq_home"])
def test_strangers_are_asked_to_sign_in(name: str):
    address = reverse(name)
    response = Client().get(address)
    assert (response.status_code, response.headers["Location"]) == (302, f"/admin/login/?next={address}")


@pytest.mark.parametrize("name", [*PAGES, "admin:django_rq_home"])
def test_people_without_the_admin_do_not_get_in(name: str):
    response = signed_in(make_user("visitor", is_staff=False)).get(reverse(name))
    assert (response.status_code, response.headers["Location"]) == (302, f"/admin/login/?next={reverse(name)}")


def test_a_part_of_a_page_never_becomes_a_login():
    response = Client().get(reverse(FRAGMENT))
    assert (response.status_code, response.content, response.headers["HX-Refresh"]) == (401, b"", "true")


@pytest.mark.parametrize("name", [*PAGES, FRAGMENT, "admin:django_rq_home"])
def test_every_page_has_its_policy(boss: Client, name: str):
    policy = csp.LIVE_MAP if name == "admin:live_map" else csp.ADMIN
    response = boss.get(reverse(name))
    assert (response.status_code, response.headers[csp.HEADER]) == (200, policy)


def test_the_login_has_a_policy_too():
    assert Client().get(reverse("admin:login")).headers[csp.HEADER] == csp.ADMIN


def test_no_page_has_an_inline_script(boss: Client):
    for name in ["admin:index", "admin:live_map"]:
        scripts = re.findall(
            r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>", boss.get(reverse(name)).content.decode()
        )
        assert scripts == []
        assert " onclick=" not in boss.get(reverse(name)).content.decode()


@pytest.mark.parametrize("name", ["django_rq_home", "django_rq_home_json", "django_rq_metrics"])
def test_the_queues_are_for_superusers(people: Cast, boss: Client, name: str):
    address = reverse(f"admin:{name}")
    assert signed_in(people.alice).get(address).status_code == 403
    assert boss.get(address).status_code == 200


def test_the_queues_without_redis(boss: Client, monkeypatch: pytest.MonkeyPatch):
    def away(*_args: object, **_kwargs: object) -> None:
        raise RedisError

    monkeypatch.setattr("django_rq.stats_views.get_statistics", away)
    response = boss.get(reverse("admin:django_rq_home"))
    assert response.status_code == 503
    assert b"Redis does not answer" in response.content


def test_the_button_is_offered_where_it_would_work(people: Cast):
    incident = make_incident(people.elsewhere)
    for action in ("incidents.view", "incidents.acknowledge"):
        grant_access(incident, action, to=people.bob, actor=SYSTEM, at=NOON)
    told = [
        page_data(signed_in(user).get(reverse("admin:live_map")))["may_acknowledge"]
        for user in (people.alice, people.bob)
    ]
    assert told == [
        {"everything": False, "organisations": [str(people.harbour.pk)], "objects": []},
        {"everything": False, "organisations": [], "objects": [str(incident.pk)]},
    ]


def test_the_map_is_told_kinds_and_states_and_nothing_of_anybody(people: Cast):
    kind = make_zone_kind("anchorage")
    make_zone("Secret pier", organisation=people.elsewhere, kind=kind)
    response = signed_in(people.bob).get(reverse("admin:live_map"))
    data = page_data(response)
    assert data["zone_kinds"] == [{"slug": "anchorage", "name": "Anchorage", "colour": "#3b82f6"}]
    assert data["incident_states"]["escalated"] == {"label": "Escalated", "tone": "alert"}
    assert (data["feed"], data["wall"], data["stays"]) == ("/ws/feed", False, "/admin/live-map/stays/")
    assert b"Secret pier" not in response.content


def test_nobody_is_sent_where_they_may_not_go(people: Cast):
    guest = make_user("guest", is_staff=True)
    shared = make_asset("Shared", organisation=people.harbour)
    grant_access(shared, "assets.view", to=guest, actor=SYSTEM, at=NOON)
    client = signed_in(guest)
    for name in ("admin:live_map", "admin:index"):
        page = client.get(reverse(name)).content.decode()
        assert "/admin/assets/asset/" in page
        assert "/admin/incidents/incident/" not in page
        addresses = set(re.findall(r'href="(/admin/[^"#?]*)"', page))
        assert {address: client.get(address).status_code for address in addresses} == dict.fromkeys(addresses, 200)


def test_the_wall_has_a_form_of_its_own(people: Cast):
    response = signed_in(people.bob).get(reverse("admin:live_map") + "?wall")
    assert page_data(response)["wall"] is True
    assert b'class="wall dark"' in response.content


def test_the_palette_finds_only_what_the_person_may_see(people: Cast):
    make_asset("Harbour tug", organisation=people.harbour)
    make_asset("Harbour ferry", organisation=people.elsewhere)
    shared = make_asset("Harbour pilot", organisation=people.elsewhere)
    grant_access(shared, "assets.view", to=people.bob, actor=SYSTEM, at=NOON)
    found = signed_in(people.bob).get(reverse("admin:search"), {"s": "harbour", "extended": "1"}).content.decode()
    assert re.findall(r'data-title="(Harbour \w+)"', found) == ["Harbour pilot", "Harbour tug"]


def test_the_palette_forgets_what_was_taken_back(people: Cast):
    make_asset("Harbour tug", organisation=people.harbour)
    client, query = signed_in(people.bob), {"s": "harbour tug", "extended": "1"}
    assert b"Harbour tug" in client.get(reverse("admin:search"), query).content
    people.bob.assignments.all().delete()
    assert b"Harbour tug" not in client.get(reverse("admin:search"), query).content


def test_a_name_stays_a_name(people: Cast):
    make_asset('"><img src=x onerror=alert(1)>', organisation=people.harbour)
    found = signed_in(people.bob).get(reverse("admin:search"), {"s": "onerror", "extended": "1"}).content.decode()
    assert "<img" not in found
    assert "&lt;img src=x onerror=alert(1)&gt;" in found


def test_the_map_may_move_an_incident_with_its_token(people: Cast):
    incident = make_incident(people.harbour)
    client = Client(enforce_csrf_checks=True)
    client.force_login(people.alice)
    found = re.search(r'data-csrf="(\w+)"', client.get(reverse("admin:live_map")).content.decode())
    assert found is not None
    address = f"/api/v1/incidents/{incident.pk}/transitions"
    headers = {"If-Match": f'"{incident.version}"', "Idempotency-Key": "once"}
    move = {"transition": "acknowledge"}
    assert client.post(address, move, "application/json", headers=headers).status_code == 403
    answer = client.post(address, move, "application/json", headers={**headers, "X-CSRFToken": found.group(1)})
    assert (answer.status_code, incident.state) == (200, "open")
    incident.refresh_from_db()
    assert incident.state == "acknowledged"


def test_a_policy_that_asks_for_the_channel_knows_the_admin(db) -> None:
    cast = make_cast()
    make_zone(organisation=cast.harbour)
    make_policy("require", ["zones.view"], "${channel} = 'admin'", organisation=cast.harbour)
    assert signed_in(cast.bob).get("/admin/").context["dashboard"].zones_in_all == 1
    assert signed_in(cast.bob).get("/api/v1/zones").json()["items"] == []
