"""Planners at once, on connections of their own: no two accepted meet, and none is refused without a reason."""

from __future__ import annotations

import random
import threading
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

import pytest
from django.contrib.gis.geos import MultiPolygon, Polygon
from django.db import connection, transaction

from apps.access.types import SYSTEM
from apps.core.clock import now
from apps.events.services import number_pending
from apps.lifecycle.services import begin_all
from apps.operations import services
from apps.operations.models import Occupancy, Operation, Volume
from apps.operations.services.holding import insert_occupancies, keep_space
from apps.operations.types import OperationChanges, SpaceConflict, Span, Volume4D
from tests.factories.access import make_organisation
from tests.factories.operations import (
    band,
    decide_all,
    make_operation,
    make_operation_kind,
    make_review_rule,
    submit,
    volume,
)
from tests.factories.races import Rival, rival_waits_for
from tests.factories.zones import make_zone, make_zone_kind, square

pytestmark = pytest.mark.django_db(transaction=True)
PLANNERS = 8
SUBMISSIONS = 1_000


def drafts(count: int) -> list[Operation]:
    """Return drafts of one volume each, all in one cell and many in each other's way, in a few statements."""
    chance, at = random.Random(11), now()
    kind, organisation = make_operation_kind(), make_organisation()
    rows, volumes, times = [], [], {}
    for _ in range(count):
        area = square(chance.randint(0, 9) / 1_000, chance.randint(0, 9) / 1_000, size=0.002)
        start = at + timedelta(days=2, minutes=chance.randint(0, count))
        lower = chance.randint(0, 9) * 50
        time = Volume4D(footprint=area, band=band(lower, lower + 49), during=Span(start, start + timedelta(minutes=30)))
        footprint = MultiPolygon(Polygon.from_bbox(area.bounds), srid=4326)
        row = Operation(
            kind=kind,
            organisation=organisation,
            title="Dense",
            area=footprint,
            starts_at=start,
            ends_at=time.during.end,
        )
        rows.append(row)
        times[row.pk] = time
        volumes.append(
            Volume(
                operation=row,
                number=1,
                shape={},
                footprint=footprint,
                lower_m=lower,
                lower_datum="AMSL",
                upper_m=lower + 49,
                upper_datum="AMSL",
                starts_at=start,
                ends_at=time.during.end,
            )
        )
    begin_all(rows, actor=SYSTEM, at=at)
    Volume.objects.bulk_create(volumes)
    for row, planned in zip(rows, volumes, strict=True):
        insert_occupancies(row.pk, [planned], [times[row.pk]], holds=False)
    return rows


