"""Submitting: what holds space is in nobody's way twice, whoever has to agree is asked, whoever gives way is told."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction

from apps.access.types import SYSTEM
from apps.core.clock import now
from apps.core.types import Conflict, Datum
from apps.events.models import Event
from apps.lifecycle.services import advance
from apps.operations import services
from apps.operations.models import Occupancy, Operation
from apps.operations.queries import conflicts
from apps.operations.services.holding import keep_space
from apps.operations.services.settling import settle
from apps.operations.types import OperationRef, SpaceConflict, VolumeDraft
from tests.factories.lifecycles import make_definition
from tests.factories.operations import band, make_operation, make_operation_kind, submit, volume
from tests.factories.zones import square

pytestmark = pytest.mark.django_db


def test_what_nobody_has_to_agree_to_is_approved_at_once_and_holds_its_space() -> None:
    operation = make_operation()
    assert not Occupancy.objects.filter(holds=True).exists()
    assert submit(operation).state == "approved"
    assert list(Occupancy.objects.values_list("operation", "holds")) == [(operation.pk, True)]


def test_a_second_operation_in_the_same_space_is_refused_and_nothing_of_it_is_written() -> None:
    first, second = make_operation(), make_operation()
    submit(first)
    before = Event.objects.count()
    with pytest.raises(SpaceConflict) as refused:
        submit(second)
    second.refresh_from_db()
    assert (second.state, second.version, Event.objects.count()) == ("draft", 1, before)
    details: Any = refused.value.details
    (conflict,) = details["conflicts"]
    assert (conflict["verdict"], conflict["operation"]["id"]) == ("refused", first.pk)


@pytest.mark.parametrize(
    ("other", "is_free"),
    [
        (volume(square(1)), False),
        (volume(square(1.0000001)), True),
        (volume(heights=band(100, 200)), False),
        (volume(heights=band(100.001, 200)), True),
        (volume(heights=band(-50, 0)), False),
    ],
    ids=["touching edge", "a centimetre beside", "touching height", "above", "below"],
)
def test_touching_is_meeting(other, is_free) -> None:
    start = other.starts_at
    submit(make_operation(volumes=[volume(heights=band(0, 100), starts_at=start)]))
    second = make_operation(volumes=[other])
    if is_free:
        assert submit(second).state == "approved"
    else:
        with pytest.raises(SpaceConflict):
            submit(second)


def test_space_is_free_again_when_an_operation_is_cancelled_or_withdrawn() -> None:
    first, second, third = make_operation(), make_operation(), make_operation()
    advance(submit(first), "cancel", actor=SYSTEM, at=now())
    withdrawn = advance(submit(second), "withdraw", actor=SYSTEM, at=now())
    assert submit(third).state == "approved"
    with pytest.raises(SpaceConflict):
        submit(withdrawn)


def test_the_engine_alone_refuses_too_and_the_clock_settles_what_it_let_through() -> None:
    first, second = make_operation(), make_operation()
    assert advance(first, "submit", actor=SYSTEM, at=now()).state == "submitted"
    with pytest.raises(SpaceConflict):
        advance(second, "submit", actor=SYSTEM, at=now())
    assert services.settle_submitted(now()) == 1
    first.refresh_from_db()
    assert first.state == "approved"


def test_two_that_move_at_once_are_in_each_others_way_too() -> None:
    both = [make_operation(), make_operation()]
    for each in both:
        each.state = "submitted"
    with pytest.raises(SpaceConflict), transaction.atomic():
        keep_space(both, SYSTEM, now())
    assert not Occupancy.objects.filter(holds=True).exists()


def test_a_higher_priority_goes_first_and_the_other_is_told() -> None:
    low = submit(make_operation(priority=1))
    high = submit(make_operation(priority=2))
    assert high.state == "approved"
    told = Event.objects.filter(type="watchfloor.operation.overruled.v1")
    assert list(told.values_list("object_id", flat=True)) == [low.pk]
    with pytest.raises(SpaceConflict):
        submit(make_operation(priority=1))


def test_equals_share_only_where_both_kinds_do() -> None:
    sharing, alone = make_operation_kind(may_share=True), make_operation_kind()
    submit(make_operation(kind=sharing))
    assert submit(make_operation(kind=sharing)).state == "approved"
    with pytest.raises(SpaceConflict):
        submit(make_operation(kind=alone))


def test_heights_that_cannot_be_compared_are_for_a_person_to_judge() -> None:
    start = now() + timedelta(days=1)
    theirs = submit(make_operation(volumes=[volume(heights=band(0, 120, Datum.AGL), starts_at=start)]))
    ours = submit(make_operation(volumes=[volume(heights=band(300, 400), starts_at=start)]))
    assert ours.state == "in_review"
    asked = ours.approvals.get()
    assert (asked.organisation_id, asked.reason, asked.other_id) == (
        theirs.organisation_id,
        "not_comparable",
        theirs.pk,
    )


def test_nobody_waits_for_the_word_of_those_who_are_not_there_any_more() -> None:
    start = now() + timedelta(days=1)
    theirs = submit(make_operation(volumes=[volume(heights=band(0, 120, Datum.AGL), starts_at=start)]))
    ours = submit(make_operation(volumes=[volume(heights=band(300, 400), starts_at=start)]))
    assert services.follow_others(now()) == 0
    services.move_operation(theirs, "cancel", actor=SYSTEM, at=now())
    assert (services.follow_others(now()), services.follow_others(now())) == (1, 0)
    ours.refresh_from_db()
    assert (ours.state, ours.approvals.count()) == ("approved", 0)


@pytest.fixture
def start() -> datetime:
    return now().replace(microsecond=0) + timedelta(days=5)


def low(start: datetime, west: float = 0.0, size: float = 1.0) -> VolumeDraft:
    """Return what cannot be compared with ``high``."""
    return volume(square(west, size=size), heights=band(0, 120, Datum.AGL), starts_at=start)


def high(start: datetime) -> VolumeDraft:
    return volume(heights=band(300, 400), starts_at=start)


def replan(operation: Operation, *volumes: VolumeDraft) -> None:
    services.update_operation(operation.pk, volumes=volumes, actor=SYSTEM, at=now())


@pytest.mark.parametrize("to", ["another place", "another time", "other heights"])
def test_nobody_waits_for_the_word_of_those_who_have_moved_elsewhere(start: datetime, to: str) -> None:
    theirs, ours = submit(make_operation(volumes=[low(start)])), submit(make_operation(volumes=[high(start)]))
    elsewhere = {
        "another place": low(start, 20),
        "another time": low(start + timedelta(days=2)),
        "other heights": volume(heights=band(0, 120), starts_at=start),
    }
    replan(theirs, elsewhere[to])
    assert (services.follow_others(now()), services.follow_others(now())) == (1, 0)
    ours.refresh_from_db()
    assert (ours.state, ours.approvals.count()) == ("approved", 0)


def test_who_moves_and_is_still_there_is_compared_once_for_each_change(start: datetime) -> None:
    theirs, ours = submit(make_operation(volumes=[low(start)])), submit(make_operation(volumes=[high(start)]))
    before = ours.approvals.get()
    assert services.follow_others(now()) == 0
    replan(theirs, low(start, 0.5))
    told = Event.objects.count()
    assert (services.follow_others(now()), services.follow_others(now())) == (1, 0)
    ours.refresh_from_db()
    after = ours.approvals.get()
    assert (ours.state, after.pk, after.version, Event.objects.count()) == ("in_review", before.pk, 1, told)


def test_what_was_said_about_those_who_moved_stands_as_long_as_it_is_needed(start: datetime) -> None:
    first, second = (submit(make_operation(volumes=[low(start, west, 0.2)])) for west in (0, 0.6))
    ours = submit(make_operation(volumes=[high(start)]))
    services.decide_approval(ours.approvals.get(other_id=first.pk).pk, decision="approved", actor=SYSTEM, at=now())
    replan(first, low(start, 0.1, 0.2))
    replan(second, low(start, 0.7, 0.2))
    services.follow_others(now())
    asked = dict(ours.approvals.values_list("other_id", "decision"))
    assert asked == {first.pk: "approved", second.pk: "open"}
    replan(second, low(start, 20))
    services.follow_others(now())
    ours.refresh_from_db()
    assert (ours.state, dict(ours.approvals.values_list("other_id", "decision"))) == (
        "approved",
        {first.pk: "approved"},
    )


def test_who_moves_while_he_is_compared_is_not_taken_for_compared(start: datetime, monkeypatch: Any) -> None:
    theirs, ours = submit(make_operation(volumes=[low(start)])), make_operation(volumes=[high(start)])
    submitted = advance(ours, "submit", actor=SYSTEM, at=now())
    read, moved = conflicts._refs, list[UUID]()

    def move_first(ids: set[UUID]) -> dict[UUID, OperationRef]:
        if not moved:
            moved.append(theirs.pk)
            replan(theirs, low(start, 20))
        return read(ids)

    with monkeypatch.context() as patch:
        patch.setattr(conflicts, "_refs", move_first)
        assert settle(submitted, at=now(), afresh=True).state == "in_review"
    assert services.follow_others(now()) == 1
    ours.refresh_from_db()
    assert ours.state == "approved"


def test_a_change_of_what_is_approved_is_judged_anew() -> None:
    start = now() + timedelta(days=1)
    submit(make_operation(volumes=[volume(starts_at=start)]))
    mine = submit(make_operation(volumes=[volume(square(5), starts_at=start)]))
    with pytest.raises(SpaceConflict):
        services.update_operation(mine.pk, volumes=[volume(square(0.5), starts_at=start)], actor=SYSTEM, at=now())
    moved = services.update_operation(mine.pk, volumes=[volume(square(6.5), starts_at=start)], actor=SYSTEM, at=now())
    assert (moved.state, moved.version) == ("approved", mine.version + 1)
    again = make_operation(volumes=[volume(square(5), starts_at=start, lasting=timedelta(minutes=5))])
    assert submit(again).state == "approved"


def test_what_is_over_does_not_change() -> None:
    over = advance(make_operation(), "cancel", actor=SYSTEM, at=now())
    with pytest.raises(Conflict, match="over"):
        services.update_operation(over.pk, title="x", actor=SYSTEM, at=now())


def test_what_touches_too_many_cells_is_judged_like_the_rest() -> None:
    start = now() + timedelta(days=1)
    whole = submit(make_operation(volumes=[volume(square(-20, -20, size=40), starts_at=start)]))
    assert whole.state == "approved"
    with pytest.raises(SpaceConflict):
        submit(make_operation(volumes=[volume(square(size=0.01), starts_at=start)]))


EAGER = """
key: eager
noun: operations
title: Eager
initial: approved
states:
  approved: {label: Approved, tone: calm, category: active}
  ended: {label: Ended, tone: done, final: true}
transitions:
  end:
    label: End
    from: [approved]
    to: ended
    action: operations.end
"""


def test_a_lifecycle_that_begins_by_holding_space_holds_it_and_is_refused_what_others_hold() -> None:
    make_definition(EAGER)
    kind = make_operation_kind(lifecycle="eager")
    first = make_operation(kind=kind)
    assert list(Occupancy.objects.filter(holds=True).values_list("operation", flat=True)) == [first.pk]
    with pytest.raises(SpaceConflict):
        make_operation(kind=kind)
    with pytest.raises(Conflict, match="draft"):
        services.delete_operation(first.pk, actor=SYSTEM, at=now())
    assert Operation.objects.count() == 1
