"""Registration of zones; nothing else happens here."""

from __future__ import annotations

from django.apps import AppConfig


class ZonesConfig(AppConfig):
    """The zones app."""

    name = "apps.zones"
    label = "zones"
