"""What is kept of calls, and for how long; and calls in flight while the installation's key is changed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from apps.core import clock
from apps.lifecycle import calling, services
from apps.lifecycle.models import Call, Saga, Service
from apps.lifecycle.services.sagas import TOKEN_LASTS
from tests.factories.calls import Desk, book, make_services, plan_visit, states
from tests.factories.core import NOON, after
from tests.factories.webhooks import receiving

pytestmark = pytest.mark.django_db
YEAR = timedelta(days=365)
LATER_KEY = "another-key-another-key-another-key-2"


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(clock, "now", lambda: after(5))
    make_services()
    return Desk()


def ended(desk: Desk) -> Saga:
    """Return a saga that ended at noon."""
    saga = book(plan_visit())
    desk.answer()
    return saga


def test_what_is_over_is_forgotten_a_year_later_with_its_calls(desk: Desk) -> None:
    ended(desk)
    assert services.forget_sagas(NOON + YEAR) == 0
    assert services.forget_sagas(NOON + YEAR + timedelta(seconds=1)) == 1
    assert (Saga.objects.count(), Call.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    "change",
    [{"state": "stuck"}, {"state": "compensating", "due_at": NOON, "finished_at": None}],
    ids=["stuck", "undone late"],
)
def test_what_is_not_settled_is_kept(desk: Desk, change: dict[str, Any]) -> None:
    saga = ended(desk)
    saga.calls.filter(place=1).update(**change)
    assert services.forget_sagas(NOON + 9 * YEAR) == 0
    assert saga.calls.count() == 2


def test_what_goes_on_is_kept(desk: Desk) -> None:
    book(plan_visit())
    assert services.forget_sagas(NOON + 9 * YEAR) == 0
    assert Call.objects.count() == 2


def test_nothing_goes_while_a_late_answer_would_still_be_heard(desk: Desk, settings: Any) -> None:
    settings.WATCHFLOOR = replace(settings.WATCHFLOOR, call_retention=timedelta(0))
    ended(desk)
    assert services.forget_sagas(NOON + TOKEN_LASTS) == 0
    assert services.forget_sagas(NOON + TOKEN_LASTS + timedelta(seconds=1)) == 1


@pytest.fixture
def in_flight(desk: Desk, settings: Any) -> Saga:
    """Return a saga whose second call is to be sent again, after the key was changed and the old one kept."""
    Service.objects.all().delete()
    make_services(auth="bearer", secret="berth-and-pilot")
    saga = book(plan_visit(pilots="await: callback\n        answer_within: PT1M"))
    desk.script = [201, 202]
    desk.answer()
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = LATER_KEY
    return saga


def test_a_call_in_flight_is_answered_under_a_former_key(desk: Desk, in_flight: Saga) -> None:
    [again] = services.claim_calls(10, after(60))
    assert again.headers["watchfloor-callback"] == desk.requests[1].headers["watchfloor-callback"]
    assert again.headers["authorization"] == "Bearer berth-and-pilot"
    path = again.headers["watchfloor-callback"].removeprefix("http://127.0.0.1:8000")
    assert Client().post(path, {"outcome": "succeeded"}, content_type="application/json").status_code == 204
    assert states(in_flight) == ["booked", "succeeded", "succeeded", "succeeded"]


@pytest.mark.django_db(transaction=True)
def test_what_no_key_reads_any_more_is_not_sent_and_holds_up_nobody(
    desk: Desk, in_flight: Saga, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SECRET_KEY_FALLBACKS = []
    monkeypatch.setattr(clock, "now", lambda: after(60))
    with receiving() as receiver:
        Service.objects.update(base_url=receiver.url.rstrip("/"))
        assert calling.call_services() == 1
    assert receiver.received == []
    call = in_flight.calls.get(place=1)
    assert (call.state, call.attempts, call.due_at is not None) == ("waiting", 2, True)
    assert call.last_error.startswith("A secret of it cannot be read.")
    assert Service.objects.get(key="pilots").failures == 1
