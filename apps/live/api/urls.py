"""HTTP addresses of the feed, and its description."""

from __future__ import annotations

from django.urls import path

from apps.live.api.views import AsyncApi, FeedTickets

urlpatterns = [
    path("api/v1/feed-tickets", FeedTickets.as_view(), name="feed-tickets"),
    path("api/v1/asyncapi.json", AsyncApi.as_view(), name="asyncapi"),
]
