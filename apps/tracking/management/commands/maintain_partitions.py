"""``manage.py maintain_partitions``: what the clock does every hour, for installations that want to do it by hand."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from apps.core import clock
from apps.tracking.services import maintain_partitions


class Command(BaseCommand):
    """Makes the partitions of positions that will be needed and drops those that are no longer kept."""

    help = "Make the partitions of positions that will be needed, drop those no longer kept, empty the default one."

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        """Run once and say what was done."""
        done = maintain_partitions(clock.now())
        self.stdout.write(
            f"{len(done.created)} made, {len(done.dropped)} dropped, "
            f"{done.moved} fixes moved, {done.forgotten} rows forgotten"
        )
