"""What may be seen only late: held back, told when it is due and not before, judged then; nothing is missed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from apps.access import services as access
from apps.access.models import Policy
from apps.access.types import SYSTEM
from apps.access.veils import snap
from apps.assets.models import Asset
from apps.assets.services import create_asset, delete_asset, update_asset
from apps.core import clock
from apps.core.types import Fix
from apps.events.models import Event
from apps.tracking.types import Report
from tests.factories.access import Cast, make_cast, make_policy, signed_in
from tests.factories.assets import make_asset, make_asset_kind
from tests.factories.tracking import ingest
from tests.factories.zones import make_zone
from tests.live.client import FeedClient
from tests.live.conftest import wait_for_the_hub_to_read

pytestmark = pytest.mark.django_db(transaction=True)
DELAY_S = 600


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    return make_cast()


def limit(cast: Cast, action: str, condition: str = "", **what: Any) -> None:
    what = {"delay_s": DELAY_S, **what}
    make_policy("limit", [action], condition, organisation=cast.harbour, users=[cast.bob], **what)


def sail(asset: Asset, lon: float, lat: float = 50.0, *, ago: float = 0) -> None:
    at = clock.now() - timedelta(seconds=ago)
    ingest(Report(str(asset.pk), Fix(fixed_at=at, lon=lon, lat=lat, speed_mps=3.0)), received_at=at)


def rename(asset: Asset, name: str, *, ago: float = 0, **changes: Any) -> None:
    update_asset(asset.pk, name=name, actor=SYSTEM, at=clock.now() - timedelta(seconds=ago), **changes)


def named(client: FeedClient, sub: str = "a") -> dict[str, str]:
    return {id_: each["properties"]["name"] for id_, each in client.pictures[sub].items()}


def events(client: FeedClient) -> list[dict[str, Any]]:
    return [frame for frame in client.log if frame["type"] == "event"]


def places(client: FeedClient) -> dict[str, list[float]]:
    return {id_: each["geometry"]["coordinates"] for id_, each in client.pictures["p"].items()}


def test_positions_come_when_they_are_due_and_a_snapshot_shows_what_was(cast, connect, publish, let_pass) -> None:
    tug, quick = make_asset("Tug", organisation=cast.harbour), make_asset("Quick", organisation=cast.elsewhere)
    make_policy("permit", ["assets.track"], organisation=cast.elsewhere)
    limit(cast, "assets.track")
    for asset in (tug, quick):
        sail(asset, 10.0, ago=DELAY_S + 30)
        sail(asset, 10.1, ago=1)
    publish()
    bob = connect(cast.bob)
    bob.subscribe("p", "positions")
    assert places(bob) == {str(tug.pk): [10.0, 50.0], str(quick.pk): [10.1, 50.0]}

    sail(tug, 10.2)
    assert bob.read_for(0.3) == []
    let_pass(DELAY_S)
    moved = bob.wait(lambda frame: frame.get("id") == str(tug.pk) and places(bob)[str(tug.pk)] == [10.2, 50.0])

    assert moved["reason"] == "moved"
    told = signed_in(cast.bob).get("/api/v1/positions").json()["items"]
    assert {each["id"]: each["properties"] for each in told}[str(tug.pk)] == bob.pictures["p"][str(tug.pk)][
        "properties"
    ]


def test_no_position_is_early_for_anybody_who_joins_or_moves_the_box(cast, connect, publish) -> None:
    asset = make_asset("Tug", organisation=cast.harbour)
    limit(cast, "assets.track", delay_s=600)
    sail(asset, 10.0, ago=700)
    sail(asset, 10.12345, ago=5)
    publish()
    first, second = connect(cast.bob), connect(cast.bob)
    for client in (first, second):
        client.subscribe("p", "positions")
    sail(asset, 10.22345)
    second.ask("update", sub="p", bbox=[10.05, 49, 11, 51])
    assert places(second) == {}
    second.ask("update", sub="p", bbox=[9, 49, 10.05, 51])
    first.read_for(0.5)
    for client in (first, second):
        assert places(client) == {str(asset.pk): [10.0, 50.0]}
        assert "10.12345" not in str(client.log)
        assert "10.22345" not in str(client.log)


def test_what_is_coarse_and_late_is_both(cast, connect, publish, let_pass) -> None:
    asset = make_asset("Tug", organisation=cast.harbour)
    limit(cast, "assets.track")
    limit(cast, "assets.track", delay_s=0, coarsen_m=5_000)
    sail(asset, 10.01234, ago=DELAY_S + 30)
    publish()
    bob = connect(cast.bob)
    bob.subscribe("p", "positions")
    sail(asset, 10.51234)
    assert bob.read_for(0.3) == []
    let_pass(DELAY_S)
    bob.wait(lambda frame: frame["type"] == "event")
    assert places(bob) == {str(asset.pk): list(snap(10.51234, 50.0, 5_000))}
    assert "10.01234" not in str(bob.log)
    assert "10.51234" not in str(bob.log)


def test_events_wait_until_they_are_due_while_others_pass(cast, connect, publish, let_pass) -> None:
    slow = make_asset("Slow", organisation=cast.harbour, attributes={"length_m": 9})
    quick = make_asset("Quick", organisation=cast.harbour, attributes={"length_m": 90})
    limit(cast, "assets.view", "attributes.length_m < 50")
    publish()
    bob = connect(cast.bob)
    bob.subscribe("a", "assets")
    assert set(named(bob)) == {str(slow.pk), str(quick.pk)}

    rename(slow, "Slow 2")
    rename(quick, "Quick 2")
    offset = publish()
    bob.wait(lambda frame: frame.get("id") == str(quick.pk))
    assert named(bob) == {str(slow.pk): "Slow", str(quick.pk): "Quick 2"}
    assert bob.read_for(0.3) == []
    assert bob.offsets["a"] == offset - 2
    let_pass(DELAY_S)
    bob.catch_up("a", offset)
    assert named(bob) == {str(slow.pk): "Slow 2", str(quick.pk): "Quick 2"}
    assert [frame.get("offset") for frame in events(bob)] == [None, None]


def test_a_snapshot_shows_objects_as_they_were_and_what_followed_comes_later(cast, connect, publish, let_pass) -> None:
    old = make_asset("Old", organisation=cast.harbour)
    limit(cast, "assets.view")
    rename(old, "Older", ago=DELAY_S + 30)
    rename(old, "Secret name")
    new = create_asset(
        name="Secret asset",
        kind=make_asset_kind(),
        organisation=cast.harbour,
        actor=SYSTEM,
        at=clock.now(),
    )
    offset = publish()
    bob = connect(cast.bob)
    bob.subscribe("a", "assets")
    assert named(bob) == {str(old.pk): "Older"}
    assert "Secret" not in str(bob.log)
    let_pass(DELAY_S)
    bob.catch_up("a", offset)
    assert named(bob) == {str(old.pk): "Secret name", str(new.pk): "Secret asset"}


def test_a_cursor_does_not_leap_over_what_was_held_back(cast, connect, publish, let_pass) -> None:
    slow = make_asset("Slow", organisation=cast.harbour, attributes={"length_m": 9})
    quick = make_asset("Quick", organisation=cast.harbour, attributes={"length_m": 90})
    limit(cast, "assets.view", "attributes.length_m < 50")
    publish()
    bob = connect(cast.bob)
    bob.subscribe("a", "assets")
    rename(slow, "Slow 2")
    rename(quick, "Quick 2")
    offset = publish()
    bob.wait(lambda frame: frame.get("id") == str(quick.pk))
    cursor, held = bob.resume("a"), dict(bob.pictures["a"])
    bob.__exit__(None, None, None)

    again = connect(cast.bob)
    again.pictures["a"] = held
    answer = again.subscribe("a", "assets", resume=cursor)
    assert answer["recovered"] is True
    assert named(again)[str(slow.pk)] == "Slow"
    let_pass(DELAY_S)
    again.catch_up("a", offset)
    assert named(again) == {str(slow.pk): "Slow 2", str(quick.pk): "Quick 2"}


def test_what_is_lost_or_gone_meanwhile_is_never_told(cast, connect, publish, let_pass) -> None:
    lost, gone = (make_asset(name, organisation=cast.harbour) for name in ("Lost", "Gone"))
    limit(cast, "assets.view")
    make_policy("deny", ["assets.view"], "attributes.closed = TRUE", organisation=cast.harbour, users=[cast.bob])
    for asset in (lost, gone):
        rename(asset, asset.name, ago=DELAY_S + 30, attributes={"closed": False})
    publish()
    bob = connect(cast.bob)
    bob.subscribe("a", "assets")
    assert set(named(bob)) == {str(lost.pk), str(gone.pk)}
    for asset in (lost, gone):
        rename(asset, "Secret")
    rename(lost, "Secret", attributes={"closed": True})
    delete_asset(gone.pk, actor=SYSTEM, at=clock.now())
    offset = publish()
    bob.wait(lambda frame: frame.get("reason") == "access")
    wait_for_the_hub_to_read(offset)
    let_pass(DELAY_S)
    bob.catch_up("a", offset)
    bob.read_for(0.5)
    assert named(bob) == {}
    assert "Secret" not in str(bob.log)


def test_when_the_delay_ends_all_comes_at_once_and_findings_are_not_lost(cast, connect, publish) -> None:
    asset = make_asset("Tug", organisation=cast.harbour)
    limit(cast, "assets.track", delay_s=600)
    area = make_zone("Basin", organisation=cast.harbour).area.centroid
    publish()
    bob = connect(cast.bob)
    bob.subscribe("p", "positions")
    sail(asset, area.x, area.y)
    publish()
    bob.read_for(0.3)
    assert events(bob) == []
    assert Event.objects.filter(type="watchfloor.finding.entered.v1").exists()

    access.delete_policy(Policy.objects.get().pk, actor=SYSTEM, at=clock.now())
    found = bob.wait(lambda frame: frame.get("reason") == "found")
    assert found["id"] == str(asset.pk)
    assert found["event"]["type"] == "watchfloor.finding.entered.v1"
    bob.wait(lambda frame: frame.get("reason") == "access")
    assert places(bob) == {str(asset.pk): [area.x, area.y]}


def test_too_much_to_hold_back_is_a_gap_and_then_the_truth(cast, connect, publish, set_limits, let_pass) -> None:
    set_limits(held_events=3)
    asset = make_asset("Tug", organisation=cast.harbour)
    limit(cast, "assets.view")
    publish()
    bob = connect(cast.bob)
    bob.subscribe("a", "assets")
    for number in range(6):
        rename(asset, f"Tug {number}")
    offset = publish()
    wait_for_the_hub_to_read(offset)
    let_pass(DELAY_S)
    gap = bob.wait(lambda frame: frame["type"] == "gap")
    assert gap["reason"] == "held_back"
    assert named(bob) == {str(asset.pk): "Tug 2"}
    bob.wait_for_snapshot("a")
    assert bob.catch_up("a", offset)[str(asset.pk)]["properties"]["name"] == "Tug 5"


def test_two_who_hear_late_hear_the_same(cast, connect, publish, let_pass) -> None:
    asset = make_asset("Tug", organisation=cast.harbour)
    limit(cast, "assets.view")
    limit(cast, "assets.track")
    sail(asset, 10.0, ago=DELAY_S + 30)
    publish()
    early = connect(cast.bob)
    for sub, topic in (("a", "assets"), ("p", "positions")):
        early.subscribe(sub, topic)
    rename(asset, "Tug 2")
    sail(asset, 10.5)
    offset = publish()
    late = connect(cast.bob)
    for sub, topic in (("a", "assets"), ("p", "positions")):
        late.subscribe(sub, topic)
    wait_for_the_hub_to_read(offset)
    let_pass(DELAY_S)
    for client in (early, late):
        client.catch_up("a", offset)
        client.wait(lambda frame: frame.get("reason") == "moved")
        assert named(client) == {str(asset.pk): "Tug 2"}
        assert places(client) == {str(asset.pk): [10.5, 50.0]}
