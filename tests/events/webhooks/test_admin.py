"""Webhooks in the admin: the form, what was owed, and what was sent and answered."""

from __future__ import annotations

import pytest
from django.urls import reverse

from apps.core import clock
from apps.events import services
from apps.events.models import Attempt, Delivery, Endpoint
from tests.factories.access import make_cast, signed_in
from tests.factories.events import logged, new_event
from tests.factories.webhooks import make_webhook


@pytest.mark.django_db
def test_the_pages_say_how_a_webhook_stands_and_what_it_was_sent() -> None:
    cast = make_cast()
    endpoint, _ = make_webhook(cast.alice, name="Port system")
    logged(new_event(organisation_id=cast.harbour.pk))
    services.owe_events(clock.now())
    row = Delivery.objects.get()
    Attempt.objects.create(
        delivery=row, number=1, sent_at=clock.now(), duration_ms=120, status=503, sent="{}", answer="<b>away</b>"
    )
    Endpoint.objects.update(is_enabled=False, stopped_by="gone")
    client = signed_in(cast.alice)
    form = client.get(reverse("admin:events_endpoint_change", args=[endpoint.pk])).content.decode()
    assert "answered 410 Gone" in form
    assert "(&#x27;" not in form
    assert "Port system" in client.get(reverse("admin:events_delivery_changelist")).content.decode()
    page = client.get(reverse("admin:events_delivery_change", args=[row.pk])).content.decode()
    assert ("120 ms" in page, "&lt;b&gt;away&lt;/b&gt;" in page, "Deliverys" in page) == (True, True, False)
