"""The addresses that operators ask."""

from __future__ import annotations

from django.urls import path

from apps.core.api import health

urlpatterns = [
    path("livez", health.livez, name="livez"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
]
