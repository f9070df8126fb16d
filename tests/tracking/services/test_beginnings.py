"""Zones that come into force around assets that stand still."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks

from apps.access.types import SYSTEM
from apps.assets.services import update_asset
from apps.core.types import Datum, TimeWindow
from apps.events.models import Event
from apps.tracking.models import Presence, Stay
from apps.tracking.services import beginnings, clock, look_at_beginnings, look_at_presences
from apps.zones.services import update_zone
from apps.zones.types import AltitudeBand
from tests.factories.assets import make_asset
from tests.factories.core import after
from tests.factories.races import rival_waits_for
from tests.factories.tracking import FAR_AWAY, IN_SQUARE, ingest, report
from tests.factories.zones import make_zone, square

pytestmark = pytest.mark.django_db
AT_TWO = TimeWindow(start=after(minutes=2))


@pytest.fixture(autouse=True)
def _fresh_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "_seen", clock._Seen())
    monkeypatch.setattr(beginnings, "_seen", beginnings._Seen())


@pytest.fixture
def tick(django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks) -> Callable[[float], int]:
    def run(minutes: float) -> int:
        with django_capture_on_commit_callbacks(execute=True):
            entered = look_at_beginnings(after(minutes=minutes))
            look_at_presences(after(minutes=minutes))
        return entered

    return run


def found() -> list[tuple[str, str, str]]:
    rows = Event.objects.filter(noun="positions").order_by("seq").values_list("data", "occurred_at")
    return [
        (data["object"]["properties"]["finding"], data["object"]["properties"]["effective_at"][11:16], f"{at:%H:%M}")
        for data, at in rows
    ]


def test_who_stands_still_enters_when_the_zone_begins(tick) -> None:
    zone = make_zone(validity=AT_TWO)
    ingest(report(make_asset(), 0, IN_SQUARE))
    assert [tick(1), tick(1.99), tick(3), tick(4)] == [0, 0, 1, 0]
    assert found() == [("entered", "12:02", "12:03")]
    assert Presence.objects.values_list("zone_ids", "zone_since").get() == ([zone.pk], [after(minutes=2)])
    assert Stay.objects.values_list("entered_at", "left_at").get() == (after(minutes=2), None)


def test_the_stay_goes_on_with_the_next_fix_and_ends_with_one_outside(tick) -> None:
    asset, _ = make_asset(), make_zone(validity=AT_TWO)
    ingest(report(asset, 0, IN_SQUARE))
    tick(2)
    ingest(report(asset, 3, IN_SQUARE))
    ingest(report(asset, 4, FAR_AWAY))
    assert found() == [("entered", "12:02", "12:02"), ("left", "12:04", "12:04")]
    assert Stay.objects.values_list("entered_at", "left_at").get() == (after(minutes=2), after(minutes=4))


@pytest.mark.parametrize("place", [IN_SQUARE, FAR_AWAY], ids=["inside", "outside"])
def test_an_older_fix_that_comes_after_the_clock_changes_nothing_yet(tick, place: tuple[float, float]) -> None:
    asset, _ = make_asset(), make_zone(validity=AT_TWO)
    ingest(report(asset, 0, IN_SQUARE))
    tick(2.1)
    ingest(report(asset, 1.9, place), received_at=after(minutes=2.2))
    assert found() == [("entered", "12:02", "12:02")]
    ingest(report(asset, 3, FAR_AWAY))
    assert found()[1:] == [("left", "12:03", "12:03")]


def test_dwelling_counts_from_the_beginning(tick) -> None:
    make_zone(validity=AT_TWO, dwell_after=timedelta(minutes=3))
    ingest(report(make_asset(), 1, IN_SQUARE))
    tick(2)
    assert Presence.objects.get().due_at == after(minutes=5)
    tick(5)
    assert found() == [("entered", "12:02", "12:02"), ("dwelt", "12:05", "12:05")]


def test_a_clock_that_slept_through_a_whole_zone_tells_of_both_ends(tick) -> None:
    make_zone(validity=TimeWindow(start=after(minutes=2), end=after(minutes=3)))
    ingest(report(make_asset(), 0, IN_SQUARE))
    tick(4)
    assert found() == [("entered", "12:02", "12:04"), ("left", "12:03", "12:04")]


def test_a_zone_that_is_saved_just_after_its_beginning_is_not_missed(tick) -> None:
    ingest(report(make_asset(), 0, IN_SQUARE))
    tick(2.2)
    make_zone(validity=AT_TWO)
    assert tick(2.3) == 1
    assert found() == [("entered", "12:02", "12:02")]


def test_a_beginning_that_is_moved_is_seen_where_it_is_now(tick) -> None:
    zone = make_zone(validity=TimeWindow(start=after(hours=9)))
    ingest(report(make_asset(), 0, IN_SQUARE))
    tick(1)
    update_zone(zone.pk, validity=AT_TWO, actor=SYSTEM, at=after(minutes=1))
    assert [tick(1.5), tick(2)] == [0, 1]


def retired(asset: Any) -> None:
    update_asset(asset.pk, is_active=False, actor=SYSTEM, at=after(minutes=1))


HIGH = AltitudeBand(lower_m=100, lower_datum=Datum.AMSL, upper_m=None, upper_datum=None)


@pytest.mark.parametrize(
    ("zone", "fix"),
    [
        ({}, {"place": FAR_AWAY}),
        ({"area": square(0, 0).union(square(1, 1))}, {"place": (1.5, 0.5)}),
        ({"band": HIGH}, {"altitude_m": 50.0, "altitude_datum": Datum.AMSL}),
        ({"is_active": False}, {}),
        ({"validity": TimeWindow(start=after(minutes=30))}, {}),
    ],
    ids=["elsewhere", "in the box only", "below the band", "a zone switched off", "when contact is lost"],
)
def test_nobody_enters_who_is_not_inside(tick, zone: dict[str, Any], fix: dict[str, Any]) -> None:
    make_zone(**{"validity": AT_TWO, **zone})
    ingest(report(make_asset(), 0, **{"place": IN_SQUARE, **fix}))
    assert [tick(2), tick(31)] == [0, 0]
    assert "entered" not in [finding for finding, _, _ in found()]


def test_nobody_enters_who_is_out_of_service(tick) -> None:
    asset, _ = make_asset(), make_zone(validity=AT_TWO)
    ingest(report(asset, 0, IN_SQUARE))
    retired(asset)
    assert tick(2) == 0


def test_who_was_seen_inside_by_a_fix_enters_once(tick) -> None:
    asset, _ = make_asset(), make_zone(validity=AT_TWO)
    ingest(report(asset, 0, IN_SQUARE))
    ingest(report(asset, 2.1, IN_SQUARE))
    assert tick(2.2) == 0
    assert found() == [("entered", "12:02", "12:02")]


def test_more_enter_than_fit_one_batch(tick, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beginnings, "BATCH", 2)
    make_zone(validity=AT_TWO)
    ingest(*(report(make_asset(), 0, IN_SQUARE) for _ in range(5)))
    assert tick(2) == 5


@pytest.mark.django_db(transaction=True)
def test_two_clocks_find_it_once() -> None:
    make_zone(validity=AT_TWO)
    ingest(report(make_asset(), 0, IN_SQUARE))
    second = beginnings._Seen()

    def look() -> int:
        beginnings._seen = second
        return look_at_beginnings(after(minutes=2))

    with rival_waits_for(look) as rival:
        assert look_at_beginnings(after(minutes=2)) == 1
    assert rival.outcome == 0
    assert found() == [("entered", "12:02", "12:02")]
