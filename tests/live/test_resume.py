"""Coming back: all that was missed, or a gap and a snapshot; never a part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from apps.access import services as access
from apps.access.models import User
from apps.access.types import SYSTEM
from apps.assets.models import Asset
from apps.assets.services import delete_asset, update_asset
from apps.core import clock
from apps.events.services import begin_epoch, forget_before, relay
from apps.events.types import Change, NewEvent
from tests.factories.access import Cast, make_cast
from tests.factories.assets import make_asset
from tests.factories.core import after
from tests.factories.events import publish as publish_events

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    return make_cast()


@pytest.fixture
def assets(cast: Cast):
    return [make_asset(f"Tug {number}", organisation=cast.harbour) for number in range(3)]


@dataclass
class Gone:
    """Somebody who followed and has left: where they stood and what they hold."""

    user: User
    cursor: dict[str, Any]
    held: dict[str, Any]


@pytest.fixture
def gone(cast, assets, connect, publish) -> Gone:
    publish()
    with connect(cast.bob) as client:
        client.subscribe("a", "assets")
        return Gone(cast.bob, client.resume("a"), dict(client.pictures["a"]))


def test_what_was_missed_comes_without_a_snapshot(cast, assets, gone, connect, publish) -> None:
    update_asset(assets[0].pk, name="Tug X", actor=SYSTEM, at=after(1))
    update_asset(assets[1].pk, name="Of others now", organisation=cast.elsewhere, actor=SYSTEM, at=after(1))
    delete_asset(assets[2].pk, actor=SYSTEM, at=after(1))
    stranger = make_asset("Secret", organisation=cast.elsewhere)
    update_asset(stranger.pk, name="More secret", actor=SYSTEM, at=after(2))
    new = make_asset("Tug 9", organisation=cast.harbour)
    offset = publish()

    bob = connect(cast.bob)
    bob.pictures["a"] = gone.held
    answer = bob.subscribe("a", "assets", resume=gone.cursor)
    assert (answer["recovered"], answer["offset"], answer["view"]) == (True, gone.cursor["offset"], gone.cursor["view"])
    bob.catch_up("a", offset)
    assert {id_: each["properties"]["name"] for id_, each in bob.pictures["a"].items()} == {
        str(assets[0].pk): "Tug X",
        str(new.pk): "Tug 9",
    }
    assert [frame["type"] for frame in bob.log if frame["type"] in ("snapshot", "gap")] == []
    for secret in ("ecret", "Of others", str(stranger.pk)):
        assert secret not in str(bob.log)


@pytest.mark.parametrize("how", ["resumed", "fresh"])
def test_what_the_hub_has_not_read_yet_is_told_once_and_in_order(
    cast, assets, gone, connect, publish, *, set_limits, monkeypatch, how
) -> None:
    set_limits(access_poll_s=300, poll_s=300, poll_without_doorbell_s=300, access_blind_s=300)
    found = {"noun": "assets", "organisation_id": cast.harbour.pk, "change": Change.FOUND, "object": {}}
    bob = connect(cast.bob)
    assert bob.ask("ping")["type"] == "pong"
    with monkeypatch.context() as silent:
        silent.setattr("apps.core.redis.broadcast", lambda *_: None)
        update_asset(assets[0].pk, name="Tug X", actor=SYSTEM, at=after(1))
        publish_events(NewEvent(type="watchfloor.asset.updated.v1", object_id=assets[0].pk, **found))
        publish()
    answer = bob.subscribe("a", "assets", resume=gone.cursor if how == "resumed" else None)
    assert answer["recovered"] is (how == "resumed")
    update_asset(assets[1].pk, name="Tug Y", actor=SYSTEM, at=after(2))
    offset = publish()
    bob.catch_up("a", offset)
    bob.read_for(0.3)
    told = [frame["offset"] for frame in bob.log if frame["type"] == "event"]
    assert told == list(range((gone.cursor if how == "resumed" else answer)["offset"] + 1, offset + 1))


@pytest.mark.parametrize("others", [False, True], ids=["alone", "beside somebody who begins"])
def test_what_has_no_number_yet_when_one_comes_back_is_told_all_the_same(
    cast, assets, gone, connect, publish, *, others
) -> None:
    """A snapshot shows it already. Whoever is not shown that must hear of it when it gets its number."""
    bob, alice = connect(cast.bob), connect(cast.bob)
    update_asset(assets[0].pk, name="Tug X", actor=SYSTEM, at=after(1))
    delete_asset(assets[2].pk, actor=SYSTEM, at=after(1))
    bob.pictures["a"] = gone.held
    bob.send("subscribe", sub="a", topic="assets", resume=gone.cursor)
    bob.ask("ping")
    if others:
        alice.subscribe("a", "assets")
        assert {each["properties"]["name"] for each in alice.pictures["a"].values()} == {"Tug X", "Tug 1"}
    alice.subscribe("z", "zones")  # read after what bob waits for
    offset = publish()
    assert bob.wait(lambda frame: frame["type"] == "subscribed")["recovered"] is True
    bob.catch_up("a", offset)
    assert {id_: each["properties"]["name"] for id_, each in bob.pictures["a"].items()} == {
        str(assets[0].pk): "Tug X",
        str(assets[1].pk): "Tug 1",
    }
    told = [frame["offset"] for frame in bob.log if frame["type"] == "event"]
    assert told == list(range(gone.cursor["offset"] + 1, offset + 1))


def test_where_nothing_gets_a_number_for_long_one_is_shown_everything_anew(cast, assets, gone, connect, set_limits):
    set_limits(catch_up_s=0.1)
    update_asset(assets[0].pk, name="Tug X", actor=SYSTEM, at=after(1))
    bob = connect(cast.bob)
    assert bob.subscribe("a", "assets", resume=gone.cursor)["recovered"] is False
    assert bob.wait(lambda frame: frame["type"] == "gap")["reason"] == "too_old"
    assert bob.pictures["a"][str(assets[0].pk)]["properties"]["name"] == "Tug X"


def test_it_goes_on_after_what_was_missed(cast, assets, gone, connect, publish) -> None:
    bob = connect(cast.bob)
    bob.pictures["a"] = gone.held
    assert bob.subscribe("a", "assets", resume=gone.cursor)["recovered"] is True
    update_asset(assets[0].pk, name="Tug X", actor=SYSTEM, at=after(1))
    assert bob.catch_up("a", publish())[str(assets[0].pk)]["properties"]["name"] == "Tug X"


def rename(asset: Asset) -> None:
    """Write three events to the log."""
    for number in range(3):
        update_asset(asset.pk, name=f"Renamed {number}", actor=SYSTEM, at=after(number))
    relay(clock.now())


def see_more(gone: Gone, asset: Asset) -> None:
    access.grant_access(make_asset(), "assets.view", to=gone.user, actor=SYSTEM, at=after(1))


def begin_another_log(gone: Gone, asset: Asset) -> None:
    begin_epoch()


def forget(gone: Gone, asset: Asset) -> None:
    rename(asset)
    forget_before(clock.now())


def be_ahead(gone: Gone, asset: Asset) -> None:
    gone.cursor["offset"] += 1000


def ask_for_another_box(gone: Gone, asset: Asset) -> None:
    gone.cursor["view"] = uuid4().hex


@pytest.mark.parametrize(
    ("meanwhile", "reason"),
    [
        (see_more, "view_changed"),
        (ask_for_another_box, "view_changed"),
        (begin_another_log, "epoch_changed"),
        (forget, "too_old"),
        (be_ahead, "log_ahead"),
    ],
)
def test_what_cannot_be_recovered_whole_is_not_recovered(gone, assets, connect, meanwhile, reason) -> None:
    meanwhile(gone, assets[0])
    bob = connect(gone.user)
    assert bob.subscribe("a", "assets", resume=gone.cursor)["recovered"] is False
    kinds = [frame["type"] for frame in bob.log if frame["type"] in ("subscribed", "gap", "snapshot")]
    assert kinds == ["subscribed", "gap", "snapshot"]
    gap = next(frame for frame in bob.log if frame["type"] == "gap")
    assert (gap["sub"], gap["reason"], gap["action"]) == ("a", reason, "resync")
    assert {str(asset.pk) for asset in assets} <= set(bob.pictures["a"])


def test_too_much_between_is_a_gap(assets, gone, connect, set_limits) -> None:
    set_limits(replay_events=2)
    rename(assets[0])
    bob = connect(gone.user)
    assert bob.subscribe("a", "assets", resume=gone.cursor)["recovered"] is False
    assert [frame["reason"] for frame in bob.log if frame["type"] == "gap"] == ["too_old"]


def test_another_log_begins_while_we_follow(cast, assets, connect, publish) -> None:
    publish()
    bob = connect(cast.bob)
    bob.subscribe("a", "assets")
    begin_epoch()
    bob.wait(lambda frame: frame["type"] == "gap" and frame["reason"] == "epoch_changed")
    bob.wait_for_snapshot("a")
    update_asset(assets[0].pk, name="Tug X", actor=SYSTEM, at=after(1))
    assert bob.catch_up("a", publish())[str(assets[0].pk)]["properties"]["name"] == "Tug X"
