"""What the clock finds: silence, dwells and the ends of zones."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks

from apps.access.types import SYSTEM
from apps.assets.services import update_asset
from apps.core.types import TimeWindow
from apps.events.models import Event
from apps.tracking.models import Presence, Stay
from apps.tracking.services import clock, look_at_presences
from apps.zones.services import delete_zone, update_zone
from tests.factories.assets import make_asset
from tests.factories.core import NOON, after
from tests.factories.tracking import FAR_AWAY, IN_SQUARE, follow, ingest, report
from tests.factories.zones import make_zone

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "_seen", clock._Seen())


@pytest.fixture
def tick(django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks) -> Callable[[float], int]:
    def run(minutes: float) -> int:
        with django_capture_on_commit_callbacks(execute=True):
            return look_at_presences(after(minutes=minutes))

    return run


def found() -> list[tuple[str, str, str]]:
    rows = Event.objects.filter(noun="positions").order_by("seq").values_list("data", "occurred_at")
    return [
        (data["object"]["properties"]["finding"], data["object"]["properties"]["effective_at"][11:16], f"{at:%H:%M}")
        for data, at in rows
    ]


def test_an_asset_is_online_then_late_then_lost(tick) -> None:
    ingest(report(make_asset()))
    seen = []
    for minutes in (4, 5, 14, 15, 60):
        tick(minutes)
        seen.append(Presence.objects.values_list("connectivity", "due_at").get())
    assert seen == [
        ("online", after(minutes=5)),
        ("late", after(minutes=15)),
        ("late", after(minutes=15)),
        ("lost", None),
        ("lost", None),
    ]
    assert found() == [("lost_contact", "12:15", "12:15")]


def test_a_clock_that_slept_tells_when_it_was_true(tick) -> None:
    ingest(report(make_asset()))
    assert (tick(90), tick(91)) == (1, 0)
    assert found() == [("lost_contact", "12:15", "13:30")]


def test_a_fix_in_time_keeps_contact(tick) -> None:
    asset = make_asset()
    for minutes in (0, 4, 8, 12, 16):
        ingest(report(asset, minutes))
        tick(minutes + 1)
    assert (found(), Presence.objects.get().connectivity) == ([], "online")


def test_the_clock_finds_a_dwell(tick) -> None:
    asset, _ = make_asset(), make_zone(dwell_after=timedelta(minutes=3))
    follow(asset, [(0, FAR_AWAY), (1, IN_SQUARE)])
    assert Presence.objects.get().due_at == after(minutes=4)
    tick(4)
    tick(4.5)
    assert found() == [("entered", "12:01", "12:01"), ("dwelt", "12:04", "12:04")]
    assert Stay.objects.values_list("entered_at", "left_at", "dwelt_at").get() == (
        after(minutes=1),
        None,
        after(minutes=4),
    )
    ingest(report(asset, 4.9))
    assert found()[2:] == [("left", "12:04", "12:04")]


def test_the_clock_finds_that_a_zone_has_ended_around_somebody(tick) -> None:
    asset = make_asset()
    make_zone(validity=TimeWindow(start=None, end=after(minutes=2)))
    ingest(report(asset, 0, IN_SQUARE))
    tick(3)
    assert found() == [("entered", "12:00", "12:00"), ("left", "12:02", "12:03")]
    assert Presence.objects.get().zone_ids == []
    assert Stay.objects.values_list("left_at", flat=True).get() == after(minutes=2)


def test_a_zone_that_is_deleted_is_left_by_name(tick) -> None:
    asset, zone = make_asset(), make_zone("Anchorage")
    ingest(report(asset, 0, IN_SQUARE))
    tick(0.1)
    delete_zone(zone.pk, actor=SYSTEM, at=after(1))
    tick(1)
    assert found() == [("entered", "12:00", "12:00"), ("left", "12:01", "12:01")]
    assert Event.objects.filter(noun="positions").latest("seq").data["object"]["properties"]["zone"] == "Anchorage"


def test_a_zone_that_now_dwells_sooner_is_looked_at_sooner(tick) -> None:
    asset, zone = make_asset(), make_zone(dwell_after=timedelta(hours=1))
    ingest(report(asset, 0, IN_SQUARE))
    tick(0.1)
    update_zone(zone.pk, dwell_after=timedelta(minutes=1), actor=SYSTEM, at=after(minutes=2))
    tick(2)
    assert found() == [("entered", "12:00", "12:00"), ("dwelt", "12:01", "12:02")]


def test_what_changed_while_no_clock_ran_is_not_missed(tick) -> None:
    asset, zone = make_asset(), make_zone()
    ingest(report(asset, 0, IN_SQUARE))
    delete_zone(zone.pk, actor=SYSTEM, at=after(1))
    assert tick(1) == 1
    assert Presence.objects.get().zone_ids == []


def test_zones_that_did_not_change_make_nobody_due(tick) -> None:
    ingest(report(make_asset(), 0, IN_SQUARE), received_at=NOON)
    make_zone()
    assert [tick(1), tick(2)] == [0, 0]


def test_nobody_misses_an_asset_out_of_service(tick) -> None:
    asset, _ = make_asset(), make_zone()
    ingest(report(asset, 0, IN_SQUARE))
    update_asset(asset.pk, is_active=False, actor=SYSTEM, at=after(1))
    tick(30)
    assert found() == [("entered", "12:00", "12:00"), ("left", "12:30", "12:30")]
    assert Presence.objects.values_list("connectivity", "zone_ids", "due_at").get() == ("lost", [], None)


def test_more_are_due_than_fit_one_batch(tick, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "BATCH", 2)
    ingest(*(report(make_asset()) for _ in range(5)))
    assert tick(5) == 5
    assert set(Presence.objects.values_list("connectivity", flat=True)) == {"late"}
