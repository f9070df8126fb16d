"""Clients that do not read, and a Redis that is not there."""

from __future__ import annotations

import socket
import time
from dataclasses import replace

import pytest

from apps.access.types import SYSTEM
from apps.assets.services import update_asset
from apps.live.hub import Hub
from apps.live.hub import hub as hub_module
from apps.live.types import LogRow
from tests.factories.access import Cast, make_cast
from tests.factories.assets import make_asset
from tests.factories.core import after
from tests.live.conftest import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
FILLER = "x" * 20_000


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    return make_cast()


@pytest.fixture
def narrow(feed_address):
    """A connection with little room on the way, so that not reading is felt soon."""
    host, _, port = feed_address.partition(":")
    with socket.socket() as pipe:
        pipe.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        pipe.connect((host, int(port)))
        yield pipe


def rename(asset, times: int) -> None:
    for number in range(times):
        update_asset(asset.pk, attributes={"note": f"{number} {FILLER}"}, actor=SYSTEM, at=after(number))


def test_who_reads_too_slowly_gets_a_gap_and_then_the_present(cast, connect, publish, set_limits, narrow) -> None:
    set_limits(queue_frames=30, heartbeat_s=20)  # more than the quick one is ever behind
    asset = make_asset("Tug 7", organisation=cast.harbour)
    publish()
    slow = connect(cast.bob, sock=narrow)
    slow.subscribe("a", "assets")
    quick = connect(cast.alice)
    quick.subscribe("a", "assets")
    for _ in range(10):
        rename(asset, 10)
        quick.catch_up("a", publish())
    slow.wait(lambda frame: frame["type"] == "gap")
    assert [frame["reason"] for frame in slow.log if frame["type"] == "gap"] == ["slow_consumer"]
    slow.wait_for_snapshot("a")
    update_asset(asset.pk, name="Tug 8", actor=SYSTEM, at=after(1000))
    last = publish()
    assert slow.catch_up("a", last)[str(asset.pk)]["properties"]["name"] == "Tug 8"
    assert [frame for frame in quick.log if frame["type"] == "gap"] == []
    assert quick.catch_up("a", last) == slow.pictures["a"]


def test_who_never_reads_is_sent_away(cast, connect, publish, set_limits, narrow) -> None:
    set_limits(queue_frames=10, heartbeat_s=20, stall_s=1.0)
    asset = make_asset("Tug 7", organisation=cast.harbour)
    publish()
    slow = connect(cast.bob, sock=narrow)
    slow.subscribe("a", "assets")
    for _ in range(10):
        rename(asset, 10)
        publish()
    wait_until(lambda: not any(hub.sockets for hub in list(hub_module._hubs.values())))
    assert slow.close_code() in (4508, 1006)


def test_without_redis_everything_still_comes(cast, connect, publish, settings) -> None:
    nowhere = replace(settings.WATCHFLOOR, redis_url="unix:///nonexistent/redis.sock")
    settings.WATCHFLOOR = nowhere
    asset = make_asset("Tug 7", organisation=cast.harbour)
    publish()
    bob = connect(cast.bob)
    bob.subscribe("a", "assets")
    update_asset(asset.pk, name="Tug 8", actor=SYSTEM, at=after(1))
    assert bob.catch_up("a", publish())[str(asset.pk)]["properties"]["name"] == "Tug 8"


def test_a_flood_of_events_is_no_blindness(cast, connect, publish, set_limits, monkeypatch) -> None:
    """Handing out takes longer than the hub may go without asking about access; so it asks in between."""
    set_limits(access_blind_s=5)
    asset = make_asset("Tug 7", organisation=cast.harbour)
    publish()
    bob = connect(cast.bob)
    bob.subscribe("a", "assets")
    handed_out = Hub.handed_out

    def slowly(hub: Hub, row: LogRow) -> None:
        time.sleep(0.1)
        handed_out(hub, row)

    monkeypatch.setattr(Hub, "handed_out", slowly)
    for number in range(60):
        update_asset(asset.pk, name=f"Tug {number}", actor=SYSTEM, at=after(number))
    assert bob.catch_up("a", publish())[str(asset.pk)]["properties"]["name"] == "Tug 59"
