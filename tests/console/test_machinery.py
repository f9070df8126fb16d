"""The page about the machinery: what has come to a halt, and the buttons that make it go on, for superusers."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse
from django_rq import get_queue

from apps.access.models import User
from apps.access.types import SYSTEM
from apps.core import clock
from apps.events import services
from apps.events.models import Delivery, Endpoint
from apps.events.queries import dead_letters
from apps.lifecycle.models import Call, Timer
from tests.factories.access import make_cast, make_organisation, make_user, signed_in
from tests.factories.calls import book, make_services, plan_visit
from tests.factories.events import logged, new_event
from tests.factories.incidents import make_incident
from tests.factories.webhooks import make_webhook

pytestmark = pytest.mark.django_db


@pytest.fixture
def dead() -> Delivery:
    cast = make_cast()
    make_webhook(cast.alice, name="Port system")
    logged(new_event(organisation_id=cast.harbour.pk))
    services.owe_events(clock.now())
    Delivery.objects.update(state="dead", due_at=None, finished_at=clock.now(), error="It answered 500.")
    return Delivery.objects.get()


@pytest.fixture
def root() -> User:
    return make_user("root", is_staff=True, is_superuser=True)


def test_a_dead_letter_is_sent_again_and_it_is_written_down_by_whom(dead: Delivery) -> None:
    root = make_user("root", is_staff=True, is_superuser=True)
    client = signed_in(root)
    page = client.get(reverse("admin:machinery")).content.decode()
    assert "Port system" in page
    assert "It answered 500." in page
    client.post(reverse("admin:machinery_retry"), {"kind": "delivery", "key": dead.pk})
    again = Delivery.objects.latest("id")
    assert (again.cause, again.message_id) == ("replay", dead.message_id)
    [entry] = LogEntry.objects.all()
    assert (entry.user_id, entry.object_id) == (root.pk, str(again.pk))
    # It waits for nobody any more, unless that dies as well.
    assert "It answered 500." not in client.get(reverse("admin:machinery")).content.decode()
    Delivery.objects.filter(pk=again.pk).update(state="dead", due_at=None, finished_at=clock.now(), error="Gone mad.")
    page = client.get(reverse("admin:machinery")).content.decode()
    assert ("Gone mad." in page, "It answered 500." in page) == (True, False)


def test_a_dead_test_is_no_dead_letter(dead: Delivery) -> None:
    tested = services.test_endpoint(dead.endpoint_id, actor=SYSTEM, at=clock.now())
    Delivery.objects.filter(pk=tested.pk).update(state="dead", due_at=None, finished_at=clock.now())
    assert list(dead_letters()) == [dead]


def test_a_stopped_webhook_is_switched_on(dead: Delivery) -> None:
    Endpoint.objects.update(is_enabled=False, stopped_by="gone")
    client = signed_in(make_user("root", is_staff=True, is_superuser=True))
    assert "answered 410 Gone" in client.get(reverse("admin:machinery")).content.decode()
    client.post(reverse("admin:machinery_retry"), {"kind": "endpoint", "key": dead.endpoint_id})
    assert Endpoint.objects.get().is_enabled


def press(user: User, kind: str, key: object) -> LogEntry:
    """Press the button of something that is on the page, and return what was recorded of it."""
    client = signed_in(user)
    assert f'value="{key}"' in client.get(reverse("admin:machinery")).content.decode()
    client.post(reverse("admin:machinery_retry"), {"kind": kind, "key": key})
    return LogEntry.objects.get(user_id=user.pk)


def test_a_stuck_call_is_tried_again(root: User) -> None:
    make_services()
    saga = book(plan_visit())
    call = saga.calls.get(place=0)
    Call.objects.filter(pk=call.pk).update(state="stuck", due_at=None, last_error="It answered 403.")
    assert "It answered 403." in signed_in(root).get(reverse("admin:machinery")).content.decode()
    assert press(root, "call", call.pk).object_id == str(call.pk)
    call.refresh_from_db()
    assert (call.state, call.decided, call.decided_by) == ("compensating", "retried", "root")
    assert call.due_at is not None


def test_a_timer_that_fails_is_tried_again(root: User) -> None:
    incident = make_incident(make_organisation(), escalate_after=timedelta(seconds=5))
    Timer.objects.update(attempts=3, claimed_until=clock.now() + timedelta(hours=1), last_error="KeyError: 'tug'")
    timer = Timer.objects.get(object_id=incident.pk)
    assert press(root, "timer", timer.pk).object_id == str(timer.pk)
    timer.refresh_from_db()
    assert (timer.attempts, timer.claimed_until) == (0, None)


def test_a_failed_job_is_queued_again_and_it_is_written_down_by_whom(root: User) -> None:
    queue = get_queue("default", commit_mode="auto")
    queue.empty()
    job = queue.enqueue("math.sqrt", -1)
    queue.failed_job_registry.add(job, exc_string="ValueError: math domain error")
    queue.remove(job)
    entry = press(root, "job", f"default:{job.id}")
    assert (entry.object_id, entry.object_repr) == (f"default:{job.id}", "Job math.sqrt of the queue default")
    assert (queue.job_ids, queue.failed_job_registry.count) == ([job.id], 0)
    queue.empty()


@pytest.mark.parametrize("key", ["", "7", "x", "default:x"])
@pytest.mark.parametrize("kind", ["delivery", "endpoint", "effect", "call", "job", "timer", ""])
def test_what_is_no_more_changes_nothing(kind: str, key: str) -> None:
    client = signed_in(make_user("root", is_staff=True, is_superuser=True))
    assert client.post(reverse("admin:machinery_retry"), {"kind": kind, "key": key}).status_code == 302
    assert not LogEntry.objects.exists()


def test_it_is_for_superusers_alone(dead: Delivery) -> None:
    client = signed_in(make_user("clerk", is_staff=True))
    assert client.get(reverse("admin:machinery")).status_code == 403
    assert client.post(reverse("admin:machinery_retry"), {"kind": "delivery", "key": dead.pk}).status_code == 403
    assert Delivery.objects.count() == 1
