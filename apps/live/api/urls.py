"""HTTP addresses of the feed."""

from __future__ import annotations

from django.urls import path

from apps.live.api.views import FeedTickets

urlpatterns = [path("api/v1/feed-tickets", FeedTickets.as_view(), name="feed-tickets")]
