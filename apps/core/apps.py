"""The app that every other one stands on."""

from __future__ import annotations

from django.apps import AppConfig


class CoreConfig(AppConfig):
    """Words, plumbing and the two tables that plumbing needs."""

    name = "apps.core"
    label = "core"
    verbose_name = "Core"
