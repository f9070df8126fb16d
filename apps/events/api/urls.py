"""Addresses of the event log and of webhooks."""

from __future__ import annotations

from django.urls import path

from apps.events.api import webhooks
from apps.events.api.views import EventsView

WEBHOOK = "api/v1/webhooks/<uuid:pk>"
DELIVERY = f"{WEBHOOK}/deliveries/<int:delivery_id>"

urlpatterns = [
    path("api/v1/events", EventsView.as_view(), name="events"),
    path("api/v1/webhooks", webhooks.WebhookList.as_view(), name="webhooks"),
    path(WEBHOOK, webhooks.WebhookDetail.as_view(), name="webhook"),
    path(f"{WEBHOOK}/secret", webhooks.WebhookSecret.as_view(), name="webhook-secret"),
    path(f"{WEBHOOK}/test", webhooks.WebhookTest.as_view(), name="webhook-test"),
    path(f"{WEBHOOK}/replay", webhooks.WebhookReplay.as_view(), name="webhook-replay"),
    path(f"{WEBHOOK}/deliveries", webhooks.DeliveryList.as_view(), name="webhook-deliveries"),
    path(DELIVERY, webhooks.DeliveryDetail.as_view(), name="webhook-delivery"),
    path(f"{DELIVERY}/replay", webhooks.DeliveryReplay.as_view(), name="webhook-delivery-replay"),
]
