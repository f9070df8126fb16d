"""``manage.py worker``: runs the jobs of the RQ queues. Any number may run."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from apps.core.stopping import StopRequest
from apps.core.working import run_worker


class Command(BaseCommand):
    """A worker process."""

    help = "Run background jobs until told to stop; the first queue named goes first."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the queues to work on."""
        parser.add_argument("queues", nargs="*", default=list(settings.RQ_QUEUES), help="All, unless some are named.")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002  Django's signature
        """Run the worker."""
        run_worker(tuple(options["queues"]), StopRequest())
