"""The page about the machinery: what has come to a halt, and the buttons that make it go on, for superusers."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from apps.core import clock
from apps.events import services
from apps.events.models import Delivery, Endpoint
from tests.factories.access import make_cast, make_user, signed_in
from tests.factories.events import logged, new_event
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


def test_a_stopped_webhook_is_switched_on(dead: Delivery) -> None:
    Endpoint.objects.update(is_enabled=False, stopped_by="gone")
    client = signed_in(make_user("root", is_staff=True, is_superuser=True))
    assert "answered 410 Gone" in client.get(reverse("admin:machinery")).content.decode()
    client.post(reverse("admin:machinery_retry"), {"kind": "endpoint", "key": dead.endpoint_id})
    assert Endpoint.objects.get().is_enabled


@pytest.mark.parametrize("key", ["", "7", "x", "default:x"])
@pytest.mark.parametrize("kind", ["delivery", "endpoint", "effect", "job", "timer", ""])
def test_what_is_no_more_changes_nothing(kind: str, key: str) -> None:
    client = signed_in(make_user("root", is_staff=True, is_superuser=True))
    assert client.post(reverse("admin:machinery_retry"), {"kind": kind, "key": key}).status_code == 302
    assert not LogEntry.objects.exists()


def test_it_is_for_superusers_alone(dead: Delivery) -> None:
    client = signed_in(make_user("clerk", is_staff=True))
    assert client.get(reverse("admin:machinery")).status_code == 403
    assert client.post(reverse("admin:machinery_retry"), {"kind": "delivery", "key": dead.pk}).status_code == 403
    assert Delivery.objects.count() == 1
