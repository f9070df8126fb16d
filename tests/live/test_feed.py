"""The feed over real sockets: greeting, snapshot, events, boxes, fields, several subscriptions."""

from __future__ import annotations

import pytest

from apps.access.types import SYSTEM
from apps.zones.services import delete_zone, update_zone
from tests.factories.access import Cast, make_cast
from tests.factories.core import NOON, after
from tests.factories.zones import make_zone, square
from tests.live.client import Frame

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    return make_cast()


def names(picture: dict[str, Frame]) -> set[str]:
    return {feature["properties"]["name"] for feature in picture.values()}


def test_the_greeting_says_where_the_log_stands(cast, connect, publish) -> None:
    make_zone(organisation=cast.harbour)
    head = publish()
    hello = connect(cast.bob).wait(lambda frame: frame["type"] == "hello")
    limits = {"subscriptions": 32, "frame_bytes": 65536, "snapshot_features": 50000, "frames_per_s": 50}
    told = {name: hello[name] for name in ("head", "authenticated", "heartbeat_s", "limits")}
    assert told == {"head": head, "authenticated": True, "heartbeat_s": 0.25, "limits": limits}


def test_a_snapshot_then_what_happens_and_nothing_of_strangers(cast, connect, publish) -> None:
    ours = make_zone("Pier 9", organisation=cast.harbour)
    theirs = make_zone("Secret pier", organisation=cast.elsewhere)
    offset = publish()
    bob = connect(cast.bob)
    answer = bob.subscribe("z", "zones")
    assert {name: answer[name] for name in ("type", "sub", "offset", "recovered")} == {
        "type": "subscribed", "sub": "z", "offset": offset, "recovered": False,
    }  # fmt: skip
    assert names(bob.pictures["z"]) == {"Pier 9"}

    update_zone(ours.pk, name="Pier 10", actor=SYSTEM, at=after(1))
    update_zone(theirs.pk, name="More secret pier", actor=SYSTEM, at=after(1))
    made = make_zone("Pier 11", organisation=cast.harbour)
    delete_zone(ours.pk, actor=SYSTEM, at=after(2))
    bob.catch_up("z", publish())

    assert names(bob.pictures["z"]) == {"Pier 11"}
    assert [(frame["change"], frame["id"], frame["reason"]) for frame in bob.log if frame["type"] == "event"] == [
        ("upsert", str(ours.pk), "changed"),
        ("upsert", str(made.pk), "entered"),
        ("remove", str(ours.pk), "deleted"),
    ]
    assert str(theirs.pk) not in str(bob.log)
    assert "ecret" not in str(bob.log)


def test_leaving_and_entering_the_box(cast, connect, publish) -> None:
    inside = make_zone("Inside", area=square(0, 0), organisation=cast.harbour)
    outside = make_zone("Outside", area=square(50, 50), organisation=cast.harbour)
    publish()
    bob = connect(cast.bob)
    bob.subscribe("z", "zones", bbox=[-1, -1, 2, 2])
    assert names(bob.pictures["z"]) == {"Inside"}
    update_zone(inside.pk, area=square(60, 60), actor=SYSTEM, at=after(1))
    update_zone(outside.pk, area=square(1.5, 1.5), actor=SYSTEM, at=after(1))
    update_zone(inside.pk, area=square(70, 70), actor=SYSTEM, at=after(2))
    bob.catch_up("z", publish())
    assert [(frame["change"], frame["id"], frame["reason"]) for frame in bob.log if frame["type"] == "event"] == [
        ("remove", str(inside.pk), "left"),
        ("upsert", str(outside.pk), "entered"),
    ]


def test_moving_the_box_brings_the_difference_only(cast, connect, publish) -> None:
    for lon in (0, 10, 20):
        make_zone(f"At {lon}", area=square(lon, 0), organisation=cast.harbour)
    publish()
    bob = connect(cast.bob)
    bob.subscribe("z", "zones", bbox=[-1, -1, 12, 2])
    assert names(bob.pictures["z"]) == {"At 0", "At 10"}
    answer = bob.ask("update", sub="z", bbox=[9, -1, 25, 2])
    bob.wait(lambda frame: frame["type"] == "bookmark" and frame["view"] == answer["view"])
    assert names(bob.pictures["z"]) == {"At 10", "At 20"}
    changes = [(frame["change"], frame["reason"]) for frame in bob.log if frame["type"] == "event"]
    assert changes == [("remove", "box"), ("upsert", "box")]
    bob.ask("update", sub="z", bbox=None)
    bob.wait(lambda frame: frame["type"] == "event" and frame["reason"] == "box" and "0" in str(frame))
    make_zone("At 99", area=square(99, 0), organisation=cast.harbour)
    bob.catch_up("z", publish())
    assert names(bob.pictures["z"]) == {"At 0", "At 10", "At 20", "At 99"}


