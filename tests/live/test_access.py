"""Permissions, live: what is lost is removed, what is gained appears, and nobody sees what they may not."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.db import OperationalError

from apps.access import services as access
from apps.access.models import Assignment
from apps.access.types import SYSTEM, Subject
from apps.assets.services import update_asset
from apps.core import clock
from apps.core.types import TimeWindow
from apps.events.types import Change, NewEvent
from apps.live import queries
from apps.live.hub import hub as hub_module
from apps.live.types import Limits
from tests.factories.access import Cast, assign, make_cast, make_group, make_user, with_key
from tests.factories.assets import make_asset
from tests.factories.core import after
from tests.factories.events import publish as publish_events
from tests.factories.zones import make_zone
from tests.live.client import PATIENCE_S, FeedClient, Frame
from tests.live.conftest import wait_for_the_hub_to_read, wait_until

pytestmark = pytest.mark.django_db(transaction=True)
# A revocation must have stopped the stream by then, where the machine has time for it.
PROMISE_S = 5.0


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    return make_cast()


def removed(client: FeedClient, thing_id: object) -> Frame:
    """Wait for the removal of an object."""
    return client.wait(
        lambda frame: frame["type"] == "event" and frame["change"] == "remove" and frame["id"] == str(thing_id)
    )


def test_what_is_waited_for_keeps_the_promise() -> None:
    limits = Limits()
    assert max(limits.access_poll_s, limits.poll_s, limits.poll_without_doorbell_s, limits.standing_s) < PROMISE_S / 2


def test_a_revoked_grant_stops_the_stream(cast, connect, publish) -> None:
    shared, hidden = make_asset("Tug 7", organisation=cast.harbour), make_asset("Yacht", organisation=cast.harbour)
    kept = make_asset("Ferry", organisation=cast.elsewhere)
    access.grant_access(shared, "assets.view", to=cast.charlie, actor=SYSTEM, at=after())
    publish()
    charlie = connect(cast.charlie)
    charlie.subscribe("a", "assets")
    assert set(charlie.pictures["a"]) == {str(shared.pk), str(kept.pk)}

    access.revoke_access(shared, "assets.view", to=cast.charlie, actor=SYSTEM, at=after(1))
    assert removed(charlie, shared.pk) == {
        "type": "event", "sub": "a", "change": "remove", "id": str(shared.pk), "reason": "access",
    }  # fmt: skip
    update_asset(shared.pk, name="Tug 7, secretly renamed", actor=SYSTEM, at=after(2))
    update_asset(hidden.pk, name="Yacht, secretly renamed", actor=SYSTEM, at=after(2))
    update_asset(kept.pk, name="Ferry 2", actor=SYSTEM, at=after(2))
    charlie.catch_up("a", publish())
    assert set(charlie.pictures["a"]) == {str(kept.pk)}
    assert "secretly" not in str(charlie.log)
    assert str(hidden.pk) not in str(charlie.log)


def test_what_is_gained_appears_with_all_that_it_is_now(cast, connect, publish) -> None:
    asset = make_asset("Tug 7", organisation=cast.harbour)
    publish()
    charlie = connect(cast.charlie)
    charlie.subscribe("a", "assets")
    assert charlie.pictures["a"] == {}
    update_asset(asset.pk, name="Tug 8", actor=SYSTEM, at=after(1))
    publish()
    access.grant_access(asset, "assets.view", to=make_group(cast.charlie), actor=SYSTEM, at=after(2))
    gained = charlie.wait(lambda frame: frame["type"] == "event")
    shown = {name: gained[name] for name in ("change", "id", "reason")}
    assert shown == {"change": "upsert", "id": str(asset.pk), "reason": "access"}
    assert gained["feature"]["properties"]["name"] == "Tug 8"
    update_asset(asset.pk, name="Tug 9", actor=SYSTEM, at=after(3))
    charlie.catch_up("a", publish())
    assert charlie.pictures["a"][str(asset.pk)]["properties"]["name"] == "Tug 9"


def test_a_lost_role_takes_all_away_from_one_and_nothing_from_another(cast, connect, publish) -> None:
    asset = make_asset("Tug 7", organisation=cast.harbour)
    publish()
    bob, alice = connect(cast.bob), connect(cast.alice)
    for client in (bob, alice):
        client.subscribe("a", "assets")
    assignment = Assignment.objects.get(user=cast.bob)
    access.end_assignment(assignment.pk, actor=SYSTEM, at=after(1))
    removed(bob, asset.pk)
    update_asset(asset.pk, name="Tug 8", actor=SYSTEM, at=after(2))
    offset = publish()
    bob.catch_up("a", offset)
    assert bob.pictures["a"] == {}
    assert alice.catch_up("a", offset)[str(asset.pk)]["properties"]["name"] == "Tug 8"


def test_two_who_see_the_same_part_when_one_loses_it(cast, connect, publish) -> None:
    """They share one audience until then."""
    asset = make_asset("Tug 7", organisation=cast.harbour)
    twin = make_user("twin")
    other_twin = make_user("other-twin")
    for user in (twin, other_twin):
        access.grant_access(asset, "assets.view", to=user, actor=SYSTEM, at=after())
    publish()
    one, other = connect(twin), connect(other_twin)
    for client in (one, other):
        client.subscribe("a", "assets")
    assert one.views == other.views
    access.revoke_access(asset, "assets.view", to=twin, actor=SYSTEM, at=after(1))
    removed(one, asset.pk)
    update_asset(asset.pk, name="Tug 8", actor=SYSTEM, at=after(2))
    assert other.catch_up("a", publish())[str(asset.pk)]["properties"]["name"] == "Tug 8"
    assert one.pictures["a"] == {}
    assert "Tug 8" not in str(one.log)


def test_an_assignment_that_ends_by_itself(cast, connect, publish, let_pass) -> None:
    asset = make_asset("Tug 7", organisation=cast.harbour)
    guard = make_user("guard")
    end = clock.now() + timedelta(minutes=10)
    assign(guard, ["assets.view"], cast.harbour, during=TimeWindow(end=end))
    publish()
    client = connect(guard)
    client.subscribe("a", "assets")
    assert set(client.pictures["a"]) == {str(asset.pk)}
    let_pass(600)
    assert removed(client, asset.pk)["reason"] == "access"


def test_nothing_written_after_a_revocation_is_shown_however_late_it_is_noticed(
    cast, connect, publish, set_limits
) -> None:
    set_limits(access_poll_s=300, poll_s=300, poll_without_doorbell_s=300, access_blind_s=300)
    asset = make_asset("Tug 7", organisation=cast.harbour)
    access.grant_access(asset, "assets.view", to=cast.charlie, actor=SYSTEM, at=after())
    publish()
    charlie = connect(cast.charlie)
    charlie.subscribe("a", "assets")
    access.revoke_access(asset, "assets.view", to=cast.charlie, actor=SYSTEM, at=after(1))
    update_asset(asset.pk, name="Secret", actor=SYSTEM, at=after(1))
    publish()  # the ring wakes the hub: it finds the event and the new access version together
    removed(charlie, asset.pk)
    assert charlie.read_for(0.5) == []
    assert "Secret" not in str(charlie.log)


def test_what_changes_hands_leaves_one_and_comes_to_the_other(cast, connect, publish) -> None:
    asset = make_asset("Tug 7", organisation=cast.harbour)
    publish()
    bob, charlie = connect(cast.bob), connect(cast.charlie)
    for client in (bob, charlie):
        client.subscribe("a", "assets")
    update_asset(asset.pk, name="Tug of others", organisation=cast.elsewhere, actor=SYSTEM, at=after(1))
    offset = publish()
    assert bob.catch_up("a", offset) == {}
    assert charlie.catch_up("a", offset)[str(asset.pk)]["properties"]["name"] == "Tug of others"
    assert "of others" not in str(bob.log)
    assert "Tug 7" not in str(charlie.log)


def test_of_two_things_at_once_only_to_those_who_may_see_both(cast, connect, publish) -> None:
    asset = make_asset("Tug 7", organisation=cast.harbour)
    zone = make_zone("Secret pier", organisation=cast.elsewhere)
    publish()
    bob, superuser = connect(cast.bob), connect(make_user("root", is_superuser=True))
    for client in (bob, superuser):
        client.subscribe("a", "assets")
    publish_events(
        NewEvent(
            type="watchfloor.asset.updated.v1",
            noun="assets",
            object_id=asset.pk,
            organisation_id=cast.harbour.pk,
            change=Change.FOUND,
            object={"zone": "Secret pier"},
            also=(Subject(noun="zones", id=zone.pk, organisation_id=cast.elsewhere.pk),),
        )
    )
    offset = publish()
    bob.catch_up("a", offset)
    superuser.catch_up("a", offset)
    told = [(frame["change"], frame["id"], frame["event"]["object"]) for frame in superuser.log if "event" in frame]
    assert told == [("event", str(asset.pk), {"zone": "Secret pier"})]
    assert "Secret" not in str(bob.log)


def test_a_disabled_user_is_sent_away(cast, connect) -> None:
    bob = connect(cast.bob)
    bob.subscribe("a", "assets")
    access.change_user(cast.bob.pk, {"is_active": False}, actor=SYSTEM, at=after(1))
    assert bob.close_code() == 4401


def test_a_revoked_key_ends_its_socket(cast, connect) -> None:
    row, token = access.create_api_key(
        user_id=cast.bob.pk, name="wall", scopes=["assets.view"], actor=SYSTEM, at=after()
    )
    wall = connect(headers={"Authorization": f"Bearer {token}"})
    wall.subscribe("a", "assets")
    access.revoke_api_key(row.pk, actor=SYSTEM, at=after(1))
    assert wall.close_code() == 4401


def test_a_key_sees_no_more_than_its_scopes(cast, connect, publish) -> None:
    make_asset("Tug 7", organisation=cast.harbour)
    publish()
    wall = connect(headers=with_key(cast.bob, "zones.view"))
    wall.subscribe("a", "assets")
    assert wall.pictures["a"] == {}


@pytest.mark.parametrize("how", ["sign out", "new password"])
def test_a_session_that_ends_ends_its_socket(cast, connect, how) -> None:
    bob = connect(cast.bob)
    bob.subscribe("a", "assets")
    if how == "sign out":
        Session.objects.all().delete()
    else:
        cast.bob.set_password("another password")
        cast.bob.save()
    assert bob.close_code() == 4401


def test_who_cannot_ask_what_is_permitted_shows_nothing(cast, connect, monkeypatch) -> None:
    bob = connect(cast.bob)
    bob.subscribe("a", "assets")

    def unreachable(*_: object) -> None:
        raise OperationalError("the database is away")

    monkeypatch.setattr(queries, "look", unreachable)
    for hub in list(hub_module._hubs.values()):
        hub.limits = replace(hub.limits, access_blind_s=0.5)
    assert bob.close_code() == 4504


def test_one_who_loses_a_grant_while_reading_for_both_does_not_spoil_the_others_picture(
    cast, connect, publish, monkeypatch
) -> None:
    """Both wait for the same snapshot; the one with whose eyes it is read goes blind at that moment."""
    asset = make_asset("Tug 7", organisation=cast.harbour)
    people = [make_user("one"), make_user("other")]
    for user in people:
        access.grant_access(asset, "assets.view", to=user, actor=SYSTEM, at=after())
    publish()
    clients = [connect(user) for user in people]
    read_snapshots, read_for = queries.read_snapshots, []

    def read_late(view, askers, limits):
        actor = askers[0].actor
        read_for.append(actor.label)
        if len(read_for) == 1:
            loser = next(user for user in people if user.username == actor.label)
            access.revoke_access(asset, "assets.view", to=loser, actor=SYSTEM, at=after(1))
        return read_snapshots(view, askers, limits)

    monkeypatch.setattr(queries, "read_snapshots", read_late)
    for client in clients:
        client.send("subscribe", sub="a", topic="assets")
    pictures = {}
    for user, client in zip(people, clients, strict=True):
        client.wait_for_snapshot("a")
        pictures[user.username] = set(client.pictures["a"])
    loser, winner = read_for[0], ({"one", "other"} - {read_for[0]}).pop()
    assert pictures == {loser: set(), winner: {str(asset.pk)}}


def test_who_leaves_while_their_picture_is_read_keeps_nobody_waiting(cast, connect, publish, monkeypatch) -> None:
    monkeypatch.setattr(hub_module, "READERS", 1)
    read_snapshots, is_reading, goes_on = queries.read_snapshots, threading.Event(), threading.Event()

    def read_late(view, askers, limits):
        is_reading.set()
        goes_on.wait(PATIENCE_S)
        return read_snapshots(view, askers, limits)

    monkeypatch.setattr(queries, "read_snapshots", read_late)
    asset, zone = make_asset("Tug 7", organisation=cast.harbour), make_zone("Pier 9", organisation=cast.harbour)
    publish()
    alice, bob = connect(cast.alice), connect(cast.bob)
    bob.send("subscribe", sub="a", topic="assets")
    assert is_reading.wait(PATIENCE_S)
    publish_events(
        NewEvent(
            type="watchfloor.asset.updated.v1",
            noun="assets",
            object_id=asset.pk,
            organisation_id=cast.harbour.pk,
            change=Change.FOUND,
            object={},
            also=(Subject(noun="zones", id=zone.pk, organisation_id=cast.harbour.pk),),
        )
    )
    wait_for_the_hub_to_read(publish())
    bob.__exit__(None, None, None)
    wait_until(lambda: [len(hub.sockets) for hub in list(hub_module._hubs.values())] == [1])
    goes_on.set()
    alice.subscribe("a", "assets")
    assert set(alice.pictures["a"]) == {str(asset.pk)}


def test_the_cursor_of_somebody_who_is_losing_something_is_worth_nothing(cast, connect, publish) -> None:
    asset = make_asset("Tug 7", organisation=cast.harbour)
    access.grant_access(asset, "assets.view", to=cast.charlie, actor=SYSTEM, at=after())
    publish()
    charlie = connect(cast.charlie)
    charlie.subscribe("a", "assets")
    access.revoke_access(asset, "assets.view", to=cast.charlie, actor=SYSTEM, at=after(1))
    removed(charlie, asset.pk)
    told = [frame["view"] for frame in charlie.log if frame["type"] == "bookmark"]
    assert "between" in told
