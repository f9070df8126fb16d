"""Conformance: whoever is outside for long enough deviates, whoever is back has recovered, by fixes or the clock."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.access.types import SYSTEM
from apps.assets.models import Asset
from apps.core.types import Datum, Fix
from apps.events.models import Event
from apps.lifecycle.models import Effect, Transition
from apps.lifecycle.services import advance_due, claim_due
from apps.operations import services
from apps.operations.models import AssignedAsset, Operation
from apps.operations.queries import conformance_of
from apps.operations.rules.shapes import footprint_of
from apps.operations.services import following
from apps.operations.types import Corridor, VolumeDraft
from apps.tracking.services import ingest
from apps.tracking.types import Report
from tests.factories.access import Cast, assign, make_cast, make_policy, make_user, signed_in, with_key
from tests.factories.assets import make_asset
from tests.factories.core import NOON, after
from tests.factories.operations import band, make_operation, make_operation_kind, submit, volume
from tests.factories.zones import square

pytestmark = pytest.mark.django_db
INSIDE, NEAR, OUTSIDE = (0.5, 0.5), (1.0003, 0.5), (1.01, 0.5)


@pytest.fixture
def tug() -> Asset:
    return make_asset("Tug 7")


def run(*assets: Asset, volumes: Any = (), **terms: Any) -> Operation:
    """Return an operation of these assets that is under way since noon, in the square for an hour unless told."""
    kind = make_operation_kind(nonconforming_after=timedelta(seconds=30), **terms)
    operation = make_operation(
        volumes=volumes or [volume(starts_at=NOON)],
        kind=kind,
        asset_ids=[each.pk for each in assets],
        organisation=assets[0].organisation,
        at=NOON - timedelta(hours=1),
    )
    operation = submit(operation, at=NOON - timedelta(hours=1))
    return services.move_operation(operation, "activate", actor=SYSTEM, at=NOON)


def see(asset: Asset, *track: tuple[float, tuple[float, float]], together: bool = False, **parts: Any) -> None:
    """Take in fixes of an asset, each so many seconds after noon at a place."""
    reports = [
        Report(str(asset.pk), Fix(fixed_at=NOON + timedelta(seconds=second), lon=lon, lat=lat, **parts))
        for second, (lon, lat) in track
    ]
    for some in [reports] if together else [[each] for each in reports]:
        ingest(some, actor=SYSTEM, source="api", received_at=some[-1].fix.fixed_at)


def history(operation: Operation) -> list[tuple[str, datetime]]:
    """Return what has become of an operation since it was begun."""
    rows = Transition.objects.filter(object_id=operation.pk, effective_at__gt=NOON).order_by("id")
    return [(row.to_state, row.effective_at) for row in rows]


def tick(at: datetime) -> None:
    """Let the clock make what is due."""
    advance_due(claim_due(100, at).fresh, at=at)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


@pytest.mark.parametrize("together", [False, True], ids=["one by one", "as one batch"])
def test_outside_for_long_enough_is_nonconforming_and_back_inside_has_recovered(tug, together) -> None:
    operation = run(tug)
    see(tug, (10, INSIDE), (20, OUTSIDE), (40, OUTSIDE), (60, OUTSIDE), (70, INSIDE), together=together)
    assert history(operation) == [("nonconforming", at(50)), ("active", at(70))]
    kept = AssignedAsset.objects.get(operation=operation)
    assert (kept.reached_at, kept.followed_at, kept.outside_since, kept.distance_m) == (at(10), at(70), None, 0.0)


def test_a_short_excursion_and_one_within_the_tolerance_are_none(tug) -> None:
    operation = run(tug, tolerance_m=50.0)
    see(tug, (10, INSIDE), (20, OUTSIDE), (45, INSIDE), (50, NEAR), (200, NEAR))
    assert history(operation) == []
    assert AssignedAsset.objects.get(operation=operation).distance_m == pytest.approx(33.4, abs=0.2)


def test_whoever_was_outside_is_back_within_the_volume_only(tug) -> None:
    operation = run(tug, tolerance_m=50.0)
    see(tug, (10, OUTSIDE), (50, NEAR), (60, NEAR))
    assert history(operation) == [("nonconforming", at(40))]
    see(tug, (70, INSIDE))
    assert history(operation)[1:] == [("active", at(70))]


def test_whoever_was_outside_of_another_plan_is_not_outside_of_this_one(tug) -> None:
    operation = run(tug)
    see(tug, (10, OUTSIDE))
    services.update_operation(operation.pk, volumes=[volume(square(size=2), starts_at=NOON)], actor=SYSTEM, at=at(20))
    assert services.move_strays(at(60)) == 0
    see(tug, (70, OUTSIDE))
    assert history(operation) == []
    assert AssignedAsset.objects.get(operation=operation).distance_m == 0.0


def test_what_is_declared_by_hand_is_taken_back_by_hand(tug) -> None:
    operation = run(tug)
    see(tug, (10, INSIDE))
    operation = services.move_operation(operation, "declare", actor=SYSTEM, at=at(20))
    see(tug, (30, INSIDE), (40, OUTSIDE), (50, INSIDE))
    assert services.move_strays(at(60)) == 0
    assert history(operation) == [("contingent", at(20))]
    services.move_operation(Operation.objects.get(), "recover", actor=SYSTEM, at=at(70))
    assert history(operation)[1:] == [("active", at(70))]


def test_whoever_is_said_to_have_recovered_has_his_time_again(tug) -> None:
    operation = run(tug)
    see(tug, (10, OUTSIDE), (40, OUTSIDE))
    services.move_operation(Operation.objects.get(), "recover", actor=SYSTEM, at=at(60))
    assert services.move_strays(at(89)) == 0
    assert services.move_strays(at(90)) == 1
    assert history(operation) == [("nonconforming", at(40)), ("active", at(60)), ("nonconforming", at(90))]


def test_where_whoever_was_outside_takes_part_no_longer_it_has_recovered(tug) -> None:
    other = make_asset("Tug 8", organisation=tug.organisation)
    operation = run(tug, other)
    see(tug, (10, OUTSIDE), (40, OUTSIDE))
    services.update_operation(operation.pk, asset_ids=[other.pk], actor=SYSTEM, at=at(50))
    assert services.move_strays(at(51)) == 0  # of the other nothing is known
    services.update_operation(operation.pk, asset_ids=[tug.pk, other.pk], actor=SYSTEM, at=at(52))
    see(tug, (53, OUTSIDE))
    see(other, (54, INSIDE))
    services.update_operation(operation.pk, asset_ids=[other.pk], actor=SYSTEM, at=at(55))
    assert services.move_strays(at(56)) == 1
    assert history(operation) == [("nonconforming", at(40)), ("active", at(56))]


def test_who_comes_back_late_was_outside_until_then(tug) -> None:
    operation = run(tug)
    see(tug, (10, OUTSIDE), (600, INSIDE))
    assert history(operation) == [("nonconforming", at(40)), ("active", at(600))]


def test_the_clock_moves_what_is_heard_of_no_more(tug) -> None:
    operation = run(tug)
    see(tug, (10, OUTSIDE))
    assert services.move_strays(at(39)) == 0
    assert services.move_strays(at(45)) == 1
    assert services.move_strays(at(46)) == 0
    assert history(operation) == [("nonconforming", at(40))]


def test_longer_is_contingent_and_says_that_an_incident_is_to_open(tug) -> None:
    operation = run(tug, contingent_after=timedelta(seconds=60))
    see(tug, (10, OUTSIDE), (45, OUTSIDE))
    tick(at(99))
    assert [state for state, _ in history(operation)] == ["nonconforming"]
    tick(at(101))
    assert history(operation)[-1] == ("contingent", at(100))
    assert Effect.objects.filter(object_id=operation.pk, kind="spawn-incident").exists()
    see(tug, (200, INSIDE))
    assert history(operation)[-1] == ("active", at(200))


def test_all_assets_have_to_be_inside(tug) -> None:
    barge = make_asset("Barge 2", organisation=tug.organisation)
    operation = run(tug, barge)
    see(tug, (10, OUTSIDE), (50, OUTSIDE))
    see(barge, (55, OUTSIDE))
    see(tug, (60, INSIDE))
    assert [state for state, _ in history(operation)] == ["nonconforming"]
    see(barge, (70, INSIDE))
    assert history(operation)[-1] == ("active", at(70))


def test_heights_count_where_they_can_be_compared(tug) -> None:
    operation = run(tug, volumes=[volume(starts_at=NOON, heights=band(0, 100))])
    see(tug, (10, INSIDE), (50, INSIDE), altitude_m=120.0, altitude_datum=Datum.AGL)
    assert history(operation) == []
    see(tug, (60, INSIDE), (100, INSIDE), altitude_m=130.0, altitude_datum=Datum.AMSL)
    assert history(operation) == [("nonconforming", at(90))]
    assert AssignedAsset.objects.get(operation=operation).distance_m == 30.0


def test_late_fixes_what_is_over_and_times_without_a_volume_ask_nothing(tug) -> None:
    hour = timedelta(hours=1)
    operation = run(tug, volumes=[volume(starts_at=NOON), volume(starts_at=NOON + 3 * hour)])
    see(tug, (100, INSIDE), (50, OUTSIDE), (3600 + 60, OUTSIDE), (3600 + 120, OUTSIDE))
    assert history(operation) == []
    services.move_operation(operation, "end", actor=SYSTEM, at=after(minutes=63))
    see(tug, (3 * 3600 + 60, OUTSIDE), (3 * 3600 + 120, OUTSIDE))
    assert [state for state, _ in history(operation)] == ["ended"]


def test_progress_along_a_corridor(tug) -> None:
    shape = Corridor(line=((0.0, 0.0), (0.0, 1.0)), width_m=1_000)
    planned = VolumeDraft(shape=shape, footprint=footprint_of(shape), starts_at=NOON, ends_at=NOON + timedelta(hours=1))
    operation = run(tug, volumes=[planned])
    see(tug, (10, (0.001, 0.25)))
    kept = AssignedAsset.objects.get(operation=operation)
    assert kept.distance_m == 0.0
    assert kept.progress == pytest.approx(0.25, abs=0.001)
    see(tug, (20, (0.02, 0.5)))
    kept.refresh_from_db()
    assert kept.distance_m == pytest.approx(0.02 * 111_320 - 500, rel=0.001)
    assert kept.outside_since == at(20)


def test_ingest_learns_what_runs_and_pays_only_for_whoever_takes_part(tug) -> None:
    stranger = make_asset("Stranger")
    see(stranger, (1, OUTSIDE))
    with CaptureQueriesContext(connection) as before:
        see(stranger, (2, OUTSIDE))
    operation = run(tug)
    see(tug, (50, INSIDE))
    assert AssignedAsset.objects.get(operation=operation).followed_at == at(50)
    see(stranger, (60, OUTSIDE))
    with CaptureQueriesContext(connection) as after_that:
        see(stranger, (120, OUTSIDE))
    assert len(after_that) == len(before) + 1  # was it in a volume that is not its own?
    assert history(operation) == []


class TestOverRest:
    @pytest.fixture
    def cast(self) -> Cast:
        return make_cast()

    @pytest.fixture
    def operation(self, cast: Cast) -> Operation:
        asset = make_asset("Tug 7", organisation=cast.harbour)
        operation = run(asset)
        see(asset, (60, INSIDE), (70, OUTSIDE))
        return operation

    def shown(self, client: Any, operation: Operation, headers: dict[str, str]) -> Any:
        answer = client.get(f"/api/v1/operations/{operation.pk}/conformance", headers=headers)
        assert answer.status_code == 200, answer.content
        return answer.json()

    def test_whoever_may_follow_the_assets_sees_how_they_keep_to_it(self, client, cast, operation) -> None:
        body = self.shown(client, operation, with_key(cast.bob, "operations.view", "assets.track"))
        (one,) = body["assets"]
        assert body["state"] == "active"
        assert (one["is_inside"], one["late_by_s"]) == (False, 60.0)
        assert one["distance_m"] == pytest.approx(1_113, abs=5)

    def test_others_are_not_told_where_they_are(self, client, cast, operation) -> None:
        assert self.shown(client, operation, with_key(cast.bob, "operations.view"))["assets"] == []
        make_policy("limit", ["assets.track"], organisation=cast.harbour, everybody=True, coarsen_m=1000)
        headers = with_key(cast.bob, "operations.view", "assets.track")
        assert self.shown(client, operation, headers)["assets"] == []


def test_what_goes_on_beyond_its_end_overruns_until_it_is_over(tug) -> None:
    operation = run(tug)

    def found(minutes: float) -> tuple[float, float]:
        operation.refresh_from_db()
        told = conformance_of(operation, SYSTEM, at=after(minutes=minutes))
        (one,) = told.assets
        return told.overrun.total_seconds() / 60, one.late_by.total_seconds() / 60

    assert (found(50), found(70)) == ((0, 50), (10, 70))
    services.move_operation(operation, "end", actor=SYSTEM, at=after(minutes=75))
    assert found(90) == (15, 75)


class TestInTheAdmin:
    def test_whoever_may_follow_the_assets_sees_it_on_the_page(self) -> None:
        cast = make_cast()
        tug = make_asset("Tug 7", organisation=cast.harbour)
        yacht = make_asset("Yacht", organisation=cast.elsewhere)
        operation = run(tug)
        see(tug, (10, INSIDE), (20, OUTSIDE))
        see(yacht, (20, INSIDE))
        clerk = make_user("clerk", is_staff=True)
        assign(clerk, ["operations.view"], cast.harbour)
        seen = {}
        for user in (clerk, make_user("root", is_staff=True, is_superuser=True)):
            page = signed_in(user).get(f"/admin/operations/operation/{operation.pk}/change/")
            assert page.status_code == 200
            seen[user.username] = [text in page.content.decode() for text in ("since 12:00:20", "Yacht")]
        assert seen == {"clerk": [False, False], "root": [True, True]}


def test_a_definition_without_such_a_move_loses_no_fix(tug, monkeypatch) -> None:
    monkeypatch.setattr(following, "DEVIATE", "fly-away")
    operation = run(tug)
    see(tug, (10, OUTSIDE), (60, OUTSIDE))
    assert history(operation) == []
    assert AssignedAsset.objects.get(operation=operation).followed_at == at(60)


def test_nothing_is_told_twice(tug) -> None:
    operation = run(tug)
    see(tug, (10, OUTSIDE), (60, OUTSIDE))
    told = Event.objects.filter(object_id=operation.pk, type__contains="transitioned").count()
    see(tug, (60, OUTSIDE), (61, OUTSIDE))
    services.move_strays(at(100))
    assert Event.objects.filter(object_id=operation.pk, type__contains="transitioned").count() == told
