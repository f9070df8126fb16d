"""``manage.py clock``: does what time makes due. Any number may run; one of them works."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from apps.core.clockwork import run_clock
from apps.core.stopping import StopRequest
from apps.core.ticks import all_ticks


class Command(BaseCommand):
    """The clock process."""

    help = "Number events, sweep due timers and whatever else time makes due, until told to stop."

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002  Django's signature
        """Run the clock."""
        stop = StopRequest()
        stop.listen()
        run_clock(all_ticks(), stop)
