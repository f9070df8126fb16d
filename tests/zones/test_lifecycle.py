"""Zones follow the lifecycle that their kind names; what a move makes of one is kept, indexed and told."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from apps.access.types import SYSTEM
from apps.core.types import Invalid, TimeWindow, ZoneId
from apps.events.models import Event
from apps.lifecycle import queries, services
from apps.lifecycle.models import Timer
from apps.lifecycle.types import IllegalTransition
from apps.zones.models import Zone
from apps.zones.queries import zone_index, zone_versions
from apps.zones.services import import_zones, update_zone, update_zone_kind
from tests.factories.access import Cast, assign, make_cast, make_policy
from tests.factories.core import NOON, after
from tests.factories.lifecycles import CLOSURE, make_closing_kind, make_definition, make_moored_kind
from tests.factories.zones import make_zone, make_zone_kind

pytestmark = pytest.mark.django_db
NOTICE = {"notice": "Divers in the water"}


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def closing(cast: Cast, *, is_active: bool = False) -> Zone:
    return make_zone("Basin", kind=make_closing_kind(), organisation=cast.harbour, is_active=is_active)


def test_a_zone_begins_with_its_kinds_lifecycle(cast: Cast) -> None:
    zone = closing(cast)
    event = Event.objects.get(object_id=zone.pk)
    assert (zone.lifecycle_key, zone.lifecycle_version, zone.state_category) == ("closure", 1, "open")
    assert event.data["object"]["properties"]["state"] == "proposed"
    assert event.data["lifecycle"]["to"] == "proposed"
    assert [each.name for each in queries.history(zone)] == ["begin"]


def test_a_zone_without_a_lifecycle_has_no_state(cast: Cast) -> None:
    zone = make_zone("Quay", organisation=cast.harbour)
    event = Event.objects.get(object_id=zone.pk)
    assert (zone.state, event.data["object"]["properties"]["state"], event.data["lifecycle"]) == ("", None, None)
    with pytest.raises(IllegalTransition, match="follows no lifecycle"):
        services.advance(zone, "close", actor=SYSTEM, at=NOON)


def test_a_kind_names_what_zones_may_follow_and_what_is_there_stays(cast: Cast) -> None:
    zone = closing(cast)
    make_moored_kind()
    for key in ("mooring", "unheard-of"):
        with pytest.raises(Invalid):
            update_zone_kind(zone.kind_id, actor=SYSTEM, at=NOON, lifecycle=key)
    update_zone_kind(zone.kind_id, actor=SYSTEM, at=NOON, lifecycle="")
    assert make_zone("Later", kind=zone.kind, organisation=cast.harbour).state == ""
    assert services.advance(zone, "close", actor=SYSTEM, at=after(1), answers=NOTICE).state == "closed"


def test_a_move_is_kept_as_a_version_and_reaches_the_index(cast: Cast) -> None:
    zone = closing(cast)
    assert zone_index().find(ZoneId(zone.pk)) is None
    closed = services.advance(zone, "close", actor=SYSTEM, at=after(1), answers=NOTICE)
    found = zone_index().find(ZoneId(zone.pk))
    assert found is not None
    assert found.version == 2
    assert [(each.version, each.is_active, each.state, each.state_category) for each in zone_versions(zone.pk)] == [
        (2, True, "closed", "active"),
        (1, False, "proposed", "open"),
    ]
    event = Event.objects.filter(object_id=zone.pk).order_by("pk").last()
    assert event is not None
    assert (event.type, event.data["lifecycle"]["from"], event.data["lifecycle"]["to"]) == (
        "watchfloor.zone.transitioned.v1",
        "proposed",
        "closed",
    )
    [timer] = Timer.objects.filter(object_id=closed.pk)
    assert (timer.transition, timer.due_at) == ("lift", after(3601))


def test_the_clock_lifts_it(cast: Cast) -> None:
    closed = services.advance(closing(cast), "close", actor=SYSTEM, at=after(1), answers=NOTICE)
    services.advance_due(services.claim_due(10, after(3602)).fresh, at=after(3602))
    lifted = Zone.objects.get(pk=closed.pk)
    assert (lifted.state, lifted.is_active, lifted.version, lifted.state_since) == ("lifted", False, 3, after(3601))


def test_imported_zones_begin_as_their_kinds_say(cast: Cast) -> None:
    ring = [[0, 0], [1, 0], [1, 1], [0, 0]]
    features = [
        {
            "type": "Feature",
            "properties": {"name": kind.slug, "kind": kind.slug},
            "geometry": {"type": "Polygon", "coordinates": [ring]},
        }
        for kind in (make_closing_kind(), make_zone_kind())
    ]
    import_zones({"type": "FeatureCollection", "features": features}, organisation=cast.harbour, actor=SYSTEM, at=NOON)
    assert list(Zone.objects.order_by("state").values_list("state", flat=True)) == ["", "proposed"]


def test_transitions_over_rest(cast: Cast) -> None:
    zone = closing(cast)
    path = f"/api/v1/zones/{zone.pk}"
    alice, bob = Client(), Client()
    alice.force_login(cast.alice)
    bob.force_login(cast.bob)
    body = alice.get(f"{path}/transitions").json()
    assert (body["lifecycle"]["key"], body["state"]["name"], body["ways"][0]["may"]) == ("closure", "proposed", True)
    assert bob.get(f"{path}/transitions").json()["ways"][0]["may"] is False
    asked = {"transition": "close", "answers": NOTICE}
    headers = {"If-Match": '"1"', "Idempotency-Key": "one"}
    refused = bob.post(f"{path}/transitions", asked, "application/json", headers=headers)
    moved = alice.post(f"{path}/transitions", asked, "application/json", headers=headers)
    assert (refused.status_code, moved.status_code, moved.json()["state"]) == (403, 200, "closed")
    shown = alice.get(path).json()
    assert (shown["state"], shown["state_category"], shown["is_active"]) == ("closed", "active", True)
    assert [each["transition"] for each in alice.get(f"{path}/history").json()["items"]] == ["begin", "close"]
    bare = make_zone("Quay", organisation=cast.harbour)
    assert alice.get(f"/api/v1/zones/{bare.pk}/transitions").status_code == 404
    assert alice.get(f"/api/v1/zones/{bare.pk}").json()["state"] is None
    assert [each["name"] for each in alice.get("/api/v1/zones?filter=state='closed'").json()["items"]] == ["Basin"]


def test_versions_say_in_which_state_it_was_to_whoever_may_know(cast: Cast) -> None:
    zone = closing(cast)
    services.advance(zone, "close", actor=SYSTEM, at=after(1), answers=NOTICE)
    assign(cast.bob, ["zones.view"], cast.harbour)
    cast.bob.is_staff = True
    cast.bob.save()
    bob = Client()
    bob.force_login(cast.bob)
    versions, page = f"/api/v1/zones/{zone.pk}/versions", reverse("admin:zones_zone_change", args=[zone.pk])
    assert [each["state"] for each in bob.get(versions).json()["items"]] == ["closed", "proposed"]
    assert [each["version"] for each in bob.get(f"{versions}?filter=state='closed'").json()["items"]] == [2]
    assert ">proposed<" in bob.get(page).content.decode().replace("\n", "").replace(" ", "")
    make_policy("limit", ["zones.view"], users=[cast.bob], hidden_fields=["state", "is_active"])
    assert [each.keys() & {"state", "state_category"} for each in bob.get(versions).json()["items"]] == [set(), set()]
    assert bob.get(f"{versions}?filter=state='closed'").status_code == 400
    hidden = bob.get(page).content.decode().lower()
    assert ("recorded at" in hidden, "proposed" in hidden, ">active" in hidden) == (True, False, False)


def test_kinds_are_found_by_their_lifecycle(cast: Cast) -> None:
    kind = make_closing_kind()
    make_zone_kind()
    alice = Client()
    alice.force_login(cast.alice)
    found = alice.get("/api/v1/zone-kinds?filter=lifecycle='closure'").json()["items"]
    assert [each["slug"] for each in found] == [kind.slug]
    assert len(alice.get("/api/v1/zone-kinds?filter=lifecycle=''").json()["items"]) == 1
    assert alice.get("/api/v1/asset-kinds?filter=lifecycle='closure'").json()["items"] == []


def test_the_clock_goes_by_the_validity_and_follows_it(cast: Cast) -> None:
    make_definition(
        CLOSURE.replace("timer: {after: PT1H}", "timer: {at: valid_to}").replace(
            "from: [closed]", "from: [proposed, closed]"
        )
    )
    kind = make_zone_kind()
    update_zone_kind(kind.pk, actor=SYSTEM, at=NOON, lifecycle="closure")
    zone = make_zone("Basin", kind=kind, organisation=cast.harbour)
    assert not Timer.objects.exists()
    for hours in (2, 3):
        update_zone(zone.pk, actor=SYSTEM, at=after(1), validity=TimeWindow(start=None, end=after(hours=hours)))
        assert Timer.objects.get().due_at == after(hours=hours)
    services.advance_due(services.claim_due(10, after(hours=4)).fresh, at=after(hours=4))
    lifted = Zone.objects.get(pk=zone.pk)
    assert (lifted.state, lifted.state_since) == ("lifted", after(hours=3))
