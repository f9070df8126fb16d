"""Registration of assets; nothing else happens here."""

from __future__ import annotations

from django.apps import AppConfig


class AssetsConfig(AppConfig):
    """The assets app."""

    name = "apps.assets"
    label = "assets"
