"""A kind that is changed while its operations hold space: who may not share any more, who is asked, who is told."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError

from apps.access.types import SYSTEM
from apps.core.clock import now
from apps.core.types import Datum
from apps.events.models import Event
from apps.events.services import number_pending
from apps.operations import services
from apps.operations.models import KindChange, Operation, OperationKind
from apps.operations.services import sharing
from apps.operations.services.settling import settle
from apps.operations.types import SpaceConflict
from apps.zones.types import AltitudeBand
from tests.factories.access import make_cast, make_organisation, make_policy, make_user, signed_in
from tests.factories.operations import band, decide_all, make_operation, make_operation_kind, submit, volume
from tests.factories.zones import square

pytestmark = pytest.mark.django_db
OVERRULED = "watchfloor.operation.overruled.v1"


@pytest.fixture
def kind() -> OperationKind:
    """A kind whose operations may share space."""
    return make_operation_kind(may_share=True)


@pytest.fixture
def start() -> datetime:
    return now().replace(microsecond=0) + timedelta(days=1)


@pytest.fixture
def pair(kind: OperationKind) -> tuple[Operation, Operation]:
    """Two of that kind in the same space, of two organisations."""
    return submit(make_operation(kind=kind)), submit(make_operation(kind=kind))


def change(kind: OperationKind, **changes: Any) -> None:
    services.update_operation_kind(kind.pk, actor=SYSTEM, at=now(), **changes)


def follow() -> int:
    return services.follow_kinds(now())


def cut(kind: OperationKind) -> None:
    """Let operations of a kind share no more, and let the clock hear of it."""
    change(kind, may_share=False)
    follow()


def state_of(operation: Operation) -> str:
    operation.refresh_from_db()
    return operation.state


def asked(operation: Operation) -> list[tuple[str, object, object, str]]:
    """Return what an operation waits for: why, whom, about which other, and what was said."""
    found = operation.approvals.order_by("reason", "other_id")
    return list(found.values_list("reason", "organisation", "other_id", "decision"))


def for_sharing(other: Operation, decision: str = "open") -> tuple[str, object, object, str]:
    return "not_shared", other.organisation_id, other.pk, decision


def overruled(operation: Operation) -> int:
    return Event.objects.filter(type=OVERRULED, object_id=operation.pk).count()


def activated(operation: Operation) -> Operation:
    return services.move_operation(operation, "activate", actor=SYSTEM, at=now())


def test_equals_that_may_share_no_more_are_put_in_review_and_ask_each_other(kind, pair) -> None:
    one, other = pair
    beside = submit(make_operation(kind=kind, volumes=[volume(square(20))]))
    above = submit(make_operation(kind=kind, priority=5))
    change(kind, may_share=False)
    assert {state_of(each) for each in (one, other, beside, above)} == {"approved"}
    assert follow() == 4
    assert (state_of(one), asked(one)) == ("in_review", [for_sharing(other)])
    assert (state_of(other), asked(other)) == ("in_review", [for_sharing(one)])
    assert [(state_of(each), asked(each)) for each in (beside, above)] == [("approved", [])] * 2
    decide_all(one)
    assert (state_of(one), state_of(other)) == ("approved", "in_review")
    decide_all(other)
    assert (state_of(one), state_of(other)) == ("approved", "approved")


def test_what_has_been_settled_is_settled_no_more(kind, pair) -> None:
    cut(kind)
    services.follow_others(now())
    told = Event.objects.count()
    assert (follow(), services.follow_others(now()), KindChange.objects.count()) == (0, 0, 0)
    change(kind, name="Renamed", default_priority=3)
    assert (follow(), Event.objects.count()) == (0, told + 1)
    change(kind, may_share=False)
    assert (follow(), Event.objects.count()) == (0, told + 1)


def test_where_both_are_of_one_organisation_that_one_is_asked(kind) -> None:
    organisation = make_organisation()
    one, other = (submit(make_operation(kind=kind, organisation=organisation)) for _ in range(2))
    cut(kind)
    assert (asked(one), asked(other)) == ([for_sharing(other)], [for_sharing(one)])
    assert one.approvals.get().organisation_id == organisation.pk


def test_operations_of_other_kinds_follow_where_they_shared_with_one_of_that_kind(kind, start) -> None:
    others = make_operation_kind(may_share=True)
    first, second = (submit(make_operation(kind=each, volumes=[volume(starts_at=start)])) for each in (kind, others))
    there = [volume(square(20), starts_at=start)]
    apart = [submit(make_operation(kind=others, volumes=there)) for _ in range(2)]
    cut(kind)
    assert (asked(first), asked(second)) == ([for_sharing(second)], [for_sharing(first)])
    assert [state_of(each) for each in (first, second, *apart)] == ["in_review", "in_review", "approved", "approved"]


def test_heights_that_cannot_be_compared_are_asked_about_where_that_was_shared_and_nowhere_else(kind, start) -> None:
    def plan(place: float, heights: AltitudeBand, **terms: Any) -> Operation:
        return submit(make_operation(volumes=[volume(square(place), heights=heights, starts_at=start)], **terms))

    low, high = band(0, 120, Datum.AGL), band(300, 400)
    first, second = plan(0, low, kind=kind), plan(0, high)
    decide_all(second)
    third, fourth = plan(20, low, kind=kind), plan(20, high, kind=kind)
    cut(kind)
    assert (state_of(first), asked(first), state_of(second)) == ("approved", [], "approved")
    assert asked(third) == [("not_comparable", fourth.organisation_id, fourth.pk, "open")]
    assert asked(fourth) == [("not_comparable", third.organisation_id, third.pk, "open")]


def test_whoever_is_under_way_is_told_once_and_goes_on_and_the_other_asks(kind, pair) -> None:
    running, waiting = activated(pair[0]), pair[1]
    cut(kind)
    follow()
    assert (state_of(running), asked(running), overruled(running)) == ("active", [], 1)
    assert (state_of(waiting), asked(waiting), overruled(waiting)) == ("in_review", [for_sharing(running)], 0)
    services.move_operation(running, "end", actor=SYSTEM, at=now())
    services.follow_others(now())
    assert (state_of(waiting), asked(waiting)) == ("approved", [])


def test_whoever_gave_way_to_another_before_is_told_nothing_new(kind) -> None:
    running = activated(submit(make_operation(kind=kind)))
    submit(make_operation(kind=kind, priority=5))
    assert overruled(running) == 1
    cut(kind)
    assert (overruled(running), state_of(running)) == (1, "active")


def test_of_two_under_way_both_are_told(kind, pair) -> None:
    both = [activated(each) for each in pair]
    cut(kind)
    assert [(state_of(each), asked(each), overruled(each)) for each in both] == [("active", [], 1)] * 2


@pytest.mark.parametrize("way", ["cancels", "moves away", "moves in time", "goes first", "is rejected", "shares again"])
def test_nobody_waits_for_a_word_that_is_not_needed_any_more(kind, pair, start, way: str) -> None:
    one, other = pair
    cut(kind)
    assert state_of(one) == "in_review"
    there = {"moves away": volume(square(20), starts_at=start), "moves in time": volume(starts_at=start + timedelta(2))}
    other.refresh_from_db()
    if way == "cancels":
        services.move_operation(other, "cancel", actor=SYSTEM, at=now())
    elif way == "is rejected":
        decide_all(other, "rejected")
    elif way == "goes first":
        services.update_operation(other.pk, priority=7, actor=SYSTEM, at=now())
    elif way == "shares again":
        change(kind, may_share=True)
        follow()
    else:
        services.update_operation(other.pk, volumes=[there[way]], actor=SYSTEM, at=now())
    services.follow_others(now())
    assert (state_of(one), asked(one)) == ("approved", [])
    assert (services.follow_others(now()), follow()) == (0, 0)


def test_what_is_in_review_for_something_else_asks_too_and_what_was_said_stands(kind, pair) -> None:
    one, other = pair
    cut(kind)
    services.decide_approval(one.approvals.get().pk, decision="approved", note="Fine", actor=SYSTEM, at=now())
    third = submit(make_operation(kind=make_operation_kind(may_share=True), volumes=[volume(square(20))]))
    change(kind, may_share=True)
    follow()
    assert [state_of(each) for each in (one, other, third)] == ["approved"] * 3
    cut(kind)
    assert (state_of(one), asked(one)) == ("approved", [for_sharing(other, "approved")])
    assert (state_of(other), asked(other)) == ("in_review", [for_sharing(one)])


def test_another_plan_in_the_same_space_is_refused(kind, pair, start) -> None:
    one, _ = pair
    cut(kind)
    services.update_operation(one.pk, title="Another name", actor=SYSTEM, at=now())
    with pytest.raises(SpaceConflict):
        services.update_operation(one.pk, volumes=[volume(square(0.5), starts_at=start)], actor=SYSTEM, at=now())
    with pytest.raises(SpaceConflict):
        submit(make_operation(kind=kind))


def many(kind: OperationKind, start: datetime) -> list[Operation]:
    """Return three pairs, each in a place of its own."""
    places = [[volume(square(west * 3), starts_at=start)] for west in (0, 1, 2)]
    return [submit(make_operation(kind=kind, volumes=place)) for _ in range(2) for place in places]


def asked_by_all() -> list[str]:
    """Return the operations of the approvals that were ever asked for, in the order of the operations."""
    events = Event.objects.filter(type="watchfloor.approval.created.v1")
    return sorted(event.data["object"]["properties"]["operation_id"] for event in events)


def test_many_follow_in_bounded_batches_each_once(kind, start, monkeypatch) -> None:
    monkeypatch.setattr(sharing, "BATCH", 2)
    plans = many(kind, start)
    change(kind, may_share=False)
    assert [follow() for _ in range(5)] == [2, 2, 2, 0, 0]
    assert {state_of(each) for each in plans} == {"in_review"}
    assert asked_by_all() == sorted(str(each.pk) for each in plans)


def test_no_more_are_settled_at_once_than_one_transaction_has_time_for(kind, start, monkeypatch) -> None:
    monkeypatch.setattr(sharing, "MOST_CUT", 2)
    beside = [submit(make_operation(kind=kind, volumes=[volume(square(west), starts_at=start)])) for west in (20, 25)]
    plans = many(kind, start)
    change(kind, may_share=False)
    assert [follow() for _ in range(5)] == [4, 2, 2, 0, 0]
    assert {state_of(each) for each in beside} == {"approved"}
    assert asked_by_all() == sorted(str(each.pk) for each in plans)


def test_who_is_killed_half_way_goes_on_where_he_was(kind, start, monkeypatch) -> None:
    monkeypatch.setattr(sharing, "BATCH", 4)
    plans = many(kind, start)
    change(kind, may_share=False)
    assert follow() == 4
    settled: list[UUID] = []

    def die(operation: Operation, **terms: Any) -> Operation:
        if settled:
            raise OperationalError("The connection is lost.")
        settled.append(operation.pk)
        return settle(operation, **terms)

    with monkeypatch.context() as patch:
        patch.setattr(sharing, "settle", die)
        with pytest.raises(OperationalError):
            follow()
    assert (len(settled), len(asked_by_all())) == (1, 4)
    assert [follow(), follow()] == [2, 0]
    assert asked_by_all() == sorted(str(each.pk) for each in plans)


def test_a_bad_one_stops_no_other(kind, start, monkeypatch) -> None:
    bad, *good = many(kind, start)
    change(kind, may_share=False)

    def refuse(operation: Operation, **terms: Any) -> Operation:
        if operation.pk == bad.pk:
            raise ValueError("Bad.")
        return settle(operation, **terms)

    with monkeypatch.context() as patch:
        patch.setattr(sharing, "settle", refuse)
        assert (follow(), KindChange.objects.count()) == (6, 0)
    assert (state_of(bad), {state_of(each) for each in good}) == ("approved", {"in_review"})


def test_a_kind_that_is_changed_while_it_is_followed_is_followed_again(kind, start, monkeypatch) -> None:
    monkeypatch.setattr(sharing, "BATCH", 4)
    plans = many(kind, start)
    change(kind, may_share=False)
    follow()
    change(kind, may_share=True)
    assert [follow() for _ in range(4)] == [2, 4, 2, 0]
    assert [(state_of(each), asked(each)) for each in plans] == [("approved", [])] * 6


def test_a_kind_that_is_deleted_is_followed_no_more(kind) -> None:
    change(kind, may_share=False)
    services.delete_operation_kind(kind.pk, actor=SYSTEM, at=now())
    assert (follow(), KindChange.objects.count()) == (0, 0)


class TestWhoIsToldWhat:
    """Alice's operation may not share any more with one that is under way, and that she may not see."""

    @pytest.fixture
    def people(self, kind: OperationKind) -> Any:
        cast = make_cast()
        mine = submit(make_operation("Survey of ours", kind=kind, organisation=cast.harbour, contact="Desk 1"))
        theirs = make_operation("Secret dive", kind=kind, organisation=cast.elsewhere, contact="Desk 9")
        activated(submit(theirs))
        cut(kind)
        number_pending(1_000)
        return cast, mine, theirs

    def test_who_is_asked_is_told_why_and_about_which_of_his_own(self, people) -> None:
        cast, mine, theirs = people
        (item,) = signed_in(cast.charlie).get("/api/v1/approvals").json()["items"]
        told = {name: item[name] for name in ("reason", "operation_id", "operation_title", "other_id", "decision")}
        assert told == {
            "reason": "not_shared",
            "operation_id": str(mine.pk),
            "operation_title": "Survey of ours",
            "other_id": str(theirs.pk),
            "decision": "open",
        }
        assert "other_version" not in item
        filtered = signed_in(cast.charlie).get("/api/v1/approvals", {"filter": "reason = 'not_shared'"})
        assert len(filtered.json()["items"]) == 1

    def test_who_waits_is_not_told_for_whose_sake(self, people) -> None:
        cast, mine, theirs = people
        alice, path = signed_in(cast.alice), f"/api/v1/operations/{mine.pk}"
        (waits,) = alice.get(f"{path}/approvals").json()["items"]
        assert (waits["reason"], waits["organisation_id"]) == ("not_shared", str(cast.elsewhere.pk))
        pages = (
            (path, "Survey of ours"),
            (f"{path}/approvals", "not_shared"),
            (f"{path}/history", sharing.REASON),
            ("/api/v1/events", sharing.REASON),
            ("/api/v1/approvals", "items"),
            (f"/admin/operations/operation/{mine.pk}/change/", "Survey of ours"),
        )
        for page, known in pages:
            text = alice.get(page).content.decode()
            assert known in text, page
            assert [word for word in ("Secret dive", "Desk 9", str(theirs.pk)) if word in text] == [], page

    def test_the_inbox_says_it_in_words(self, people) -> None:
        cast, *_ = people
        page = signed_in(cast.charlie).get("/admin/operations/approval/inbox/")
        (line,) = page.context["lines"]
        assert (
            line["why"]
            == "It holds space of an operation of yours, and the two may not share it any more: do both fit?"
        )
        assert "Survey of ours" in page.content.decode()
        yours = dict(line["facts"])["Yours"]
        assert yours.startswith("Secret dive, every height, ")
        assert yours.endswith(" UTC")
        # What it is about is told by its title, which is that of the operation: only to whoever sees that.
        make_policy("limit", ["operations.view"], organisation=cast.elsewhere, hidden_fields=["title"])
        page = signed_in(cast.charlie).get("/admin/operations/approval/inbox/")
        assert "Survey of ours" in page.content.decode()
        assert "Secret dive" not in page.content.decode()


def test_the_form_of_a_kind_says_what_follows() -> None:
    kind = make_operation_kind()
    page = signed_in(make_user("root", is_staff=True, is_superuser=True)).get(
        f"/admin/operations/operationkind/{kind.pk}/change/"
    )
    text = page.content.decode()
    assert "put in review until the organisation of the other agrees" in text
    assert "what is approved stays approved" in text
