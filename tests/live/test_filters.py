"""Filters of subscriptions: what passes is told, what passes no more is removed, and equal ones are decided once."""

from __future__ import annotations

import pytest

from apps.access.types import SYSTEM
from apps.events.registry import topics
from apps.filters import registry
from apps.filters.queries import parse
from apps.filters.registry import queryables_of
from apps.live.hub.audience import AudienceKey
from apps.live.queries import read_filter
from apps.live.types import View
from apps.zones.services import update_zone
from tests.factories.access import Cast, make_cast
from tests.factories.assets import make_asset
from tests.factories.core import after
from tests.factories.tracking import ingest, report
from tests.factories.zones import make_zone, square

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    return make_cast()


def _changes(client) -> list[tuple[str, str, str]]:
    events = (frame for frame in client.log if frame["type"] == "event")
    return [(frame["change"], frame["id"], frame["reason"]) for frame in events]


def test_an_object_is_told_while_it_passes(cast, connect, publish) -> None:
    pier = make_zone("Pier 9", organisation=cast.harbour)
    basin = make_zone("Basin", organisation=cast.harbour)
    publish()
    bob = connect(cast.bob)
    bob.subscribe("z", "zones", filter="name LIKE 'Pier%' AND is_active")
    assert set(bob.pictures["z"]) == {str(pier.pk)}

    update_zone(basin.pk, name="Pier 10", actor=SYSTEM, at=after(1))
    update_zone(pier.pk, is_active=False, actor=SYSTEM, at=after(2))
    update_zone(pier.pk, description="unseen", actor=SYSTEM, at=after(3))
    bob.catch_up("z", publish())

    assert _changes(bob) == [("upsert", str(basin.pk), "entered"), ("remove", str(pier.pk), "left")]
    assert set(bob.pictures["z"]) == {str(basin.pk)}
    assert "unseen" not in str(bob.log)


def test_another_filter_brings_the_difference_only(cast, connect, publish) -> None:
    near = make_zone("Near", organisation=cast.harbour)
    far = make_zone("Far", area=square(50, 50), organisation=cast.harbour)
    publish()
    bob = connect(cast.bob)
    bob.subscribe("z", "zones", filter={"op": "=", "args": [{"property": "name"}, "Near"]})

    answer = bob.ask("update", sub="z", filter="S_INTERSECTS(geometry, BBOX(40, 40, 60, 60))")
    assert answer["type"] == "updated"
    assert sorted(_changes(bob)) == [("remove", str(near.pk), "filter"), ("upsert", str(far.pk), "filter")]

    bob.ask("update", sub="z", filter=None)
    assert set(bob.pictures["z"]) == {str(near.pk), str(far.pk)}


def test_positions_pass_by_what_they_say(cast, connect, publish) -> None:
    tug = make_asset("Tug", organisation=cast.harbour)
    ferry = make_asset("Ferry", organisation=cast.harbour)
    ingest(report(tug, 0, (1.0, 1.0), speed_mps=1.0), report(ferry, 0, (2.0, 2.0), speed_mps=9.0))
    publish()
    bob = connect(cast.bob)
    bob.subscribe("p", "positions", filter="speed_mps > 5")
    assert set(bob.pictures["p"]) == {str(ferry.pk)}

    ingest(report(tug, 1, (1.1, 1.0), speed_mps=8.0), report(ferry, 1, (2.1, 2.0), speed_mps=0.0))
    told = [bob.wait(lambda frame: frame["type"] == "event") for _ in range(2)]

    assert sorted((frame["change"], frame["id"], frame["reason"]) for frame in told) == [
        ("remove", str(ferry.pk), "left"),
        ("upsert", str(tug.pk), "entered"),
    ]


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("nonsense = 1", "unknown_property"),
        ("name = ", "syntax"),
        ("recorded_at IS NULL", "not_live"),
        ("active_at(now())", "not_live"),
        ({"op": "="}, "arguments"),
        ("${user.id} = name", "unknown_variable"),
    ],
    ids=["unknown", "syntax", "not-in-features", "clock", "json", "variable"],
)
def test_a_filter_that_cannot_be_is_an_error_of_its_frame(cast, connect, source, code) -> None:
    bob = connect(cast.bob)

    answer = bob.subscribe("z", "zones", filter=source)

    (error,) = answer["problem"]["errors"]
    assert (answer["type"], answer["problem"]["status"], error["code"]) == ("error", 400, code)
    assert error["pointer"].startswith("/filter")
    assert bob.subscribe("z", "zones", filter="TRUE")["type"] == "subscribed"


def test_a_cursor_does_not_outlive_its_filter(cast, connect, publish) -> None:
    make_zone("Pier 9", organisation=cast.harbour)
    publish()
    bob = connect(cast.bob)
    first = bob.subscribe("z", "zones", filter="name = 'Pier 9'")
    bob.ask("unsubscribe", sub="z")
    cursor = {"epoch": first["epoch"], "offset": first["offset"], "view": first["view"]}

    same = bob.ask("subscribe", sub="z", topic="zones", filter="(name) = 'Pier 9'", resume=cursor)
    assert (same["recovered"], same["view"]) == (True, first["view"])
    bob.ask("unsubscribe", sub="z")
    other = bob.ask("subscribe", sub="z", topic="zones", filter="name = 'Pier 10'", resume=cursor)
    assert other["recovered"] is False


def test_what_is_hidden_cannot_be_asked(cast, connect, publish, monkeypatch) -> None:
    make_zone("Pier 9", organisation=cast.harbour)
    publish()
    monkeypatch.setattr(registry._Hiding, "hidden", staticmethod(lambda asker, noun: {"name"}))
    bob = connect(cast.bob)
    bob.send("subscribe", sub="z", topic="zones", filter="name = 'Pier 9'")

    problem = bob.wait(lambda frame: frame["type"] == "error")["problem"]
    assert problem["errors"][0]["code"] == "unknown_property"
    assert "Pier" not in str([frame for frame in bob.log if frame["type"] == "snapshot"])


def test_filters_that_mean_the_same_share_an_audience() -> None:
    zones = topics.get("zones")
    keys = {
        AudienceKey(View(topic="zones", filter=read_filter(source, zones)), "reach")
        for source in ("name='a' and is_active", "(name = 'a') AND (is_active)")
    }
    other = AudienceKey(View(topic="zones", filter=parse("name = 'b'", queryables=queryables_of("zones"))), "reach")

    assert len(keys) == 1
    assert other not in keys
    assert len({str(key) for key in (*keys, other)}) == 2
