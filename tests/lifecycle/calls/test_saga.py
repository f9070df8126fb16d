"""A saga: all of it or nothing, whatever services answer, and whenever."""

from __future__ import annotations

from datetime import timedelta

import pytest

from apps.access.types import SYSTEM
from apps.incidents.models import Incident
from apps.lifecycle import services
from apps.lifecycle.models import Call, Effect, Saga, Service, Transition
from apps.lifecycle.services.calling import UNDO_LONGEST
from apps.lifecycle.services.sagas import UNDO_ATTEMPTS
from tests.factories.calls import Desk, book, make_services, perform_all, plan_visit, states
from tests.factories.core import NOON, after

pytestmark = pytest.mark.django_db

BERTH, PILOT = "POST /bookings", "PUT /orders/A%20drill"


@pytest.fixture
def desk() -> Desk:
    make_services()
    return Desk()


def undo_of(saga: Saga, place: int) -> str:
    key = saga.calls.get(place=place).pk
    return f"DELETE /bookings/{key}" if place == 0 else f"POST /orders/{key}/cancel"


def test_everything_is_asked_in_order_and_then_the_object_moves(desk: Desk) -> None:
    saga = book(plan_visit())
    assert states(saga) == ["booking", "calling", "waiting", "waiting"]
    assert desk.answer() == 2
    assert desk.asked == [BERTH, PILOT]
    assert states(saga) == ["booked", "succeeded", "succeeded", "succeeded"]
    step = Transition.objects.get(name="confirm")
    assert (step.cause, step.actor_label, step.effective_at) == ("service", "system", NOON)


def test_a_request_says_what_the_template_says_under_a_key_that_stays(desk: Desk) -> None:
    saga = book(plan_visit())
    desk.script = [None, None]
    desk.answer()
    desk.answer(after(3))
    first, again = desk.requests
    effect = Effect.objects.get(params__service="berths")
    assert first.body == b'{"note":"for A drill","vessel":"A drill","severity":2}'
    assert (first.url, first.timeout) == ("https://example.com/api/bookings", timedelta(seconds=10))
    assert first.headers == {
        "user-agent": "Watchfloor-Calls/1.0",
        "accept": "application/json",
        "idempotency-key": str(effect.id),
        "content-type": "application/json",
    }
    assert (again.headers, again.body, again.turn > first.turn) == (first.headers, first.body, True)
    assert saga.transition_id == Transition.objects.get(name="book").pk == effect.transition_id


def test_performing_the_effects_twice_owes_the_calls_once(desk: Desk) -> None:
    visit = plan_visit()
    saga = book(visit)
    Effect.objects.update(status="owed", done_at=None, due_at=NOON)
    perform_all(NOON)
    assert (Saga.objects.get(), Call.objects.count()) == (saga, 2)


def test_the_last_refused_the_first_is_undone(desk: Desk) -> None:
    saga = book(plan_visit())
    desk.script = [201, 409]
    desk.answer()
    assert desk.asked == [BERTH, PILOT, undo_of(saga, 0)]
    assert desk.requests[-1].headers["idempotency-key"] == f"{saga.calls.get(place=0).pk}-undo"
    assert states(saga) == ["refused", "failed", "compensated", "failed"]
    assert Transition.objects.get(name="refuse").reason == "Pilots: It answered 409."


def test_the_first_refused_the_others_are_not_asked(desk: Desk) -> None:
    saga = book(plan_visit())
    desk.script = [422]
    assert desk.answer() == 1
    assert states(saga) == ["refused", "failed", "failed", "skipped"]


def test_what_may_have_happened_is_undone_too_the_latest_first(desk: Desk) -> None:
    saga = book(plan_visit())
    desk.script = [201, None, 503, 429]
    for seconds in (0, 3, 9):
        desk.answer(after(seconds))
    assert desk.asked == [BERTH, PILOT, PILOT, PILOT, undo_of(saga, 1), undo_of(saga, 0)]
    assert states(saga) == ["refused", "failed", "compensated", "compensated"]


def test_refused_after_an_attempt_of_which_nobody_knows_is_undone(desk: Desk) -> None:
    saga = book(plan_visit())
    desk.script = [None, 409]
    desk.answer()
    desk.answer(after(3))
    assert desk.asked == [BERTH, BERTH, undo_of(saga, 0)]
    assert states(saga) == ["refused", "failed", "compensated", "skipped"]


