"""Assets follow the lifecycle that their kind names, over REST too; those without one have no state."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.test import Client

from apps.access.types import SYSTEM
from apps.assets.models import Asset
from apps.assets.services import update_asset, update_asset_kind
from apps.core.types import Invalid
from apps.events.models import Event
from apps.incidents.models import Incident
from apps.lifecycle import queries, services
from apps.lifecycle.models import Effect, Timer
from apps.lifecycle.types import GuardRefused, IllegalTransition
from tests.factories.access import Cast, make_cast
from tests.factories.assets import make_asset, make_asset_kind
from tests.factories.core import NOON, after
from tests.factories.lifecycles import MOORING, make_definition, make_moored_kind

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def moored(cast: Cast, *, is_active: bool = True) -> Asset:
    return make_asset("Tug 7", kind=make_moored_kind(), organisation=cast.harbour, is_active=is_active)


def test_an_asset_begins_with_its_kinds_lifecycle(cast: Cast) -> None:
    asset = moored(cast)
    asset.refresh_from_db()
    assert (asset.lifecycle_key, asset.lifecycle_version, asset.state, asset.state_category) == (
        "mooring",
        1,
        "away",
        "open",
    )
    event = Event.objects.get(object_id=asset.pk)
    assert event.data["object"]["properties"]["state"] == "away"
    assert event.data["lifecycle"]["to"] == "away"
    assert [each.name for each in queries.history(asset)] == ["begin"]


def test_an_asset_without_a_lifecycle_has_no_state(cast: Cast) -> None:
    asset = make_asset("Tug 8", kind=make_asset_kind(), organisation=cast.harbour)
    event = Event.objects.get(object_id=asset.pk)
    assert (asset.state, event.data["object"]["properties"]["state"], event.data["lifecycle"]) == ("", None, None)
    with pytest.raises(IllegalTransition, match="follows no lifecycle"):
        services.advance(asset, "moor", actor=SYSTEM, at=NOON)
    assert queries.allowed(asset, SYSTEM) == []


def test_a_kind_names_what_is_published_and_what_is_there_stays(cast: Cast) -> None:
    asset = moored(cast)
    with pytest.raises(Invalid):
        update_asset_kind(asset.kind_id, actor=SYSTEM, at=NOON, lifecycle="sailing")
    with pytest.raises(Invalid):
        update_asset_kind(asset.kind_id, actor=SYSTEM, at=NOON, lifecycle="incident")
    update_asset_kind(asset.kind_id, actor=SYSTEM, at=NOON, lifecycle="")
    assert make_asset("Tug 9", kind=asset.kind, organisation=cast.harbour).state == ""
    assert services.advance(asset, "moor", actor=SYSTEM, at=after(1)).state == "moored"


def test_leaving_switches_it_off_and_opens_an_incident_once(cast: Cast) -> None:
    asset = services.advance(moored(cast), "moor", actor=SYSTEM, at=after(1))
    services.advance(asset, "leave", actor=SYSTEM, at=after(2))
    assert Asset.objects.values_list("state", "is_active").get(pk=asset.pk) == ("gone", False)
    claim = services.claim_effects(10, after(3))
    services.perform_effects(claim.fresh, at=after(3))
    Effect.objects.update(status="owed", done_at=None)
    services.perform_effects(claim.fresh, at=after(4))
    [incident] = Incident.objects.all()
    assert (incident.title, incident.asset_id, incident.severity, incident.opened_at, incident.state) == (
        "Tug 7 has left",
        asset.pk,
        1,
        after(2),
        "open",
    )


def test_an_inactive_asset_does_not_moor(cast: Cast) -> None:
    with pytest.raises(GuardRefused, match="is_active"):
        services.advance(moored(cast, is_active=False), "moor", actor=SYSTEM, at=after(1))


def test_transitions_over_rest(cast: Cast) -> None:
    asset = moored(cast)
    path = f"/api/v1/assets/{asset.pk}"
    alice, bob = Client(), Client()
    alice.force_login(cast.alice)
    bob.force_login(cast.bob)
    body = alice.get(f"{path}/transitions").json()
    assert (body["lifecycle"], body["state"]["name"]) == (
        {"key": "mooring", "version": 1, "title": "Mooring"},
        "away",
    )
    [way] = body["ways"]
    assert (way["name"], way["may"], way["requires"]) == (
        "moor",
        True,
        {"text": "is_active = TRUE", "is_met": True, "values": {"is_active": True}},
    )
    assert bob.get(f"{path}/transitions").json()["ways"][0]["may"] is False
    headers = {"If-Match": '"1"', "Idempotency-Key": "one"}
    moved = alice.post(f"{path}/transitions", {"transition": "moor"}, "application/json", headers=headers)
    assert (moved.status_code, moved.json()["state"]) == (200, "moored")
    assert alice.get(path).json()["state"] == "moored"
    assert [each["transition"] for each in alice.get(f"{path}/history").json()["items"]] == ["begin", "moor"]
    bare = make_asset("Tug 8", kind=make_asset_kind(), organisation=cast.harbour)
    assert alice.get(f"/api/v1/assets/{bare.pk}/transitions").status_code == 404
    assert [each["name"] for each in alice.get("/api/v1/assets?filter=state='moored'").json()["items"]] == ["Tug 7"]


EXPECTED = MOORING.replace("key: mooring", "key: expected") + (
    "  miss: {label: Miss, from: [away], to: gone, timer: {at: attributes.call.eta, offset: PT30M}}\n"
)


@pytest.mark.parametrize(
    ("eta", "due_at"),
    [
        ("2026-07-01T12:00:00Z", datetime(2026, 7, 1, 12, 30, tzinfo=UTC)),
        ("2026-07-01T12:00:00+02:00", datetime(2026, 7, 1, 10, 30, tzinfo=UTC)),
        ("2026-07-01T12:00:00", None),
        ("9999-12-31T23:59:59Z", None),
        ("noon", None),
        (12, None),
        (None, None),
    ],
    ids=str,
)
def test_the_clock_may_go_by_an_attribute(cast: Cast, eta: object, due_at: datetime | None) -> None:
    make_definition(EXPECTED)
    kind = make_asset_kind()
    update_asset_kind(kind.pk, actor=SYSTEM, at=NOON, lifecycle="expected")
    tug = make_asset("Tug 7", kind=kind, organisation=cast.harbour)
    assert not Timer.objects.exists()
    update_asset(tug.pk, actor=SYSTEM, at=after(1), attributes={"call": {"eta": eta}})
    assert [timer.due_at for timer in Timer.objects.all()] == ([due_at] if due_at else [])
    update_asset(tug.pk, actor=SYSTEM, at=after(2), attributes={"call": "over"})
    assert not Timer.objects.exists()
