"""Addresses of the event log."""

from __future__ import annotations

from django.urls import path

from apps.events.api.views import EventsView

urlpatterns = [path("api/v1/events", EventsView.as_view(), name="events")]
