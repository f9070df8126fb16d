"""Registration of tracking; nothing else happens here."""

from __future__ import annotations

from django.apps import AppConfig


class TrackingConfig(AppConfig):
    """The tracking app."""

    name = "apps.tracking"
    label = "tracking"
    verbose_name = "Tracking"
