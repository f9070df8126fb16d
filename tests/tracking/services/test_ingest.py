"""The spine in the database: stored once, found, told, and set aside."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from apps.access.types import SYSTEM
from apps.assets.models import Asset
from apps.assets.services import update_asset
from apps.core.types import Datum, Invalid, TimeWindow
from apps.events.models import Event
from apps.tracking.models import Position, Presence, Quarantine, Stay
from apps.tracking.types import Connectivity, IngestResult, Quarantined, Refused, Report
from tests.factories.access import make_organisation
from tests.factories.assets import make_asset, make_asset_kind
from tests.factories.core import NOON, after
from tests.factories.tracking import FAR_AWAY, IN_SQUARE, follow, ingest, make_fix, report, source_id
from tests.factories.zones import make_zone, square

pytestmark = pytest.mark.django_db

PRESENCE = ("fixed_at", "lon", "lat", "connectivity", "zone_ids", "due_at")


def found() -> list[tuple[str, str | None, str | None]]:
    """Return what was told: type, instant, and what it was before if it is a correction."""
    rows = Event.objects.filter(noun="positions").order_by("seq").values_list("type", "data")
    return [(kind.split(".")[2], _instant(data["object"]), _instant(data["previous"])) for kind, data in rows]


def _instant(shown: dict[str, Any] | None) -> str | None:
    return None if shown is None else f"{shown['properties']['finding']} {shown['properties']['effective_at'][11:16]}"


def stays() -> list[tuple[Any, ...]]:
    return [(stay.entered_at, stay.left_at, stay.dwelt_at) for stay in Stay.objects.order_by("zone_id", "entered_at")]


def test_a_first_fix_is_stored_whole_and_makes_a_presence() -> None:
    asset = make_asset(identifiers=[("mmsi", "367000001")])
    fix = make_fix(
        altitude_m=12.5,
        altitude_datum=Datum.AMSL,
        speed_mps=5.25,
        course_deg=90.0,
        heading_deg=91.0,
        accuracy_m=3.0,
        attributes={"battery_pct": 80},
    )
    assert ingest(Report("MMSI:367000001", fix), received_at=after(1)) == IngestResult(stored=1, duplicate=0)
    assert list(Position.objects.values()) == [
        {
            "asset_id": asset.pk,
            "fixed_at": NOON,
            "source_id": source_id("api"),
            "received_at": after(1),
            "lon": 10.0,
            "lat": 50.0,
            "altitude_m": 12.5,
            "altitude_datum": "AMSL",
            "speed_mps": 5.25,
            "course_deg": 90.0,
            "heading_deg": 91.0,
            "accuracy_m": 3.0,
            "attributes": {"battery_pct": 80},
        }
    ]
    assert Presence.objects.values(*PRESENCE, "altitude_m", "attributes", "source_id").get() == {
        "fixed_at": NOON,
        "lon": 10.0,
        "lat": 50.0,
        "altitude_m": 12.5,
        "attributes": {"battery_pct": 80},
        "source_id": source_id("api"),
        "connectivity": "online",
        "zone_ids": [],
        "due_at": after(minutes=5),
    }


def test_sending_twice_has_the_effect_of_once() -> None:
    asset, _ = make_asset(), make_zone()
    batch = [report(asset, 0, IN_SQUARE), report(asset, 1, IN_SQUARE), report(asset, 2)]
    first, told = ingest(*batch), found()
    assert (first, ingest(*batch), ingest(*batch[::-1])) == (
        IngestResult(stored=3, duplicate=0),
        IngestResult(stored=0, duplicate=3),
        IngestResult(stored=0, duplicate=3),
    )
    assert (Position.objects.count(), found()) == (3, told)


def test_a_fix_that_its_presence_does_not_know_is_stored_once() -> None:
    asset = make_asset()
    ingest(report(asset, 5))
    # As after a mistake of ours, or a half-restored backup.
    Presence.objects.filter(asset=asset).update(fixed_at=after(minutes=1))
    assert ingest(report(asset, 5), report(asset, 6)) == IngestResult(stored=1, duplicate=1)
    assert Position.objects.filter(asset_id=asset.pk).count() == 2


def test_the_same_fix_twice_in_one_batch_is_one_fix() -> None:
    asset = make_asset()
    assert ingest(report(asset), report(asset), report(asset, 1)) == IngestResult(stored=2, duplicate=1)


def test_two_sources_may_tell_of_one_instant_and_the_first_counts() -> None:
    asset = make_asset()
    ingest(report(asset, 0, (1.0, 50.0)), source="ais")
    ingest(report(asset, 0, (2.0, 50.0)), source="api")
    assert (Position.objects.count(), Presence.objects.get().lon) == (2, 1.0)


def test_in_any_order_within_a_batch_the_latest_is_where_it_is() -> None:
    asset = make_asset()
    ingest(report(asset, 2, (2.0, 50.0)), report(asset, 3, (3.0, 50.0)), report(asset, 1, (1.0, 50.0)))
    assert Presence.objects.values_list("fixed_at", "lon").get() == (after(minutes=3), 3.0)


def test_entering_staying_and_leaving_are_found_once_each() -> None:
    asset, zone = make_asset(), make_zone(dwell_after=timedelta(minutes=4))
    follow(asset, [(0, FAR_AWAY), (1, IN_SQUARE), (3, IN_SQUARE), (6, IN_SQUARE), (8, FAR_AWAY)])
    assert found() == [("entered", "entered 12:01", None), ("dwelt", "dwelt 12:05", None), ("left", "left 12:08", None)]
    assert stays() == [(after(minutes=1), after(minutes=8), after(minutes=5))]
    assert Presence.objects.get().zone_ids == []
    assert Event.objects.filter(type="watchfloor.finding.entered.v1").values_list("also", "object_id").get() == (
        [["zones", str(zone.pk), str(zone.organisation_id)]],
        asset.pk,
    )


def test_one_batch_finds_what_fix_by_fix_would() -> None:
    track = [(0, FAR_AWAY), (1, IN_SQUARE), (3, IN_SQUARE), (6, IN_SQUARE), (8, FAR_AWAY), (9, IN_SQUARE)]
    make_zone(dwell_after=timedelta(minutes=4))
    one, other = make_asset(), make_asset()
    follow(one, track)
    ingest(*(report(other, minutes, place) for minutes, place in reversed(track)))
    told = {
        asset.pk: sorted(
            map(
                str,
                Event.objects.filter(noun="positions", object_id=asset.pk).values_list(
                    "type", "data__object__properties__effective_at"
                ),
            )
        )
        for asset in (one, other)
    }
    assert told[one.pk] == told[other.pk]
    assert len(told[one.pk]) == 4
    columns = ("entered_at", "left_at", "dwelt_at")
    assert [*Stay.objects.filter(asset_id=one.pk).order_by("entered_at").values_list(*columns)] == [
        *Stay.objects.filter(asset_id=other.pk).order_by("entered_at").values_list(*columns)
    ]


def test_a_late_fix_goes_into_history_and_never_moves_the_present() -> None:
    asset = make_asset()
    follow(asset, [(0, FAR_AWAY), (10, (3.0, 50.0))])
    before = Presence.objects.values().get()
    assert ingest(report(asset, 5, (2.0, 50.0)), received_at=after(minutes=11)) == IngestResult(stored=1, duplicate=0)
    assert (Presence.objects.values().get(), Position.objects.count()) == (before, 3)


def test_a_late_fix_finds_the_visit_that_was_missed() -> None:
    asset, _ = make_asset(), make_zone()
    follow(asset, [(0, FAR_AWAY), (10, FAR_AWAY)])
    ingest(report(asset, 5, IN_SQUARE), received_at=after(minutes=11))
    assert found() == [("entered", "entered 12:05", None), ("left", "left 12:10", None)]
    assert stays() == [(after(minutes=5), after(minutes=10), None)]


def test_a_late_fix_corrects_when_something_happened() -> None:
    asset, zone = make_asset(), make_zone()
    follow(asset, [(0, FAR_AWAY), (10, IN_SQUARE)])
    ingest(report(asset, 5, IN_SQUARE), received_at=after(minutes=11))
    assert found() == [("entered", "entered 12:10", None), ("corrected", "entered 12:05", "entered 12:10")]
    assert stays() == [(after(minutes=5), None, None)]
    presence = Presence.objects.get()
    assert (presence.zone_ids, presence.zone_since) == ([zone.pk], [after(minutes=5)])


def test_late_fixes_may_show_that_one_stay_was_two() -> None:
    asset, _ = make_asset(), make_zone()
    follow(asset, [(0, IN_SQUARE), (10, IN_SQUARE)])
    ingest(report(asset, 4), report(asset, 6), received_at=after(minutes=11))
    assert found() == [
        ("entered", "entered 12:00", None),
        ("left", "left 12:04", None),
        ("entered", "entered 12:10", None),
    ]
    assert stays() == [(NOON, after(minutes=4), None), (after(minutes=10), None, None)]


def test_late_and_fresh_fixes_in_one_batch_find_what_the_right_order_would() -> None:
    asset, _ = make_asset(), make_zone()
    follow(asset, [(0, FAR_AWAY), (10, IN_SQUARE)])
    ingest(report(asset, 12), report(asset, 5, IN_SQUARE), report(asset, 11, IN_SQUARE))
    assert stays() == [(after(minutes=5), after(minutes=12), None)]
    assert sorted(found()) == [
        ("corrected", "entered 12:05", "entered 12:10"),
        ("entered", "entered 12:10", None),
        ("left", "left 12:12", None),
    ]


def test_a_late_fix_sent_again_corrects_nothing_again() -> None:
    asset, _ = make_asset(), make_zone()
    follow(asset, [(0, FAR_AWAY), (10, FAR_AWAY)])
    late = report(asset, 5, IN_SQUARE)
    ingest(late, received_at=after(minutes=11))
    told = found()
    assert ingest(late, received_at=after(minutes=12)) == IngestResult(stored=0, duplicate=1)
    assert found() == told


def test_a_late_fix_of_a_known_instant_from_another_source_is_history_only() -> None:
    asset, _ = make_asset(), make_zone()
    follow(asset, [(0, FAR_AWAY), (5, FAR_AWAY), (10, FAR_AWAY)])
    assert ingest(report(asset, 5, IN_SQUARE), source="ais", received_at=after(minutes=11)).stored == 1
    assert (found(), stays()) == ([], [])


def test_a_zone_is_no_longer_counted_after_its_validity() -> None:
    asset, _ = make_asset(), make_zone(validity=TimeWindow(start=None, end=after(minutes=5)))
    follow(asset, [(0, IN_SQUARE), (9, IN_SQUARE)])
    assert found() == [("entered", "entered 12:00", None), ("left", "left 12:05", None)]


def test_the_future_is_quarantined_and_stops_nothing() -> None:
    asset = make_asset()
    result = ingest(report(asset, 5.1), report(asset, 5), received_at=NOON)
    detail = "The fix is from the future: the clock of the sender is wrong."
    assert result == IngestResult(
        stored=1, duplicate=0, quarantined=(Quarantined(index=0, code="future", detail=detail),)
    )
    row = Quarantine.objects.get()
    assert (row.code, row.reference, row.organisation_id, row.received_at) == (
        "future",
        str(asset.pk),
        asset.organisation_id,
        NOON,
    )


def test_what_repeats_itself_for_ever_fills_one_row() -> None:
    refused = Refused(code="no_position", detail="None.", asset="mmsi:1", payload="{}")
    for minutes in range(3):
        assert len(ingest(refused, received_at=after(minutes=minutes)).quarantined) == 1
    assert Quarantine.objects.values_list("code", "reference", "payload", "received_at").get() == (
        "no_position",
        "mmsi:1",
        "{}",
        NOON,
    )


@pytest.mark.parametrize(
    "name", ["mmsi:999999999", "", "nothing", ":", "a\0b:c", "019c0000-0000-7000-8000-000000000000", "x" * 200]
)
def test_an_asset_that_nobody_knows_is_quarantined(name: str) -> None:
    result = ingest(Report(name, make_fix()))
    assert [each.code for each in result.quarantined] == ["unknown_asset"]
    assert not Position.objects.exists()


def test_an_asset_out_of_service_may_not_report() -> None:
    asset = make_asset(is_active=False)
    assert [each.code for each in ingest(report(asset)).quarantined] == ["inactive_asset"]


def test_a_source_that_nobody_registered_is_refused() -> None:
    with pytest.raises(Invalid) as caught:
        ingest(report(make_asset()), source="nowhere")
    assert caught.value.code == "unknown_source"
    assert not Position.objects.exists()


def test_nothing_sent_changes_nothing() -> None:
    assert ingest() == IngestResult(stored=0, duplicate=0)


def test_an_asset_first_heard_of_long_ago_is_lost_without_ado() -> None:
    asset = make_asset()
    ingest(report(asset), received_at=after(minutes=60))
    assert Presence.objects.values_list("connectivity", "due_at").get() == (Connectivity.LOST, None)
    assert found() == []


def test_contact_is_regained_by_a_fresh_fix() -> None:
    asset = make_asset(kind=make_asset_kind())
    ingest(report(asset), received_at=after(minutes=60))
    ingest(report(asset, 61))
    assert found() == [("regained_contact", "regained_contact 13:01", None)]
    assert Presence.objects.values_list("connectivity", "due_at").get() == ("online", after(minutes=66))


def test_an_asset_that_changed_hands_is_told_of_under_its_new_owner() -> None:
    asset, _ = make_asset(), make_zone()
    owner = make_organisation()
    update_asset(asset.pk, organisation=owner, actor=SYSTEM, at=NOON)
    ingest(report(asset, 0, IN_SQUARE))
    assert Event.objects.get(noun="positions").organisation_id == owner.pk


def test_findings_are_told_with_what_they_speak_of() -> None:
    asset, zone = make_asset("Tug 7"), make_zone("Anchorage")
    ingest(report(asset, 0, IN_SQUARE))
    event = Event.objects.get(noun="positions")
    assert event.data == {
        "change": "found",
        "object": {
            "id": str(asset.pk),
            "organisation_id": str(asset.organisation_id),
            "version": 0,
            "geometry": {"type": "Point", "coordinates": [0.5, 0.5]},
            "properties": {
                "finding": "entered",
                "asset": "Tug 7",
                "zone_id": str(zone.pk),
                "zone": "Anchorage",
                "operation_id": None,
                "operation": None,
                "effective_at": "2026-06-30T12:00:00Z",
                "since": None,
            },
        },
        "previous": None,
        "lifecycle": None,
    }


@pytest.mark.parametrize("seed", range(12))
def test_in_whatever_order_and_batches_fixes_arrive_the_same_is_known_in_the_end(seed: int) -> None:
    dice = random.Random(seed)
    make_zone(dwell_after=timedelta(minutes=3))
    make_zone(area=square(0.4, 0.4), validity=TimeWindow(start=None, end=after(minutes=15)))
    track = [
        (minutes, dice.choice([FAR_AWAY, IN_SQUARE, (0.2, 0.2)])) for minutes in sorted(dice.sample(range(25), 14))
    ]
    one, other = make_asset(), make_asset()
    for asset, sent in ((one, track), (other, dice.sample(track, len(track)) + dice.sample(track, 4))):
        waiting = list(sent)
        while waiting:
            size = len(sent) if asset is one else dice.randint(1, 6)
            batch, waiting = waiting[:size], waiting[size:]
            ingest(*(report(asset, minutes, place) for minutes, place in batch), received_at=after(minutes=26))
    columns = ("zone_id", "entered_at", "left_at", "dwelt_at")
    known = [
        (
            list(Stay.objects.filter(asset_id=asset.pk).order_by(*columns[:2]).values_list(*columns)),
            Presence.objects.values_list("fixed_at", "lon", "zone_ids", "zone_since", "zone_dwelt").get(asset=asset),
            net_facts(asset),
        )
        for asset in (one, other)
    ]
    assert known[0] == known[1]


def net_facts(asset: Asset) -> list[str]:
    """Return what stands of all that was told of an asset and zones, corrections taken into account.

    Contact is left out: it is about when something was heard, which is another matter in another order.
    """
    standing: Counter[str] = Counter()
    for data in Event.objects.filter(noun="positions", object_id=asset.pk).values_list("data", flat=True):
        for side, count in (("object", 1), ("previous", -1)):
            if data[side] and data[side]["properties"]["zone_id"]:
                said = data[side]["properties"]
                standing[f"{said['zone']} {said['finding']} {said['effective_at']} {said['since']}"] += count
    return sorted(standing.elements())
