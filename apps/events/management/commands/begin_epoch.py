"""``manage.py begin_epoch``: to be run once after a database was restored from a backup."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from apps.events import services


class Command(BaseCommand):
    """A new epoch."""

    help = "Begin a new epoch of the event log, so that every cursor given out before the restore is refused."

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002  Django's signature
        """Begin it."""
        self.stdout.write(f"Epoch {services.begin_epoch()} begins.")
