"""What the database finds, beside brute force over all pairs; and what others are told of it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from typing import Any
from unittest import mock

import pytest
import shapely
from django.db import connection
from django.test.utils import CaptureQueriesContext
from shapely import MultiPolygon

from apps.access.queries import actor_of_user
from apps.access.types import SYSTEM
from apps.core.clock import now
from apps.core.prepared import all_rows
from apps.core.types import Datum, TimeWindow
from apps.operations import queries
from apps.operations.models import Operation
from apps.operations.queries import conflicts
from apps.operations.rules.checks import written_out
from apps.operations.rules.shapes import footprint_of
from apps.operations.types import Circle, Corridor, Meeting, SpaceConflict, Standing, Verdict, VolumeDraft
from tests.factories.access import make_cast, make_policy
from tests.factories.operations import band, make_operation, make_operation_kind, submit, volume
from tests.factories.zones import make_zone, make_zone_kind, square
from tests.operations import brute

pytestmark = pytest.mark.django_db
TOMORROW = now().replace(minute=0, second=0, microsecond=0) + timedelta(days=1)


def some_volumes(chance: random.Random) -> Iterator[VolumeDraft]:
    """Yield volumes of all shapes near each other, many of which touch."""
    while True:
        lon, lat = chance.randint(0, 8) / 100, chance.randint(0, 8) / 100
        shape: Any = chance.choice(
            [
                None,
                Circle(centre=(lon, lat), radius_m=chance.choice([200, 300])),
                Corridor(line=((lon, lat), (lon + 0.03, lat + 0.01)), width_m=chance.choice([100, 200])),
            ]
        )
        area = square(lon, lat, size=0.01) if shape is None else footprint_of(shape)
        lower = chance.randint(0, 5) * 100
        yield volume(
            area,
            heights=band(lower, lower + 100, chance.choice([Datum.AMSL, Datum.AMSL, Datum.AGL, Datum.WGS84])),
            starts_at=TOMORROW + timedelta(hours=chance.randint(0, 6)),
        )


def test_nothing_is_missed_in_ten_thousand_pairs() -> None:
    drafts = some_volumes(random.Random(7))
    stored = {
        submit(make_operation(volumes=each, kind=make_operation_kind(may_share=True), priority=number)).pk: each
        for number, each in enumerate([list(islice(drafts, 25)) for _ in range(4)])
    }
    wanted = written_out(list(islice(drafts, 100)))
    found = {
        (each.place, each.operation_id, each.volume.number, each.meeting): each.volume
        for each in queries.find_conflicts(wanted)
    }
    expected = {
        (place, operation_id, held.number, met)
        for operation_id, each in stored.items()
        for held in written_out(each)
        for place, one in enumerate(wanted)
        if (met := brute.meeting(one, held)) is not Meeting.APART
    }
    assert set(found) == expected
    assert len(expected) > 100
    assert {met for *_, met in expected} == {Meeting.MEET, Meeting.UNKNOWN}


def test_a_search_uses_the_index_and_takes_two_statements() -> None:
    submit(make_operation(volumes=list(islice(some_volumes(random.Random(1)), 20))))
    wanted = written_out(list(islice(some_volumes(random.Random(2)), 20)))
    with mock.patch.object(conflicts, "all_rows", wraps=all_rows) as asked:
        assert queries.find_conflicts(wanted)
    assert asked.call_count == 2
    statement, parameters = asked.call_args_list[0].args
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        plan = "\n".join(line for (line,) in all_rows(f"EXPLAIN {statement}", parameters))
    assert "occupancy_holding" in plan


@pytest.mark.parametrize("turned", [False, True], ids=["east first", "west first"])
def test_what_touches_on_the_antimeridian_is_found(turned: bool) -> None:
    sides = [MultiPolygon([shapely.box(*box)]) for box in ((179.9, 0, 180, 0.1), (-180, 0, -179.9, 0.1))]
    first, second = reversed(sides) if turned else sides
    submit(make_operation(volumes=[volume(first, starts_at=TOMORROW)]))
    with pytest.raises(SpaceConflict):
        submit(make_operation(volumes=[volume(second, starts_at=TOMORROW)]))


def test_what_touches_at_a_pole_only_is_found() -> None:
    first, second = (MultiPolygon([shapely.box(west, 89.9, west + 0.1, 90)]) for west in (-120, 60))
    zone = make_zone(kind=make_zone_kind(constraint="advisory"), area=first)
    submit(make_operation(volumes=[volume(first, starts_at=TOMORROW)]))
    wanted = [volume(second, starts_at=TOMORROW)]
    assert [each.zone_id for each in queries.zones_meeting(written_out(wanted))] == [zone.pk]
    with pytest.raises(SpaceConflict):
        submit(make_operation(volumes=wanted))


def test_ones_own_space_is_in_nobodys_way() -> None:
    operation = submit(make_operation())
    wanted = queries.volumes_held(operation.pk)
    assert [each.operation_id for each in queries.find_conflicts(wanted)] == [operation.pk]
    assert queries.find_conflicts(wanted, besides=operation.pk) == []


@pytest.mark.parametrize(
    ("constraint", "expected"),
    [
        ("", None),
        ("advisory", Verdict.ADVISORY),
        ("conditional", Verdict.CONDITIONAL),
        ("authorisation", Verdict.NEEDS_APPROVAL),
        ("prohibited", Verdict.REFUSED),
    ],
)
def test_zones_take_part_by_their_kind(constraint: str, expected: Verdict | None) -> None:
    zone = make_zone(kind=make_zone_kind(constraint=constraint))
    make_zone(kind=make_zone_kind(constraint="prohibited"), is_active=False)
    make_zone(kind=make_zone_kind(constraint="prohibited"), area=square(20))
    operation = make_operation()
    judged = queries.judge(
        queries.volumes_held(operation.pk), standing=Standing(), organisation_id=operation.organisation_id
    )
    assert [(each.zone_id, each.verdict) for each in judged.zones] == ([(zone.pk, expected)] if expected else [])
    assert judged.is_refused is (expected is Verdict.REFUSED)


def test_a_zone_bears_on_whichever_volume_and_time_meets_it() -> None:
    kind = make_zone_kind(constraint="advisory")
    make_zone("Second", kind=kind, area=square(30))
    make_zone("Later", kind=kind, validity=TimeWindow(start=TOMORROW + timedelta(hours=3)))
    make_zone("Above", kind=kind, band=band(500, 600))
    wanted = [
        volume(heights=band(0, 100), starts_at=TOMORROW),
        volume(square(30), heights=band(0, 100), starts_at=TOMORROW),
        volume(heights=band(0, 100), starts_at=TOMORROW + timedelta(hours=4)),
    ]
    found = queries.zones_meeting(written_out(wanted))
    assert sorted((each.name, each.place) for each in found) == [("Later", 2), ("Second", 1)]


@pytest.mark.parametrize("constraint", ["prohibited", "authorisation"])
def test_a_zone_whose_heights_cannot_be_compared_is_for_its_owner_to_judge(constraint: str) -> None:
    zone = make_zone(kind=make_zone_kind(constraint=constraint), band=band(0, 120, Datum.AGL))
    operation = submit(make_operation(volumes=[volume(heights=band(300, 400))]))
    assert operation.state == "in_review"
    assert list(operation.approvals.values_list("organisation", "zone_id")) == [(zone.organisation_id, zone.pk)]
    (found,) = queries.zones_meeting(queries.volumes_held(operation.pk))
    assert found.meeting is Meeting.UNKNOWN


def test_whoever_owns_a_zone_agrees_by_planning() -> None:
    zone = make_zone(kind=make_zone_kind(constraint="authorisation"))
    assert submit(make_operation(organisation=zone.organisation)).state == "approved"
    assert submit(make_operation(priority=5)).state == "in_review"


def test_what_one_may_not_see_is_masked() -> None:
    cast = make_cast()
    theirs = make_operation(
        "Secret survey",
        organisation=cast.elsewhere,
        contact="Desk 4",
        volumes=[volume(heights=band(1_200, 1_450), starts_at=TOMORROW)],
    )
    submit(theirs)
    mine = make_operation(organisation=cast.harbour, volumes=[volume(starts_at=TOMORROW)])
    answers = {}
    for name in ("alice", "charlie"):
        told = queries.check_plan(
            [each.planned for each in mine.volumes.all()],
            standing=Standing(),
            organisation_id=cast.harbour.pk,
            besides=mine.pk,
            actor=cast.actor(name),
        )
        (answers[name],) = told["conflicts"]
    masked = answers["alice"]
    assert masked == {
        "type": "operation",
        "verdict": "refused",
        "comparable": True,
        "operation": None,
        "zone": None,
        "contact": "Desk 4",
        "volumes": [
            {
                "wanted": 1,
                "lower_m": 1_200,
                "lower_datum": "AMSL",
                "upper_m": 1_450,
                "upper_datum": "AMSL",
                "starts_at": None,
                "ends_at": f"{TOMORROW + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}",
            }
        ],
    }
    assert answers["charlie"]["operation"]["title"] == "Secret survey"
    assert str(theirs.pk) not in str(masked)


def test_a_policy_hides_of_a_conflict_what_it_hides_of_the_operation() -> None:
    cast = make_cast()
    submit(make_operation("Secret survey", organisation=cast.elsewhere, contact="Desk 4"))
    make_policy("limit", ["operations.view"], hidden_fields=["title", "contact"], users=[cast.charlie])
    told = queries.check_plan(
        [volume()],
        standing=Standing(),
        organisation_id=cast.elsewhere.pk,
        actor=actor_of_user(cast.charlie),
    )
    (conflict,) = told["conflicts"]
    assert "Secret survey" not in str(conflict)
    assert (conflict["contact"], "contact" in conflict["operation"]) == ("", False)


def test_what_refuses_comes_first() -> None:
    submit(make_operation(volumes=[volume(starts_at=TOMORROW)]))
    for constraint in ("advisory", "prohibited"):
        make_zone(kind=make_zone_kind(constraint=constraint))
    told = queries.check_plan(
        [volume(starts_at=TOMORROW)],
        standing=Standing(priority=5),
        organisation_id=make_cast().harbour.pk,
        actor=SYSTEM,
    )
    assert [each["verdict"] for each in told["conflicts"]] == ["refused", "overrules", "advisory"]


def test_a_dry_run_writes_nothing() -> None:
    submit(make_operation())
    before = list(Operation.objects.values_list("pk", "version", "state"))
    with CaptureQueriesContext(connection) as asked:
        told = queries.check_draft(
            [volume()],
            kind=make_operation_kind(),
            priority=None,
            organisation_id=before[0][0],
            words={},
            actor=SYSTEM,
            at=now(),
        )
    assert told["accepted"] is False
    assert list(Operation.objects.values_list("pk", "version", "state")) == before
    assert not [each for each in asked if "pg_advisory" in each["sql"]]