def test_only_the_wanted_fields(cast, connect, publish) -> None:
    zone = make_zone("Pier 9", organisation=cast.harbour)
    publish()
    bob = connect(cast.bob)
    bob.subscribe("z", "zones", fields=["name", "no such thing"])
    update_zone(zone.pk, name="Pier 10", actor=SYSTEM, at=after(1))
    before = bob.pictures["z"][str(zone.pk)]["properties"]
    bob.catch_up("z", publish())
    assert (before, bob.pictures["z"][str(zone.pk)]["properties"]) == ({"name": "Pier 9"}, {"name": "Pier 10"})


def test_subscriptions_of_one_socket_do_not_mix(cast, connect, publish) -> None:
    make_zone("Pier 9", organisation=cast.harbour)
    publish()
    bob = connect(cast.bob)
    for sub in ("one", "two"):
        bob.subscribe(sub, "zones")
    assert bob.ask("unsubscribe", sub="one") == {"type": "unsubscribed", "id": 3, "sub": "one"}
    make_zone("Pier 10", organisation=cast.harbour)
    bob.catch_up("two", publish())
    assert (names(bob.pictures["one"]), names(bob.pictures["two"])) == ({"Pier 9"}, {"Pier 9", "Pier 10"})


def test_a_picture_in_many_pieces(cast, connect, publish, set_limits) -> None:
    set_limits(chunk_features=2)
    for number in range(5):
        make_zone(f"Pier {number}", organisation=cast.harbour)
    publish()
    bob = connect(cast.bob)
    bob.subscribe("z", "zones")
    pieces = [(len(frame["features"]), frame["last"]) for frame in bob.log if frame["type"] == "snapshot"]
    assert pieces == [(2, False), (2, False), (1, True)]
    assert len(bob.pictures["z"]) == 5


def test_without_a_snapshot_only_what_happens_from_now_on(cast, connect, publish) -> None:
    old = make_zone("Old", organisation=cast.harbour)
    publish()
    bob = connect(cast.bob)
    bob.subscribe("z", "zones", snapshot=False)
    make_zone("New", organisation=cast.harbour)
    bob.catch_up("z", publish())
    assert names(bob.pictures["z"]) == {"New"}
    delete_zone(old.pk, actor=SYSTEM, at=NOON)
    bob.catch_up("z", publish())
    assert names(bob.pictures["z"]) == {"New"}


def test_a_picture_too_large_is_refused_whole_and_a_smaller_one_is_whole(cast, connect, publish, set_limits) -> None:
    set_limits(snapshot_features=3)
    for lon in range(8):
        make_zone(f"At {lon * 10}", area=square(lon * 10, 0), organisation=cast.harbour)
        make_zone("Secret", area=square(lon * 10, 0), organisation=cast.elsewhere)
    publish()
    bob = connect(cast.bob)
    answer = bob.ask("subscribe", sub="all", topic="zones")
    assert (answer["sub"], answer["problem"]["type"], answer["problem"]["status"]) == (
        "all", "urn:watchfloor:problem:snapshot_too_large", 413,
    )  # fmt: skip
    bob.subscribe("some", "zones", bbox=[45, -1, 65, 2])
    assert names(bob.pictures["some"]) == {"At 50", "At 60"}
    assert bob.subscribe("all", "zones", bbox=[0, 0, 5, 5])["type"] == "subscribed"


def test_updates_faster_than_pictures_end_where_the_last_one_points(cast, connect, publish) -> None:
    for lon in range(5):
        make_zone(f"At {lon * 10}", area=square(lon * 10, 0), organisation=cast.harbour)
    publish()
    bob = connect(cast.bob)
    bob.send("subscribe", sub="z", topic="zones", bbox=[-1, -1, 2, 2])
    sent = [bob.send("update", sub="z", bbox=[lon * 10 - 1, -1, lon * 10 + 2, 2]) for lon in range(1, 5)]
    answers = [bob.wait(lambda frame, id_=id_: frame.get("id") == id_) for id_ in sent]
    assert [answer["type"] for answer in answers] == ["updated"] * 4
    assert names(bob.pictures["z"]) == {"At 40"}


def test_somebody_joins_while_the_log_runs(cast, connect, publish) -> None:
    """Snapshots are read while events are handed out; whoever joins at whatever moment ends with the same picture."""
    zones = [make_zone(f"Zone {number}", organisation=cast.harbour) for number in range(3)]
    publish()
    clients = []
    for number in range(12):
        update_zone(zones[number % 3].pk, name=f"Renamed {number}", actor=SYSTEM, at=after(number))
        publish()
        client = connect(cast.bob)
        client.send("subscribe", sub="z", topic="zones")
        clients.append(client)
    offset = publish()
    for client in clients:
        client.wait_for_snapshot("z")
        client.catch_up("z", offset)
        assert names(client.pictures["z"]) == {"Renamed 9", "Renamed 10", "Renamed 11"}
