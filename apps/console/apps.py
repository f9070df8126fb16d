"""The console's application. It registers nothing: it only reads what the apps below offer."""

from __future__ import annotations

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    """Watchfloor's console."""

    name = "apps.console"
    label = "console"
    verbose_name = "Console"
    default = True
