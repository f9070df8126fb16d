"""Policies, live: what they refuse is not shown, what they hide is absent, and a change is felt at once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from apps.access import services as access
from apps.access.types import SYSTEM
from apps.assets.services import update_asset
from apps.core import clock
from apps.core.types import Fix
from apps.tracking.types import Report
from tests.factories.access import Cast, assign, describe, make_attribute, make_cast, make_policy
from tests.factories.assets import make_asset
from tests.factories.core import after
from tests.factories.incidents import make_incident
from tests.factories.tracking import ingest

pytestmark = pytest.mark.django_db(transaction=True)
LONG = "attributes.length_m > 50"


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    return make_cast()


def sail(asset, lon: float, lat: float, *, ago: float = 0) -> None:
    at = clock.now() - timedelta(seconds=ago)
    ingest(Report(str(asset.pk), Fix(fixed_at=at, lon=lon, lat=lat, speed_mps=3.0)), received_at=at)


def test_an_object_comes_and_goes_as_its_own_picture_meets_the_condition(cast, connect, publish) -> None:
    asset = make_asset("Tug 7", organisation=cast.harbour, attributes={"length_m": 9})
    make_policy("require", ["assets.view"], LONG, organisation=cast.harbour)
    publish()
    bob = connect(cast.bob)
    bob.subscribe("a", "assets")
    assert bob.pictures["a"] == {}

    update_asset(asset.pk, attributes={"length_m": 60}, actor=SYSTEM, at=after(1))
    bob.catch_up("a", publish())
    assert set(bob.pictures["a"]) == {str(asset.pk)}
    update_asset(asset.pk, attributes={"length_m": 8, "secret": "x"}, actor=SYSTEM, at=after(2))
    bob.catch_up("a", publish())
    assert bob.pictures["a"] == {}
    assert "secret" not in str(bob.log)


def test_a_policy_an_attribute_and_its_end_are_felt_by_open_sockets(cast, connect, publish) -> None:
    asset = make_asset("Tug 7", organisation=cast.elsewhere, attributes={"length_m": 60})
    make_attribute("shortest", "number")
    publish()
    bob = connect(cast.bob)
    bob.subscribe("a", "assets")
    assert bob.pictures["a"] == {}

    policy = make_policy(
        "permit", ["assets.view"], "attributes.length_m >= ${user.shortest}", organisation=cast.elsewhere
    )
    describe(cast.bob, "shortest", 50)
    gained = bob.wait(lambda frame: frame["type"] == "event")
    assert (gained["change"], gained["id"], gained["reason"]) == ("upsert", str(asset.pk), "access")
    access.delete_policy(policy.pk, actor=SYSTEM, at=after())
    lost = bob.wait(lambda frame: frame["type"] == "event")
    assert (lost["change"], lost["id"], lost["reason"]) == ("remove", str(asset.pk), "access")


def test_positions_are_judged_by_the_asset_and_told_on_a_grid(cast, connect, publish) -> None:
    long = make_asset("long", organisation=cast.harbour, attributes={"length_m": 60})
    short = make_asset("short", organisation=cast.harbour, attributes={"length_m": 6})
    make_policy("deny", ["assets.track"], "NOT (attributes.length_m > 50)", organisation=cast.harbour)
    make_policy("limit", ["assets.track"], organisation=cast.harbour, coarsen_m=10_000, hidden_fields=["speed_mps"])
    for asset in (long, short):
        sail(asset, 10.0123, 50.0456, ago=5)
    publish()
    bob = connect(cast.bob)
    bob.subscribe("p", "positions")
    assert set(bob.pictures["p"]) == {str(long.pk)}

    for asset in (short, long):
        sail(asset, 10.3123, 50.3456)
    moved = bob.wait(lambda frame: frame["type"] == "event" and frame["reason"] == "moved")

    assert moved["id"] == str(long.pk)
    assert "speed_mps" not in moved["feature"]["properties"]
    lon, lat = moved["feature"]["geometry"]["coordinates"]
    assert (lon, lat) != (10.3123, 50.3456)
    assert abs(lon - 10.3123) < 0.15
    assert str(short.pk) not in str(bob.log)
    assert "10.0123" not in str(bob.log)
    assert "10.3123" not in str(bob.log)


def test_what_is_hidden_is_absent_from_snapshot_and_event(cast, connect, publish) -> None:
    assign(cast.charlie, ["incidents.view"], cast.harbour)
    incident = make_incident(cast.harbour, title="A tug drifts")
    make_policy(
        "limit", ["incidents.*"], organisation=cast.harbour, users=[cast.charlie], hidden_fields=["title", "geometry"]
    )
    publish()
    sockets = {name: connect(getattr(cast, name)) for name in ("charlie", "bob")}
    for client in sockets.values():
        client.subscribe("i", "incidents")
    from apps.incidents.services import update_incident  # noqa: PLC0415

    update_incident(incident.pk, title="Another title", actor=SYSTEM, at=after(1))
    offset = publish()
    for client in sockets.values():
        client.catch_up("i", offset)

    shown = {name: client.pictures["i"][str(incident.pk)]["properties"] for name, client in sockets.items()}
    assert shown["bob"]["title"] == "Another title"
    assert "title" not in shown["charlie"]
    assert 'title":' not in str(sockets["charlie"].log).replace("'", '"')
    assert shown["charlie"]["severity"] == shown["bob"]["severity"]


def test_what_may_be_seen_only_late_is_not_on_the_feed(cast, connect, publish) -> None:
    asset = make_asset("Tug 7", organisation=cast.harbour)
    other = make_asset("Tug 8", organisation=cast.harbour, attributes={"length_m": 60})
    make_policy("limit", ["assets.track"], f"NOT ({LONG})", organisation=cast.harbour, delay_s=600)
    sail(asset, 10.0, 50.0, ago=5)
    sail(other, 10.0, 50.0, ago=5)
    publish()
    bob = connect(cast.bob)
    bob.subscribe("p", "positions")
    sail(asset, 10.1, 50.1)
    sail(other, 10.1, 50.1)
    moved = bob.wait(lambda frame: frame["type"] == "event" and frame["reason"] == "moved")
    assert moved["id"] == str(other.pk)
    assert str(asset.pk) not in str(bob.log)