def test_failed_attempts_are_repeated_after_a_pause_that_grows(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.lifecycle.services.calling.random.random", lambda: 0.0)
    saga = book(plan_visit())
    desk.script = [503, 503]
    assert [desk.answer(after(seconds)) for seconds in (0, 1.9, 2, 4.9)] == [1, 0, 1, 0]
    assert desk.answer(after(5)) == 2
    assert states(saga)[0] == "booked"


def test_a_service_that_asks_for_patience_gets_it(desk: Desk) -> None:
    book(plan_visit())
    desk.script = [429]
    desk.answer(retry_after=timedelta(minutes=1))
    assert desk.answer(after(59)) == 0
    assert desk.answer(after(60)) == 2


def test_what_takes_too_long_altogether_is_given_up(desk: Desk) -> None:
    saga = book(plan_visit())
    desk.script = [None]
    desk.answer()
    Service.objects.update(is_enabled=False)
    assert services.expire_calls(after(599)) == 0
    assert services.expire_calls(after(600)) == 1
    assert states(saga) == ["booking", "undoing", "compensating", "skipped"]
    Service.objects.update(is_enabled=True)
    desk.answer(after(600))
    assert states(saga) == ["refused", "failed", "compensated", "skipped"]


def test_what_was_never_sent_in_its_time_needs_no_undoing(desk: Desk) -> None:
    saga = book(plan_visit())
    assert services.expire_calls(after(600)) == 1
    assert desk.answer(after(600)) == 0
    assert states(saga) == ["refused", "failed", "failed", "skipped"]
    assert saga.reason == "Berths: It was not done in time."


def test_what_a_dead_worker_held_comes_back(desk: Desk) -> None:
    saga = book(plan_visit())
    [held] = services.claim_calls(10, NOON)
    assert services.claim_calls(10, after(19.9)) == []
    [again] = services.claim_calls(10, after(20))
    assert (again.call_id, again.turn) == (held.call_id, held.turn + 1)
    assert services.settle_call(desk.response(held), at=after(20)) is False
    assert states(saga)[2:] == ["running", "waiting"]
    assert services.settle_call(desk.response(again), at=after(21)) is True
    assert states(saga)[2:] == ["succeeded", "waiting"]


def test_workers_that_always_die_use_up_the_attempts_and_it_is_undone(desk: Desk) -> None:
    saga = book(plan_visit())
    for seconds in (0, 20, 40):
        assert len(services.claim_calls(10, after(seconds))) == 1
    assert services.claim_calls(10, after(60)) == []
    desk.answer(after(60))
    assert desk.asked == [undo_of(saga, 0)]
    assert states(saga) == ["refused", "failed", "compensated", "skipped"]


def test_success_for_an_object_that_has_moved_on_is_undone(desk: Desk) -> None:
    visit = plan_visit()
    saga = book(visit)
    services.advance(visit, "leave", actor=SYSTEM, at=after(1))
    desk.answer(after(2))
    assert desk.asked == [BERTH, PILOT, undo_of(saga, 1), undo_of(saga, 0)]
    assert states(saga) == ["gone", "failed", "compensated", "compensated"]


def test_success_for_an_object_that_is_gone_is_undone(desk: Desk) -> None:
    visit = plan_visit()
    saga = book(visit)
    Incident.objects.all().delete()
    desk.answer(after(2))
    saga.refresh_from_db()
    assert (saga.state, [call.state for call in saga.calls.all()]) == ("failed", ["compensated"] * 2)


@pytest.mark.parametrize("status", [200, 204, 404, 410])
def test_it_is_undone_by_what_says_that_it_is_not_there(desk: Desk, status: int) -> None:
    saga = book(plan_visit())
    desk.script = [201, 409, status]
    desk.answer()
    assert states(saga)[1:] == ["failed", "compensated", "failed"]


def test_what_cannot_be_undone_is_stuck_and_told_and_can_be_tried_again(desk: Desk) -> None:
    saga = book(plan_visit())
    desk.script = [201, None, None, None, *[403] * UNDO_ATTEMPTS]
    at = NOON
    for _ in range(UNDO_ATTEMPTS + 3):
        desk.answer(at)
        at += UNDO_LONGEST * 2
    assert states(saga) == ["refused", "failed", "compensated", "stuck"]
    reason = Transition.objects.get(name="refuse").reason
    assert reason.endswith("Not undone, somebody must see to it: Pilots.")
    stuck = saga.calls.get(place=1)
    assert (stuck.last_error, stuck.finished_at is not None) == ("It answered 403.", True)
    services.retry_call(stuck.pk, actor=SYSTEM, at=at)
    desk.answer(at)
    assert states(saga) == ["refused", "failed", "compensated", "compensated"]
    assert Transition.objects.filter(name="refuse").count() == 1
