"""``manage.py forget_events --days 365``: deletes the beginning of the log."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.core import clock
from apps.events import services


class Command(BaseCommand):
    """Retention of the log."""

    help = "Delete events recorded more than so many days ago. Cursors from before are then refused with 410."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the age."""
        parser.add_argument("--days", type=float, required=True, help="How many days the log reaches back.")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002  Django's signature
        """Delete in batches, each in a transaction of its own."""
        if options["days"] <= 0:
            raise CommandError("The log reaches back more than zero days.")
        cutoff, total = clock.now() - timedelta(days=options["days"]), 0
        while deleted := services.forget_before(cutoff):
            total += deleted
        self.stdout.write(f"{total} events forgotten.")