def test_of_many_submissions_by_eight_planners_no_two_accepted_meet_and_none_is_refused_in_vain() -> None:
    waiting = drafts(SUBMISSIONS)
    outcomes: dict[UUID, object] = {}
    begin = threading.Barrier(PLANNERS)

    def plan(mine: list[Operation]) -> None:
        begin.wait(20)
        try:
            for operation in mine:
                outcomes[operation.pk] = hold(operation)
        finally:
            connection.close()

    threads = [threading.Thread(target=plan, args=[waiting[number::PLANNERS]]) for number in range(PLANNERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)

    planned = {each.operation_id: bounds(each) for each in Volume.objects.all()}
    accepted = [pk for pk, outcome in outcomes.items() if outcome is True]
    refused = [pk for pk, outcome in outcomes.items() if isinstance(outcome, SpaceConflict)]
    assert sorted([*accepted, *refused]) == sorted(each.pk for each in waiting), set(map(repr, outcomes.values()))
    assert min(len(accepted), len(refused)) > SUBMISSIONS // 6
    assert set(Occupancy.objects.filter(holds=True).values_list("operation", flat=True)) == set(accepted)
    met = {pk: [other for other in accepted if other != pk and meet(planned[pk], planned[other])] for pk in outcomes}
    assert [pk for pk in accepted if met[pk]] == []
    assert [pk for pk in refused if not met[pk]] == []


def bounds(volume: Volume) -> list[tuple[float, float]]:
    """Return a volume, which is a box here, as its intervals in degrees, metres and seconds."""
    west, south, east, north = volume.footprint.extent
    assert volume.lower_m is not None
    assert volume.upper_m is not None
    times = volume.starts_at.timestamp(), volume.ends_at.timestamp()
    return [(west, east), (south, north), (volume.lower_m, volume.upper_m), times]


def meet(one: list[tuple[float, float]], other: list[tuple[float, float]]) -> bool:
    """Say whether two boxes share a point."""
    return all(low <= high and lowest <= top for (low, top), (lowest, high) in zip(one, other, strict=True))


def hold(operation: Operation) -> object:
    """Return whether the operation got its space; what the lifecycle engine does around it is left out."""
    try:
        with transaction.atomic():
            operation.state = "submitted"
            keep_space([operation], SYSTEM, now())
    except SpaceConflict as error:
        return error
    return True


def test_the_second_of_two_waits_for_the_first_and_sees_it() -> None:
    first, second = make_operation(), make_operation()
    with rival_waits_for(lambda: submit(second)) as rival:
        submit(first)
    assert isinstance(rival.outcome, SpaceConflict)


def test_the_second_gets_the_space_that_the_first_lets_go() -> None:
    first, second = make_operation(), make_operation()

    def give_up() -> None:
        with transaction.atomic():
            submit(first)
            transaction.set_rollback(True)

    with rival_waits_for(lambda: submit(second).state) as rival:
        give_up()
        submit(first)
        services.move_operation(first, "cancel", actor=SYSTEM, at=now())
    assert rival.outcome == "approved"


@pytest.mark.parametrize("change", ["volumes", "priority"])
def test_a_change_of_what_holds_space_waits_for_a_submission_and_sees_it(change: str) -> None:
    start = now() + timedelta(days=1)
    here, there = [volume(starts_at=start)], [volume(square(5), starts_at=start)]
    changes: dict[str, Any]
    if change == "volumes":
        changed, changes = submit(make_operation(volumes=there)), {"volumes": here}
        coming = make_operation(volumes=here)
    else:
        # They lie over each other as long as one of them goes before the other.
        changed, changes = submit(make_operation(volumes=here)), {"priority": 5}
        coming = make_operation(volumes=here, priority=5)

    def replan() -> object:
        return services.update_operation(changed.pk, actor=SYSTEM, at=now(), **cast("OperationChanges", changes))

    with rival_waits_for(replan) as rival:
        submit(coming)
    assert isinstance(rival.outcome, SpaceConflict)


@pytest.mark.parametrize("sizes", [(40, 0.01), (0.01, 40), (40, 41)], ids=str)
def test_whoever_touches_more_cells_than_are_locked_singly_waits_and_is_waited_for(sizes: tuple[float, float]) -> None:
    start = now() + timedelta(days=1)
    first, second = (make_operation(volumes=[volume(square(size=size), starts_at=start)]) for size in sizes)
    with rival_waits_for(lambda: submit(second)) as rival:
        submit(first)
    assert isinstance(rival.outcome, SpaceConflict)


def test_who_is_beside_waits_for_nobody() -> None:
    first, second = make_operation(), make_operation(volumes=[volume(square(40))])
    with transaction.atomic():
        submit(first)
        rival = Rival(lambda: submit(second).state)
        rival.start()
        rival.join()
    assert rival.outcome == "approved"


def test_a_zone_that_comes_while_somebody_submits_is_not_missed() -> None:
    services.read_zones(now())
    operation, kind = make_operation(), make_zone_kind(constraint="authorisation")

    def look() -> int:
        make_zone(kind=kind)
        number_pending(100)
        return services.read_zones(now())

    with rival_waits_for(look) as rival:
        submit(operation)
    assert rival.outcome
    operation.refresh_from_db()
    assert operation.state == "in_review"


def test_a_rule_that_is_made_while_somebody_submits_asks_in_the_end() -> None:
    organisation = make_organisation()
    operation = make_operation(organisation=organisation, kind=make_operation_kind(is_reviewed=True))

    def rule_and_follow() -> int:
        make_review_rule(organisation, name="New")
        return services.follow_rules(now())

    with transaction.atomic():
        assert submit(operation).state == "in_review"
        rival = Rival(rule_and_follow)
        rival.start()
        # It waits for nobody, and finds nothing in review yet.
        rival.join()
    assert (rival.outcome, rules_asking(operation)) == (0, [])
    assert (services.follow_rules(now()), rules_asking(operation)) == (1, ["New"])


def test_a_rule_that_is_not_committed_yet_asks_in_the_end() -> None:
    organisation = make_organisation()
    operation = make_operation(organisation=organisation, kind=make_operation_kind(is_reviewed=True))
    with transaction.atomic():
        make_review_rule(organisation, name="New")
        rival = Rival(lambda: submit(operation).state)
        rival.start()
        rival.join()
    assert (rival.outcome, rules_asking(operation)) == ("in_review", [])
    assert (services.follow_rules(now()), rules_asking(operation)) == (1, ["New"])


def test_a_decision_and_a_rule_that_goes_wait_for_each_other() -> None:
    organisation = make_organisation()
    rule = make_review_rule(organisation, name="Going")
    operation = submit(make_operation(organisation=organisation))
    services.delete_review_rule(rule.pk, actor=SYSTEM, at=now())
    with rival_waits_for(lambda: services.follow_rules(now())) as rival:
        decide_all(operation)
    operation.refresh_from_db()
    assert (rival.outcome, operation.state, rules_asking(operation)) == (0, "approved", ["Going"])


def test_who_submits_while_a_kind_comes_to_share_no_more_is_found() -> None:
    kind = make_operation_kind(may_share=True)
    first, second = submit(make_operation(kind=kind)), make_operation(kind=kind)

    def change_and_follow() -> int:
        services.update_operation_kind(kind.pk, may_share=False, actor=SYSTEM, at=now())
        return services.follow_kinds(now())

    with rival_waits_for(change_and_follow) as rival:
        assert submit(second).state == "approved"
    assert (rival.outcome, states(first, second)) == (2, ["in_review", "in_review"])


def test_who_submits_before_a_change_of_a_kind_is_committed_is_found() -> None:
    kind = make_operation_kind(may_share=True)
    first, second = submit(make_operation(kind=kind)), make_operation(kind=kind)
    with rival_waits_for(lambda: submit(second).state) as rival:
        services.update_operation_kind(kind.pk, may_share=False, actor=SYSTEM, at=now())
    assert (rival.outcome, services.follow_kinds(now())) == ("approved", 2)
    assert states(first, second) == ["in_review", "in_review"]


@pytest.mark.parametrize("whose", ["his own", "the other's"])
def test_who_has_read_a_kind_before_it_came_to_share_no_more_is_refused(whose: str) -> None:
    kinds = {each: make_operation_kind(may_share=True) for each in ("his own", "the other's")}
    submit(make_operation(kind=kinds["the other's"]))
    stale = Operation.objects.select_related("kind").get(pk=make_operation(kind=kinds["his own"]).pk)
    services.update_operation_kind(kinds[whose].pk, may_share=False, actor=SYSTEM, at=now())
    services.follow_kinds(now())
    assert isinstance(hold(stale), SpaceConflict)


@pytest.mark.parametrize("is_first", [True, False], ids=["the kind", "the submission"])
def test_who_submits_while_a_kind_comes_to_be_reviewed_is_asked_in_the_end(is_first: bool) -> None:
    organisation, kind = make_organisation(), make_operation_kind()
    make_review_rule(organisation)
    operation = make_operation(organisation=organisation, kind=kind)

    def change() -> object:
        return services.update_operation_kind(kind.pk, is_reviewed=True, actor=SYSTEM, at=now())

    deeds = [change, lambda: submit(operation)]
    first, second = deeds if is_first else reversed(deeds)
    with rival_waits_for(second):
        first()
    services.follow_rules(now())
    assert list(operation.approvals.order_by("reason").values_list("reason", flat=True)) == ["organisation", "rule"]


def states(*operations: Operation) -> list[str]:
    return [Operation.objects.get(pk=each.pk).state for each in operations]


def rules_asking(operation: Operation) -> list[str]:
    return list(operation.approvals.filter(reason="rule").values_list("rule_name", flat=True))
