"""Webhooks from the log to a real receiver: signed, in order of each subject, again until it is taken."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django_rq import get_queue
from standardwebhooks import Webhook, WebhookVerificationError

from apps.access.types import SYSTEM
from apps.core import clock
from apps.core.ids import new_id
from apps.core.redis import channel_name, client
from apps.core.working import Worker
from apps.events import jobs, services
from apps.events.models import Attempt, Delivery, Endpoint
from apps.events.queries import head
from apps.events.services.delivering import Result, claim, lease, settle
from apps.events.types import Cursor
from tests.factories.access import Cast, make_cast
from tests.factories.events import logged, new_event
from tests.factories.webhooks import Received, Receiver, make_webhook
from tests.live.asyncapi import judge_event

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def deliver(*, later: timedelta = timedelta(0)) -> None:
    """Let everything happen that is due."""
    services.owe_events(clock.now())
    if later:
        Delivery.objects.filter(due_at__isnull=False).update(due_at=F("due_at") - later)
    jobs.deliver()


def states() -> list[str]:
    return list(Delivery.objects.order_by("id").values_list("state", flat=True))


def test_it_is_a_signed_cloud_event_that_the_standard_verifies(cast: Cast, receiver: Receiver) -> None:
    endpoint, secret = make_webhook(cast.alice, receiver.url)
    [event] = logged(new_event(organisation_id=cast.harbour.pk, title="A tug drifts"))
    deliver()
    [got] = receiver.received
    verified = Webhook(secret).verify(got.body, got.headers)
    assert verified == got.event
    judge_event(got.event)
    assert (got.event["id"], got.event["sequence"]) == (str(event.id), f"{event.offset:020d}")
    assert got.event["data"]["object"]["properties"] == {"title": "A tug drifts"}
    assert got.headers["webhook-id"] == str(event.id)
    assert got.headers["content-type"].startswith("application/cloudevents+json")
    with pytest.raises(WebhookVerificationError):
        Webhook(make_webhook(cast.bob)[1]).verify(got.body, got.headers)
    row = Delivery.objects.get()
    assert (row.state, row.attempts, row.status, row.due_at) == ("delivered", 1, 204, None)
    [attempt] = Attempt.objects.all()
    assert (attempt.number, attempt.status, attempt.sent) == (1, 204, got.body.decode())
    assert Endpoint.objects.get(pk=endpoint.pk).offset == head().offset


def test_after_the_key_of_the_installation_was_changed_both_secrets_verify(
    cast: Cast, receiver: Receiver, settings: Any
) -> None:
    endpoint, old = make_webhook(cast.alice, receiver.url)
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another-key-another-key-another-key-2"
    _, new = services.rotate_secret(endpoint.pk, actor=SYSTEM, at=clock.now())
    logged(new_event(organisation_id=cast.harbour.pk))
    deliver()
    [got] = receiver.received
    for secret in (old, new):
        assert Webhook(secret).verify(got.body, got.headers)


def test_after_a_rotation_both_secrets_verify_for_a_day(cast: Cast, receiver: Receiver) -> None:
    endpoint, old = make_webhook(cast.alice, receiver.url)
    _, new = services.rotate_secret(endpoint.pk, actor=SYSTEM, at=clock.now())
    assert old != new
    logged(new_event(organisation_id=cast.harbour.pk))
    deliver()
    for secret in (old, new):
        assert Webhook(secret).verify(receiver.received[0].body, receiver.received[0].headers)
    Endpoint.objects.update(former_until=clock.now())
    logged(new_event(organisation_id=cast.harbour.pk))
    deliver()
    assert Webhook(new).verify(receiver.received[1].body, receiver.received[1].headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(old).verify(receiver.received[1].body, receiver.received[1].headers)


def test_a_subject_is_told_in_order_and_others_do_not_wait_for_it(cast: Cast, receiver: Receiver) -> None:
    stuck, free = new_id(), new_id()
    receiver.answer = lambda got: (500, {}, b"no") if got.event["subject"].endswith(str(stuck)) else (200, {}, b"")
    make_webhook(cast.alice, receiver.url)
    logged(*[new_event(organisation_id=cast.harbour.pk, object_id=each) for each in (stuck, free) * 3])
    deliver()
    told = receiver.by_subject()
    assert (len(told[f"incidents/{stuck}"]), len(told[f"incidents/{free}"])) == (1, 3)
    receiver.answer = lambda _: (204, {}, b"")
    deliver(later=timedelta(seconds=10))
    told = receiver.by_subject()
    first, *others = told[f"incidents/{stuck}"]
    assert others == sorted(others)
    assert others[0] == first
    assert set(states()) == {"delivered"}
    assert told[f"incidents/{free}"] == sorted(told[f"incidents/{free}"])


def test_ten_attempts_then_it_is_dead_and_the_next_follows(cast: Cast, receiver: Receiver) -> None:
    receiver.answer = lambda _: (302, {"Location": "http://127.0.0.1:1/"}, b"elsewhere")
    make_webhook(cast.alice, receiver.url)
    subject = new_id()
    logged(*[new_event(organisation_id=cast.harbour.pk, object_id=subject) for _ in range(2)])
    for _ in range(10):
        deliver(later=timedelta(hours=30))
    assert states() == ["dead", "waiting"]
    first = Delivery.objects.earliest("id")
    assert (first.attempts, first.status, first.error) == (10, 302, "It answered 302.")
    assert [each.answer for each in first.log.all()] == ["elsewhere"] * 10
    receiver.answer = lambda _: (200, {}, b"")
    deliver(later=timedelta(hours=30))
    assert states() == ["dead", "delivered"]
    again = services.replay_delivery(first.endpoint_id, first.pk, actor=SYSTEM, at=clock.now())
    deliver()
    assert (states(), again.message_id) == (["dead", "delivered", "delivered"], first.message_id)


def test_gone_switches_it_off_and_on_again_it_goes_on(cast: Cast, receiver: Receiver) -> None:
    receiver.answer = lambda _: (410, {}, b"")
    endpoint, _ = make_webhook(cast.alice, receiver.url)
    logged(new_event(organisation_id=cast.harbour.pk), new_event(organisation_id=cast.harbour.pk))
    deliver()
    endpoint.refresh_from_db()
    assert (endpoint.is_enabled, endpoint.stopped_by) == (False, "gone")
    assert set(states()) == {"waiting"}
    receiver.received.clear()
    deliver(later=timedelta(hours=30))
    assert receiver.received == []
    receiver.answer = lambda _: (204, {}, b"")
    services.update_endpoint(endpoint.pk, {"is_enabled": True}, expected_version=None, actor=SYSTEM, at=clock.now())
    deliver()
    assert (set(states()), len(receiver.received)) == ({"delivered"}, 2)


def test_retry_after_is_honoured(cast: Cast, receiver: Receiver) -> None:
    receiver.answer = lambda _: (503, {"Retry-After": "120"}, b"")
    make_webhook(cast.alice, receiver.url)
    logged(new_event(organisation_id=cast.harbour.pk))
    deliver()
    due_at = Delivery.objects.get().due_at
    assert due_at is not None
    assert timedelta(seconds=60) < due_at - clock.now() <= timedelta(seconds=121)


def test_what_its_owner_may_not_see_any_more_is_withheld(cast: Cast, receiver: Receiver) -> None:
    make_webhook(cast.bob, receiver.url)
    logged(new_event(organisation_id=cast.harbour.pk), new_event(organisation_id=cast.elsewhere.pk))
    services.owe_events(clock.now())
    assert Delivery.objects.count() == 1
    cast.bob.assignments.all().delete()
    jobs.deliver()
    assert (receiver.received, states()) == ([], ["withheld"])
    assert Delivery.objects.get().attempts == 0


def test_a_disabled_owner_switches_it_off(cast: Cast, receiver: Receiver) -> None:
    endpoint, _ = make_webhook(cast.bob, receiver.url)
    logged(new_event(organisation_id=cast.harbour.pk))
    services.owe_events(clock.now())
    cast.bob.is_active = False
    cast.bob.save()
    jobs.deliver()
    endpoint.refresh_from_db()
    assert (receiver.received, endpoint.stopped_by, states()) == ([], "owner", ["waiting"])


def test_a_claim_that_is_not_honoured_comes_back_and_a_late_result_counts_for_nothing(cast: Cast) -> None:
    make_webhook(cast.alice)
    logged(new_event(organisation_id=cast.harbour.pk))
    at = clock.now()
    services.owe_events(at)
    [mine] = claim(10, {}, each=10, at=at)
    assert claim(10, {}, each=10, at=at + lease() * 0.9) == []
    [theirs] = claim(10, {}, each=10, at=at + lease() * 1.1)
    assert (mine.attempt, theirs.attempt, mine.body) == (1, 2, theirs.body)
    late = Result(message=mine, sent_at=at, duration=timedelta(0), status=500)
    assert settle([late], at=at) == 0
    good = Result(message=theirs, sent_at=at, duration=timedelta(0), status=200)
    assert (settle([good], at=at), settle([good], at=at), states()) == (1, 0, ["delivered"])


def test_a_slow_receiver_keeps_no_other_waiting(cast: Cast, receiver: Receiver) -> None:
    def answer(got: Received) -> tuple[int, dict[str, str], bytes]:
        if got.path == "/slow":
            time.sleep(0.5)
        return 204, {}, b""

    receiver.answer = answer
    make_webhook(cast.alice, receiver.url.replace("/hook", "/slow"))
    make_webhook(cast.alice, receiver.url)
    logged(*[new_event(organisation_id=cast.harbour.pk) for _ in range(40)])
    services.owe_events(clock.now())
    deliver()
    order = [each.path for each in receiver.received]
    assert (order.count("/hook"), order.count("/slow")) == (40, 40)
    assert order[:40].count("/hook") >= 12  # none, if they waited for the slow ones
    assert len(receiver.connections) < 80


def test_a_rate_holds_it_back(cast: Cast, receiver: Receiver) -> None:
    make_webhook(cast.alice, receiver.url, rate=10)
    logged(*[new_event(organisation_id=cast.harbour.pk) for _ in range(5)])
    began = time.monotonic()
    deliver()
    assert (len(receiver.received), time.monotonic() - began > 0.4) == (5, True)


def test_a_range_is_replayed_after_what_waits(cast: Cast, receiver: Receiver) -> None:
    subject = new_id()
    endpoint, _ = make_webhook(cast.alice, receiver.url)
    logged(*[new_event(organisation_id=cast.harbour.pk, object_id=subject) for _ in range(4)])
    services.owe_events(clock.now())
    epoch = head().epoch
    owed = services.replay_range(
        endpoint.pk,
        after=Cursor(epoch=epoch, offset=1),
        until=Cursor(epoch=epoch, offset=3),
        actor=SYSTEM,
        at=clock.now(),
    )
    deliver()
    assert owed == 2
    assert [int(each) for each in receiver.by_subject()[f"incidents/{subject}"]] == [1, 2, 3, 4, 2, 3]


def test_a_test_is_sent_at_once(cast: Cast, receiver: Receiver) -> None:
    endpoint, secret = make_webhook(cast.alice, receiver.url)
    services.test_endpoint(endpoint.pk, actor=SYSTEM, at=clock.now())
    deliver()
    [got] = receiver.received
    assert Webhook(secret).verify(got.body, got.headers)["type"] == "watchfloor.webhook.tested.v1"
    judge_event(got.event)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"types": ["watchfloor.zone.*"]}, []),
        ({"types": ["watchfloor.incident.*"]}, ["one", "two"]),
        ({"noun": "zones"}, []),
        ({"noun": "incidents", "filter": "title = 'two'"}, ["two"]),
    ],
    ids=["other types", "its types", "other noun", "filter"],
)
def test_it_is_told_of_what_it_asked_for(cast: Cast, receiver: Receiver, given: Any, told: list[str]) -> None:
    make_webhook(cast.alice, receiver.url, **given)
    logged(*[new_event(organisation_id=cast.harbour.pk, title=title) for title in ("one", "two")])
    deliver()
    # Different subjects go in parallel.
    assert sorted(each.event["data"]["object"]["properties"]["title"] for each in receiver.received) == sorted(told)


def test_one_job_wakes_a_worker_for_everything_that_is_due(cast: Cast, receiver: Receiver) -> None:
    make_webhook(cast.alice, receiver.url)
    logged(*[new_event(organisation_id=cast.harbour.pk) for _ in range(3)])
    queue = get_queue(jobs.QUEUE)
    queue.empty()
    client().delete(channel_name(jobs.QUEUE))
    assert (jobs.owe(clock.now()), jobs.owe(clock.now()), len(queue.get_job_ids())) == (3, 0, 1)
    Worker([queue], connection=queue.connection, serializer=queue.serializer).work(burst=True)
    assert (len(receiver.received), set(states()), queue.failed_job_registry.count) == (3, {"delivered"}, 0)


def test_what_no_worker_takes_the_clock_sends(cast: Cast, receiver: Receiver) -> None:
    make_webhook(cast.alice, receiver.url)
    logged(new_event(organisation_id=cast.harbour.pk))
    services.owe_events(clock.now())
    Delivery.objects.update(due_at=F("due_at") - timedelta(seconds=6))
    assert jobs.owe(clock.now()) == 1
    assert states() == ["delivered"]
