"""Positions: latest wins, in the box, to those who may track; mended when Redis loses them; findings beside them."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.conf import settings

from apps.access import services as access
from apps.access.types import SYSTEM
from apps.assets.services import delete_asset, update_asset
from tests.factories.access import Cast, assign, make_cast, make_user
from tests.factories.assets import make_asset
from tests.factories.core import after
from tests.factories.tracking import FAR_AWAY, IN_SQUARE, ingest, report
from tests.factories.zones import make_zone
from tests.live.client import PATIENCE_S, FeedClient

pytestmark = pytest.mark.django_db(transaction=True)
HARBOUR_BOX = [0, 0, 1, 1]


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    return make_cast()


def places(client: FeedClient, sub: str = "p") -> dict[str, list[float]]:
    return {id_: feature["geometry"]["coordinates"] for id_, feature in client.pictures[sub].items()}


def arrives(client: FeedClient, asset: Any, place: tuple[float, float], sub: str = "p") -> None:
    """Wait until an asset is shown at a place."""
    client.wait(
        lambda frame: (
            frame["type"] == "event"
            and frame["sub"] == sub
            and frame["id"] == str(asset.pk)
            and frame["change"] == "upsert"
            and frame["feature"]["geometry"]["coordinates"] == list(place)
        )
    )


def leaves(client: FeedClient, asset: Any) -> str:
    """Wait until an asset is taken away, and return why."""
    gone = client.wait(
        lambda frame: frame["type"] == "event" and frame["change"] == "remove" and frame["id"] == str(asset.pk)
    )
    return str(gone["reason"])


def test_ships_move_and_strangers_see_nothing_of_it(cast, connect) -> None:
    ours, theirs = make_asset(organisation=cast.harbour), make_asset(organisation=cast.elsewhere)
    ingest(report(ours, 0), report(theirs, 0))
    bob = connect(cast.bob)
    bob.subscribe("p", "positions")
    assert places(bob) == {str(ours.pk): list(FAR_AWAY)}
    ingest(report(ours, 1, (11.0, 51.0), speed_mps=4.5), report(theirs, 1, (12.0, 52.0)))
    arrives(bob, ours, (11.0, 51.0))
    assert bob.pictures["p"][str(ours.pk)]["properties"] == {
        "fixed_at": "2026-06-30T12:01:00Z", "altitude_m": None, "speed_mps": 4.5, "course_deg": None,
        "heading_deg": None, "connectivity": "online",
    }  # fmt: skip
    assert str(theirs.pk) not in str(bob.log)


def test_seeing_an_asset_is_not_tracking_it(cast, connect) -> None:
    asset = make_asset(organisation=cast.harbour)
    clerk = make_user("clerk")
    assign(clerk, ["assets.view"], cast.harbour)
    client = connect(clerk)
    client.subscribe("a", "assets")
    client.subscribe("p", "positions")
    ingest(report(asset, 0))
    assert client.read_for(0.5) == []
    assert (set(client.pictures["a"]), client.pictures["p"]) == ({str(asset.pk)}, {})


def test_in_and_out_of_the_box(cast, connect) -> None:
    asset = make_asset(organisation=cast.harbour)
    ingest(report(asset, 0, FAR_AWAY))
    bob = connect(cast.bob)
    bob.subscribe("p", "positions", bbox=HARBOUR_BOX)
    assert bob.pictures["p"] == {}
    for minute, place in enumerate([IN_SQUARE, (0.6, 0.6), FAR_AWAY, (20.0, 20.0)], start=1):
        ingest(report(asset, minute, place))
    assert leaves(bob, asset) == "left"
    assert bob.read_for(0.3) == []
    told = [(frame["change"], frame["reason"]) for frame in bob.log if frame["type"] == "event"]
    assert told == [("upsert", "entered"), ("upsert", "moved"), ("remove", "left")]


def test_no_more_than_one_in_an_interval_and_the_last_arrives(cast, connect) -> None:
    asset = make_asset(organisation=cast.harbour)
    ingest(report(asset, 0))
    bob = connect(cast.bob)
    bob.subscribe("slow", "positions", min_interval_ms=1500)
    bob.subscribe("all", "positions")
    begun = time.monotonic()
    for minute in range(1, 9):
        ingest(report(asset, minute, (10.0 + minute, 50.0)))
    arrives(bob, asset, (18.0, 50.0), "all")
    arrives(bob, asset, (18.0, 50.0), "slow")
    told = [frame["sub"] for frame in bob.log if frame["type"] == "event"]
    # However long that took: one at once, one in every interval, and the last.
    assert told.count("slow") <= 2 + (time.monotonic() - begun) / 1.5
    assert told.count("slow") <= told.count("all") <= 8


def test_a_late_fix_does_not_move_the_marker_back(cast, connect) -> None:
    asset = make_asset(organisation=cast.harbour)
    ingest(report(asset, 10, (11.0, 51.0)))
    bob = connect(cast.bob)
    bob.subscribe("p", "positions")
    ingest(report(asset, 5, (1.0, 1.0)))
    ingest(report(asset, 11, (12.0, 52.0)))
    arrives(bob, asset, (12.0, 52.0))
    assert [1.0, 1.0] not in [frame["feature"]["geometry"]["coordinates"] for frame in bob.log if "feature" in frame]


def test_the_law_with_ships_that_wander(cast, connect) -> None:
    dice = random.Random(1)
    ships = [make_asset(organisation=dice.choice([cast.harbour, cast.elsewhere])) for _ in range(8)]
    ingest(*(report(ship, 0, (dice.uniform(-1, 2), dice.uniform(-1, 2))) for ship in ships))
    people = [cast.bob, cast.charlie]
    boxes = {"everywhere": None, "box": HARBOUR_BOX}

    def followed(client: FeedClient) -> FeedClient:
        for name, box in boxes.items():
            client.subscribe(name, "positions", bbox=box)
        return client

    def shown(client: FeedClient) -> dict[str, dict[str, Any]]:
        return {sub: dict(client.pictures[sub]) for sub in boxes}

    followers = [followed(connect(user)) for user in people]
    for minute in range(1, 15):
        moved = dice.sample(ships, 4)
        ingest(*(report(ship, minute, (dice.uniform(-1, 2), dice.uniform(-1, 2))) for ship in moved))
    for ship in ships:
        ingest(report(ship, 20, (0.5, 0.5)))
    ingest(*(report(ship, 21, (dice.uniform(-1, 2), dice.uniform(-1, 2))) for ship in ships))
    fresh = [followed(connect(user)) for user in people]
    for client, other in zip(followers, fresh, strict=True):
        deadline = time.monotonic() + PATIENCE_S
        while shown(client) != shown(other) and time.monotonic() < deadline:
            client.read_for(0.2)
        client.read_for(0.2)
        assert shown(client) == shown(other)


@pytest.fixture
def without_redis(settings) -> None:
    settings.WATCHFLOOR = replace(settings.WATCHFLOOR, redis_url="unix:///nonexistent/redis.sock")


def test_without_redis_the_database_is_asked(cast, connect, without_redis) -> None:
    stays, goes = make_asset(organisation=cast.harbour), make_asset(organisation=cast.harbour)
    ingest(report(stays, 0, IN_SQUARE), report(goes, 0, IN_SQUARE))
    bob = connect(cast.bob)
    bob.subscribe("p", "positions", bbox=HARBOUR_BOX)
    ingest(report(stays, 1, (0.6, 0.6)), report(goes, 1, FAR_AWAY))
    arrives(bob, stays, (0.6, 0.6))
    assert leaves(bob, goes) == "resync"
    assert places(bob) == {str(stays.pk): [0.6, 0.6]}


def test_what_a_dead_redis_lost_is_mended_when_it_is_back(cast, connect, monkeypatch) -> None:
    asset = make_asset(organisation=cast.harbour)
    ingest(report(asset, 0))
    bob = connect(cast.bob)
    bob.subscribe("p", "positions")
    with monkeypatch.context() as lost:
        lost.setattr("apps.core.redis.broadcast", lambda *_: None)
        ingest(report(asset, 1, (11.0, 51.0)))
    assert bob.read_for(0.5) == []
    _cut_the_hubs_line()
    arrives(bob, asset, (11.0, 51.0))


def test_a_deleted_asset_disappears_and_one_given_away_changes_screens(cast, connect, publish) -> None:
    doomed, given = make_asset(organisation=cast.harbour), make_asset(organisation=cast.harbour)
    ingest(report(doomed, 0), report(given, 0))
    publish()
    bob, charlie = connect(cast.bob), connect(cast.charlie)
    for client in (bob, charlie):
        client.subscribe("p", "positions")
    update_asset(given.pk, organisation=cast.elsewhere, actor=SYSTEM, at=after(1))
    publish()
    assert leaves(bob, given) == "access"
    arrives(charlie, given, FAR_AWAY)
    delete_asset(doomed.pk, actor=SYSTEM, at=after(2))
    publish()
    assert leaves(bob, doomed) == "deleted"
    assert (set(bob.pictures["p"]), set(charlie.pictures["p"])) == (set(), {str(given.pk)})
    assert str(doomed.pk) not in str(charlie.log)


def test_a_revoked_track_grant_stops_the_ship(cast, connect) -> None:
    asset = make_asset(organisation=cast.harbour)
    ingest(report(asset, 0))
    access.grant_access(asset, "assets.track", to=cast.charlie, actor=SYSTEM, at=after())
    charlie = connect(cast.charlie)
    charlie.subscribe("p", "positions", min_interval_ms=500)
    assert set(charlie.pictures["p"]) == {str(asset.pk)}
    ingest(report(asset, 1, (11.0, 51.0)))
    ingest(report(asset, 2, (12.0, 52.0)))  # held back by the interval when the grant goes
    access.revoke_access(asset, "assets.track", to=cast.charlie, actor=SYSTEM, at=after(1))
    assert leaves(charlie, asset) == "access"
    ingest(report(asset, 3, (13.0625, 53.0)))
    assert charlie.read_for(1.0) == []
    assert "13.0625" not in str(charlie.log)


def test_findings_come_to_those_who_see_asset_and_zone(cast, connect, publish) -> None:
    asset = make_asset("Tug 7", organisation=cast.harbour)
    make_zone("Our pier", organisation=cast.harbour)
    make_zone("Secret pier", organisation=cast.elsewhere)
    ingest(report(asset, 0, FAR_AWAY))
    publish()
    bob, charlie = connect(cast.bob), connect(cast.charlie)
    for client in (bob, charlie):
        client.subscribe("p", "positions")
    ingest(report(asset, 1, IN_SQUARE))
    offset = publish()
    for client in (bob, charlie):
        client.catch_up("p", offset)
    found = [frame for frame in bob.log if frame["type"] == "event" and frame["change"] == "event"]
    assert [
        (frame["id"], frame["event"]["type"], frame["event"]["object"]["properties"]["zone"]) for frame in found
    ] == [(str(asset.pk), "watchfloor.finding.entered.v1", "Our pier")]
    assert "Secret" not in str(bob.log)
    assert str(asset.pk) not in str(charlie.log)


def test_for_a_slow_reader_only_the_newest_place_waits(
    cast, connect, feed_address, set_limits: Callable[..., None]
) -> None:
    set_limits(queue_frames=5, heartbeat_s=20)
    ships = [make_asset(organisation=cast.harbour) for _ in range(150)]
    ingest(*(report(ship, 0) for ship in ships))
    host, _, port = feed_address.partition(":")
    with socket.socket() as pipe:
        pipe.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        pipe.connect((host, int(port)))
        slow = connect(cast.bob, sock=pipe)
        slow.subscribe("p", "positions")
        for minute in range(1, 41):
            ingest(*(report(ship, minute, (minute / 10, 50.0)) for ship in ships))
        arrives(slow, ships[-1], (4.0, 50.0))
        slow.read_for(0.3)
        assert [frame for frame in slow.log if frame["type"] == "gap"] == []
        assert set(map(tuple, places(slow).values())) == {(4.0, 50.0)}
        told = sum(frame["type"] == "event" for frame in slow.log)
        assert told < 150 * 40


def _cut_the_hubs_line() -> None:
    """Let Redis close the connections that listen, but for those of tests that run beside this one."""
    from apps.core.redis import client  # noqa: PLC0415 - only here

    listening = client().client_list(_type="pubsub")
    ours = [each["id"] for each in listening if each["name"] == settings.WATCHFLOOR.redis_prefix]
    assert ours
    for connection_id in ours:
        client().client_kill_filter(_id=connection_id)
