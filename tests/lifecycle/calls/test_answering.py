"""Answers that come later, by callback and as events, however late; and what people decide."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson
import pytest
from django.test import Client

from apps.access.types import SYSTEM
from apps.core import clock
from apps.core.types import Conflict, NotFound
from apps.events.rules.incoming import OutsideEvent
from apps.events.services import receive_events
from apps.incidents.models import Incident
from apps.lifecycle import services
from apps.lifecycle.models import Call, Saga
from tests.factories.access import make_cast
from tests.factories.calls import Desk, book, make_services, perform_all, plan_visit, states
from tests.factories.core import NOON, after
from tests.factories.lifecycles import hear_all

pytestmark = pytest.mark.django_db
CALLBACK = "await: callback\n        answer_within: PT1M"
EVENT = 'await: event\n        event: {type: pilot.answered, match: "sent.accepted = true"}'


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(clock, "now", lambda: after(5))
    make_services()
    return Desk()


def post_answer(url: str, outcome: str = "succeeded", **more: Any) -> Any:
    path = url.removeprefix("http://127.0.0.1:8000")
    return Client().post(path, {"outcome": outcome, **more}, content_type="application/json")


def accepted(desk: Desk) -> tuple[Saga, str]:
    """Return a saga whose second call was accepted, and where its answer goes."""
    saga = book(plan_visit(pilots=CALLBACK))
    desk.script = [201, 202]
    desk.answer()
    return saga, desk.requests[1].headers["watchfloor-callback"]


def test_an_answer_that_comes_later_goes_on_from_there(desk: Desk) -> None:
    saga, url = accepted(desk)
    assert "watchfloor-callback" not in desk.requests[0].headers
    assert states(saga) == ["booking", "calling", "succeeded", "awaiting"]
    assert post_answer(url, answer={"pilot": 7}).status_code == 204
    assert states(saga) == ["booked", "succeeded", "succeeded", "succeeded"]
    assert saga.calls.get(place=1).answer == '{"pilot":7}'


def test_a_service_may_refuse_later(desk: Desk) -> None:
    saga, url = accepted(desk)
    assert post_answer(url, "failed").status_code == 204
    desk.answer(after(5))
    assert states(saga) == ["refused", "failed", "compensated", "failed"]


def test_every_bad_token_is_answered_the_same(desk: Desk) -> None:
    saga, url = accepted(desk)
    token = url.rpartition("/")[2]
    assert token not in str(Call.objects.filter(saga=saga).values())
    guessed = post_answer(url[:-1] + ("A" if url[-1] != "A" else "B"))
    Call.objects.update(token_until=after(5))
    late = post_answer(url)
    Call.objects.update(token_until=after(6))
    assert post_answer(url).status_code == 204
    used = post_answer(url)
    answers = [orjson.loads(each.content) for each in (guessed, late, used)]
    for answer in answers:
        answer.pop("trace_id")
        answer.pop("instance", None)
    assert answers == [answers[0]] * 3
    assert {each.status_code for each in (guessed, late, used)} == {404}


def test_a_token_of_a_call_that_answers_at_once_is_none(desk: Desk) -> None:
    book(plan_visit())
    with pytest.raises(NotFound):
        services.answer_call("", {}, has_succeeded=True, at=NOON)


def test_a_body_that_says_nothing_uses_no_token_up(desk: Desk) -> None:
    _, url = accepted(desk)
    assert post_answer(url, "perhaps").status_code == 422
    assert post_answer(url).status_code == 204


def test_a_callback_that_is_faster_than_the_answer_counts(desk: Desk) -> None:
    saga = book(plan_visit(pilots=CALLBACK))
    [berth] = services.claim_calls(1, NOON)
    services.settle_call(desk.response(berth), at=NOON)
    [pilot] = services.claim_calls(1, NOON)
    assert post_answer(pilot.headers["watchfloor-callback"]).status_code == 204
    assert states(saga)[0] == "booked"
    desk.script = [202]
    assert services.settle_call(desk.response(pilot), at=NOON) is False
    assert states(saga) == ["booked", "succeeded", "succeeded", "succeeded"]


def test_an_answer_that_does_not_come_is_asked_for_again(desk: Desk) -> None:
    saga, _ = accepted(desk)
    desk.script = [202, 202]
    assert [desk.answer(after(seconds)) for seconds in (59, 60, 120)] == [0, 1, 1]
    assert services.claim_calls(10, after(180)) == []
    desk.answer(after(180))
    assert states(saga) == ["refused", "failed", "compensated", "compensated"]
    assert saga.reason == "Pilots: No answer came."


def test_success_after_failure_is_undone_once_more(desk: Desk) -> None:
    saga, url = accepted(desk)
    services.expire_calls(after(600))
    desk.answer(after(600))
    assert states(saga) == ["refused", "failed", "compensated", "compensated"]
    desk.asked.clear()
    assert post_answer(url).status_code == 204
    assert states(saga) == ["refused", "failed", "compensated", "compensating"]
    desk.answer(after(600))
    assert desk.asked == [f"POST /orders/{saga.calls.get(place=1).pk}/cancel"]
    assert states(saga) == ["refused", "failed", "compensated", "compensated"]


def test_what_is_being_undone_when_success_comes_is_undone_after_it(desk: Desk) -> None:
    saga, url = accepted(desk)
    services.expire_calls(after(600))
    [undoing] = services.claim_calls(10, after(600))
    assert post_answer(url).status_code == 204
    assert services.settle_call(desk.response(undoing), at=after(601)) is False
    desk.answer(after(601))
    assert states(saga) == ["refused", "failed", "compensated", "compensated"]


def event(visit: Incident, call: object, *, kind: str = "pilot.answered", accepted: bool = True) -> OutsideEvent:
    return OutsideEvent(
        id=f"{call}-{accepted}", source="/pilots", type=kind, noun="incidents", object_id=visit.pk, time=None,
        data={"accepted": accepted}, attributes={"callid": str(call)},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("is_accepted", "expected"),
    [
        (True, ["booked", "succeeded", "succeeded", "succeeded"]),
        (False, ["refused", "failed", "compensated", "failed"]),
    ],
    ids=["accepted", "declined"],
)
def test_an_event_answers_the_call_that_it_names(desk: Desk, is_accepted: bool, expected: list[str]) -> None:
    visit = plan_visit(pilots=EVENT)
    hear_all(NOON)
    saga = book(visit)
    desk.script = [201, 202]
    desk.answer()
    call = saga.calls.get(place=1).pk
    other = saga.calls.get(place=0).pk
    told = [event(visit, other), event(visit, "nothing"), event(visit, call, kind="pilot.seen")]
    for each in [*told, event(visit, call, accepted=is_accepted)]:
        receive_events([each], actor=SYSTEM, at=NOON)
    hear_all(NOON)
    perform_all(NOON)
    desk.answer()
    assert states(saga) == expected


def test_nobody_else_may_try_again_or_give_up(desk: Desk) -> None:
    saga = book(plan_visit())
    charlie = make_cast().actor("charlie")
    for does in (services.retry_call, services.give_up_call):
        with pytest.raises(NotFound):
            does(saga.calls.get(place=0).pk, actor=charlie, at=NOON)
    assert states(saga) == ["booking", "calling", "waiting", "waiting"]


def test_what_rests_can_be_tried_at_once_and_it_is_written_down_by_whom(desk: Desk) -> None:
    saga = book(plan_visit())
    desk.script = [503]
    desk.answer()
    call = services.retry_call(saga.calls.get(place=0).pk, actor=SYSTEM, at=after(1))
    assert (call.decided, call.decided_by, call.decided_at) == ("retried", "system", after(1))
    assert desk.answer(after(1)) == 2
    with pytest.raises(Conflict):
        services.retry_call(call.pk, actor=SYSTEM, at=after(1))


def test_what_goes_on_can_be_given_up_and_is_undone(desk: Desk) -> None:
    saga, _ = accepted(desk)
    call = saga.calls.get(place=1)
    services.give_up_call(call.pk, actor=SYSTEM, at=after(1))
    assert states(saga) == ["booking", "undoing", "compensating", "compensating"]
    services.give_up_call(call.pk, actor=SYSTEM, at=after(2))
    assert states(saga) == ["booking", "undoing", "compensating", "stuck"]
    desk.answer(after(2))
    assert states(saga) == ["refused", "failed", "compensated", "stuck"]
    assert saga.reason.startswith("Pilots: Given up by system.")
    with pytest.raises(Conflict):
        services.give_up_call(call.pk, actor=SYSTEM, at=after(3) + timedelta(seconds=1))
