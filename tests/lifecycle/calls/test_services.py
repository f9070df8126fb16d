"""Registered services: their limits, shared by all who call; their secrets; and calls over real HTTP."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from apps.access.types import SYSTEM
from apps.core import clock
from apps.core.types import Conflict, Invalid, NotAllowed
from apps.lifecycle import calling, services
from apps.lifecycle.models import Call, Service
from apps.lifecycle.services.calling import SEALED_FOR
from apps.lifecycle.types import DefinitionError
from tests.factories.access import make_cast, make_organisation, make_user, signed_in
from tests.factories.calls import VISIT, Desk, book, make_service, make_services, plan_visit, states
from tests.factories.core import NOON, after
from tests.factories.lifecycles import begin_incident, make_definition
from tests.factories.webhooks import receiving

URL = "/api/v1/services"


def book_many(count: int) -> None:
    make_definition(VISIT.format(berths="", pilots=""))
    for _ in range(count):
        book(begin_incident(make_organisation(), "visit"))


@pytest.mark.django_db
def test_no_more_at_once_than_the_service_wants_whoever_calls() -> None:
    make_services(concurrency=2)
    book_many(3)
    first, other = services.claim_calls(1, NOON), services.claim_calls(10, NOON)
    assert (len(first), len(other), services.claim_calls(10, NOON)) == (1, 1, [])
    services.settle_call(Desk().response(first[0]), at=NOON)
    assert len(services.claim_calls(10, NOON)) == 2  # the third berth, and the pilot of the first


@pytest.mark.django_db
def test_a_circuit_breaks_rests_and_is_tried_by_one_call() -> None:
    make_services(break_after=2, break_for=timedelta(seconds=30))
    book_many(3)
    desk = Desk(script=[503, 503])
    requests = services.claim_calls(2, NOON)
    for request in requests:
        services.settle_call(desk.response(request), at=NOON)
    assert Service.objects.get(key="berths").open_until == after(30)
    assert services.claim_calls(10, after(29)) == []
    assert services.is_call_due(after(29)) is False
    [probe] = services.claim_calls(10, after(30))
    assert services.claim_calls(10, after(30)) == []
    desk.script = [409]
    services.settle_call(desk.response(probe), at=after(31))
    healed = Service.objects.get(key="berths")
    assert (healed.failures, healed.open_until) == (0, None)
    assert len(services.claim_calls(10, after(31))) == 2


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("given", "header", "sent"),
    [
        ({"auth": "bearer", "secret": "s3cret"}, "authorization", "Bearer s3cret"),
        ({"auth": "basic", "secret": "me:s3cret"}, "authorization", "Basic bWU6czNjcmV0"),
        ({"auth": "header", "header": "x-key", "secret": "s3cret"}, "x-key", "s3cret"),
    ],
    ids=["bearer", "basic", "header"],
)
def test_a_secret_is_sent_and_neither_stored_nor_shown(given: dict[str, str], header: str, sent: str) -> None:
    make_services(**given)
    book(plan_visit())
    assert services.claim_calls(1, NOON)[0].headers[header] == sent
    row = Service.objects.get(key="berths")
    assert "s3cret" not in str(Service.objects.values().get(pk=row.pk))
    admin = signed_in(make_user("root", is_staff=True, is_superuser=True))
    shown = (
        admin.get(f"{URL}/{row.pk}").content.decode()
        + admin.get(f"/admin/lifecycle/service/{row.pk}/change/").content.decode()
    )
    assert ("s3cret" in shown, row.sealed_secret in shown, "example.com" in shown) == (False, False, True)


@pytest.mark.django_db
def test_a_service_that_moves_is_not_sent_the_old_secret() -> None:
    row = make_service("berths", auth="bearer", secret="s3cret")
    with pytest.raises(Invalid) as refused:
        services.update_service(
            row.pk, {"base_url": "https://elsewhere.example"}, expected_version=None, actor=SYSTEM, at=NOON
        )
    assert [error.pointer for error in refused.value.errors] == ["/secret"]
    kept = services.update_service(row.pk, {"name": "Docks"}, expected_version=None, actor=SYSTEM, at=NOON)
    assert kept.sealed_secret == row.sealed_secret
    assert SEALED_FOR == "services"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"key": "Big Key"}, "/key"),
        ({"base_url": "http://10.0.0.1"}, "/base_url"),
        ({"base_url": "https://example.com/?a=b"}, "/base_url"),
        ({"auth": "bearer"}, "/secret"),
        ({"auth": "header", "header": "Host", "secret": "x"}, "/header"),
        ({"auth": "bearer", "secret": "two\nlines"}, "/secret"),
        ({"concurrency": 0}, "/concurrency"),
        ({"timeout": timedelta(hours=1)}, "/timeout"),
    ],
    ids=["key", "private", "query", "no-secret", "host", "line-break", "concurrency", "timeout"],
)
def test_what_makes_no_sense_is_refused(given: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Invalid) as refused:
        make_service(**{"key": "berths", **given})
    assert pointer in [error.pointer for error in refused.value.errors]


@pytest.mark.django_db
def test_only_who_holds_it_at_the_root_registers_services() -> None:
    cast = make_cast()
    with pytest.raises(NotAllowed):
        services.create_service(
            {"key": "a", "name": "A", "base_url": "https://example.com"}, actor=cast.actor("bob"), at=NOON
        )
    make_service("berths")
    shown = signed_in(cast.bob).get(URL).json()["items"][0]
    assert (shown["key"], shown["base_url"], shown["auth"]) == ("berths", None, None)


@pytest.mark.django_db
def test_it_is_managed_over_rest() -> None:
    admin = signed_in(make_user("root", is_staff=True, is_superuser=True))
    body = {"key": "berths", "name": "Berths", "base_url": "https://example.com", "timeout_s": 3}
    made = admin.post(URL, body, content_type="application/json")
    assert (made.status_code, made.json()["timeout_s"], made.json()["break_for_s"]) == (201, 3.0, 30.0)
    assert admin.post(URL, body, content_type="application/json").status_code == 409
    place, tag = made.headers["Location"], made.headers["ETag"]
    changed = admin.patch(
        place, {"concurrency": 2}, content_type="application/merge-patch+json", headers={"If-Match": tag}
    )
    assert (changed.status_code, changed.json()["concurrency"], changed.json()["timeout_s"]) == (200, 2, 3.0)
    assert admin.delete(place, headers={"If-Match": changed.headers["ETag"]}).status_code == 204


@pytest.mark.django_db
def test_a_service_that_was_called_stays() -> None:
    make_services()
    book(plan_visit())
    with pytest.raises(Conflict):
        services.delete_service(Service.objects.get(key="berths").pk, expected_version=None, actor=SYSTEM, at=NOON)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"service: berths": "service: docks"}, "No service is registered as «docks»."),
        ({'vessel: "{{title}}"': 'vessel: "{{colour}}"'}, "incidents publish no «colour»."),
        ({"on_success: confirm": "on_success: leave_it"}, "There is no transition «leave_it»."),
        ({"on_failure: refuse": "on_failure: book"}, "«book» does not start from «booking»."),
        ({"within: PT10M": "within: soon"}, "«soon» is no duration above zero, such as PT5M or P1DT12H."),
        ({"within: PT10M": "await: event"}, "An event is what it awaits: say «await: event», and which."),
        (
            {'        compensate: {{method: DELETE, path: "/bookings/{{call_id}}"}}\n': ""},
            "One of several calls says how it is undone; «compensate: nothing» where it need not be.",
        ),
    ],
    ids=["service", "property", "transition", "state", "duration", "event", "compensation"],
)
def test_a_mistake_is_told_before_publishing(wrong: dict[str, str], told: str) -> None:
    make_services()
    text = VISIT
    for right, mistake in wrong.items():
        assert right in text
        text = text.replace(right, mistake, 1)
    with pytest.raises(DefinitionError) as refused:
        make_definition(text.format(berths="", pilots=""))
    assert told in " ".join(str(mistake) for mistake in refused.value.mistakes)


@pytest.mark.django_db(transaction=True)
def test_it_is_called_over_http(settings: Any) -> None:
    settings.WATCHFLOOR = replace(settings.WATCHFLOOR, outbound_hosts=frozenset({"127.0.0.1"}))
    with receiving() as receiver:
        make_services(receiver.url.removesuffix("/hook"))
        posting = VISIT.replace("method: PUT", "method: POST")  # what the receiver understands
        make_definition(posting.format(berths="", pilots=""), at=clock.now())
        saga = book(begin_incident(make_organisation(), "visit", at=clock.now()), at=clock.now())
        assert calling.call_services() == 2
    assert [each.path for each in receiver.received] == ["/bookings", "/orders/A%20drill"]
    assert receiver.received[0].headers["idempotency-key"] == str(saga.calls.get(place=0).pk)
    assert states(saga) == ["booked", "succeeded", "succeeded", "succeeded"]
    assert set(Call.objects.values_list("status", flat=True)) == {204}
