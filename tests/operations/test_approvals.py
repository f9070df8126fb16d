"""Who has to agree, what they say, and what a zone does to what they agreed to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from apps.access.types import SYSTEM
from apps.core.clock import now
from apps.core.types import Conflict, NotAllowed, NotFound, TimeWindow
from apps.events.models import Event
from apps.events.services import number_pending
from apps.lifecycle.models import Transition
from apps.operations import services
from apps.operations.models import Approval, Operation
from apps.zones import services as zones
from tests.factories.access import make_cast
from tests.factories.operations import band, decide_all, make_operation, make_operation_kind, submit, volume
from tests.factories.zones import make_zone, make_zone_kind, square

pytestmark = pytest.mark.django_db


def read_zones() -> None:
    """Let the clock hear of what was published."""
    number_pending(1_000)
    services.read_zones(now())


def state_of(operation: Operation) -> str:
    operation.refresh_from_db()
    return operation.state


def asked(operation: Operation) -> list[tuple[str, str]]:
    return list(operation.approvals.order_by("reason").values_list("reason", "decision"))


def test_the_last_approval_approves() -> None:
    make_zone(kind=make_zone_kind(constraint="authorisation"))
    operation = submit(make_operation(kind=make_operation_kind(is_reviewed=True)))
    assert (operation.state, asked(operation)) == ("in_review", [("organisation", "open"), ("zone", "open")])
    first, second = operation.approvals.order_by("id")
    services.decide_approval(first.pk, decision="approved", actor=SYSTEM, at=now())
    assert state_of(operation) == "in_review"
    services.decide_approval(second.pk, decision="approved", actor=SYSTEM, at=now())
    assert state_of(operation) == "approved"


def test_any_refusal_rejects_and_frees_the_space() -> None:
    operation = submit(make_operation(kind=make_operation_kind(is_reviewed=True)))
    (approval,) = operation.approvals.all()
    services.decide_approval(approval.pk, decision="rejected", note="Too near.", actor=SYSTEM, at=now())
    assert state_of(operation) == "rejected"
    assert Transition.objects.filter(object_id=operation.pk).latest("id").reason == "Too near."
    assert submit(make_operation()).state == "approved"
    with pytest.raises(Conflict, match="not in review"):
        services.decide_approval(approval.pk, decision="approved", actor=SYSTEM, at=now())


def test_whoever_is_asked_decides_and_nobody_else() -> None:
    cast = make_cast()
    make_zone(kind=make_zone_kind(constraint="authorisation"), organisation=cast.elsewhere)
    operation = submit(make_operation(organisation=cast.harbour))
    approval = Approval.objects.get(organisation=cast.elsewhere)
    for name, error in (("alice", NotFound), ("bob", NotFound)):
        with pytest.raises(error):
            services.decide_approval(approval.pk, decision="approved", actor=cast.actor(name), at=now())
    own = submit(make_operation(organisation=cast.harbour, kind=make_operation_kind(is_reviewed=True), priority=9))
    mine = own.approvals.get(organisation=cast.harbour)
    with pytest.raises(NotAllowed):
        services.decide_approval(mine.pk, decision="approved", actor=cast.actor("bob"), at=now())
    decided = services.decide_approval(approval.pk, decision="approved", actor=cast.actor("charlie"), at=now())
    assert (decided.decided_by, state_of(operation)) == ("charlie", "approved")


def test_another_plan_is_asked_about_again() -> None:
    start = now() + timedelta(days=1)
    make_zone(kind=make_zone_kind(constraint="authorisation"))
    operation = submit(make_operation(volumes=[volume(starts_at=start)]))
    decide_all(operation)
    assert state_of(operation) == "approved"
    services.update_operation(operation.pk, contact="Desk 5", actor=SYSTEM, at=now())
    assert (state_of(operation), asked(operation)) == ("approved", [("zone", "approved")])
    services.update_operation(operation.pk, volumes=[volume(square(0.5), starts_at=start)], actor=SYSTEM, at=now())
    assert (state_of(operation), asked(operation)) == ("in_review", [("zone", "open")])
    services.update_operation(operation.pk, volumes=[volume(square(5), starts_at=start)], actor=SYSTEM, at=now())
    assert (state_of(operation), asked(operation)) == ("approved", [])


@pytest.mark.parametrize("constraint", ["authorisation", "prohibited"])
def test_a_new_zone_puts_back_in_review_what_it_cuts_and_nothing_else(constraint: str) -> None:
    read_zones()
    cut, beside = submit(make_operation()), submit(make_operation(volumes=[volume(square(20))]))
    zone = make_zone(kind=make_zone_kind(constraint=constraint), area=square(0.5))
    read_zones()
    assert (state_of(cut), state_of(beside)) == ("in_review", "approved")
    told = Event.objects.filter(object_id=cut.pk).latest("seq")
    assert (told.type, told.data["lifecycle"]["transition"]) == ("watchfloor.operation.transitioned.v1", "review")
    assert list(cut.approvals.values_list("organisation", "zone_id")) == [(zone.organisation_id, zone.pk)]
    read_zones()
    decide_all(cut)
    assert state_of(cut) == "approved"


def test_a_zone_that_moves_away_or_goes_lets_through_what_waited_for_it() -> None:
    read_zones()
    kind = make_zone_kind(constraint="authorisation")
    zone, gone = make_zone(kind=kind), make_zone(kind=kind)
    operation = submit(make_operation())
    zones.update_zone(zone.pk, area=square(30), actor=SYSTEM, at=now())
    read_zones()
    assert state_of(operation) == "in_review"
    zones.delete_zone(gone.pk, actor=SYSTEM, at=now())
    read_zones()
    assert (state_of(operation), asked(operation)) == ("approved", [])


def test_a_zone_that_only_changes_its_name_asks_nobody_again() -> None:
    read_zones()
    zone = make_zone(kind=make_zone_kind(constraint="authorisation"))
    operation = submit(make_operation())
    decide_all(operation)
    zones.update_zone(zone.pk, name="Renamed", actor=SYSTEM, at=now())
    read_zones()
    assert state_of(operation) == "approved"
    zones.update_zone(zone.pk, area=square(0.25), actor=SYSTEM, at=now())
    read_zones()
    assert (state_of(operation), asked(operation)) == ("in_review", [("zone", "open")])


@pytest.mark.parametrize("change", ["band", "validity", "is_active"])
def test_a_zone_that_comes_to_lie_there_asks_also_where_its_area_stays(change: str) -> None:
    kind, tomorrow = make_zone_kind(constraint="authorisation"), now() + timedelta(days=1)
    elsewhere: dict[str, Any] = {
        "band": {"band": band(500, 600)},
        "validity": {"validity": TimeWindow(end=tomorrow - timedelta(hours=2))},
        "is_active": {"is_active": False},
    }
    there: dict[str, Any] = {
        "band": {"band": band(50, 600)},
        "validity": {"validity": TimeWindow(end=tomorrow + timedelta(days=2))},
        "is_active": {"is_active": True},
    }
    zone = make_zone(kind=kind, **elsewhere[change])
    operation = submit(make_operation(volumes=[volume(heights=band(0, 100))]))
    read_zones()
    assert state_of(operation) == "approved"
    zones.update_zone(zone.pk, actor=SYSTEM, at=now(), **there[change])
    read_zones()
    assert state_of(operation) == "in_review"


def test_a_kind_that_comes_to_mean_something_bears_on_all_its_zones() -> None:
    read_zones()
    zone = make_zone()
    operation = submit(make_operation())
    read_zones()
    zones.update_zone_kind(zone.kind_id, constraint="authorisation", actor=SYSTEM, at=now())
    read_zones()
    assert state_of(operation) == "in_review"


def test_whoever_is_under_way_is_told_and_goes_on() -> None:
    read_zones()
    operation = services.move_operation(submit(make_operation()), "activate", actor=SYSTEM, at=now())
    make_zone(kind=make_zone_kind(constraint="prohibited"))
    read_zones()
    assert (state_of(operation), asked(operation)) == ("active", [])
    assert Event.objects.filter(type="watchfloor.operation.overruled.v1", object_id=operation.pk).count() == 1


def test_whoever_is_under_way_does_not_change_into_what_somebody_would_have_to_agree_to() -> None:
    start = now() + timedelta(days=1)
    make_zone(kind=make_zone_kind(constraint="authorisation"), area=square(20))
    operation = submit(make_operation(volumes=[volume(starts_at=start)]))
    operation = services.move_operation(operation, "activate", actor=SYSTEM, at=now())
    with pytest.raises(Conflict) as refused:
        services.update_operation(operation.pk, volumes=[volume(square(20), starts_at=start)], actor=SYSTEM, at=now())
    assert refused.value.code == "needs_approval"
    operation.refresh_from_db()
    assert (operation.state, asked(operation), operation.area.extent) == ("active", [], (0, 0, 1, 1))
    services.update_operation(operation.pk, volumes=[volume(square(5), starts_at=start)], actor=SYSTEM, at=now())


def test_a_word_can_be_taken_back_while_it_is_in_review() -> None:
    make_zone(kind=make_zone_kind(constraint="authorisation"))
    operation = submit(make_operation(kind=make_operation_kind(is_reviewed=True)))
    first, second = operation.approvals.order_by("id")
    services.decide_approval(first.pk, decision="approved", actor=SYSTEM, at=now())
    back = services.decide_approval(first.pk, decision="open", actor=SYSTEM, at=now())
    assert (back.decision, back.decided_by, back.decided_at) == ("open", "", None)
    services.decide_approval(second.pk, decision="approved", actor=SYSTEM, at=now())
    assert state_of(operation) == "in_review"
