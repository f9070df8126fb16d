"""``manage.py replay_demo``: one hour of New York harbour, moved to now, through the public interface."""

from __future__ import annotations

import json
import signal
from argparse import ArgumentTypeError
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.console.demo.replay import Replay
from apps.console.demo.reporting import Refused
from apps.core.clock import now

DEFAULT_SPEED = 10.0
FASTEST = 600.0


class Command(BaseCommand):
    """Replay the hour, for ever or for a time; with ``--json`` the last line is what was counted."""

    help = "Replay one hour of New York harbour traffic through the HTTP interface, as if it happened now."

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to, how fast, how long."""
        parser.add_argument("--url", default="http://127.0.0.1:8000", help="the address of a running Watchfloor")
        parser.add_argument("--key", default="", help="an API key; by default WATCHFLOOR_DEMO_KEY")
        parser.add_argument("--speed", type=_speed, default=DEFAULT_SPEED, help="times faster than it was (default 10)")
        parser.add_argument("--for", type=float, dest="seconds", help="stop after so many seconds; else run for ever")
        parser.add_argument("--json", action="store_true", help="print what was counted as the last line")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run; Ctrl-C and SIGTERM end it in good order."""
        key = options["key"] or settings.WATCHFLOOR.demo_key
        if not key:
            raise CommandError("Name an API key with --key or WATCHFLOOR_DEMO_KEY; `manage.py load_demo` prints one.")
        replay = Replay(options["url"], key=key, speed=options["speed"], began_at=now(), tell=self.stderr.write)
        signal.signal(signal.SIGTERM, _interrupt)
        try:
            replay.run(options["seconds"])
        except KeyboardInterrupt:
            pass
        except Refused as refused:
            raise CommandError(str(refused)) from refused
        counted = replay.finish()
        if options["json"]:
            self.stdout.write(json.dumps(counted))


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _speed(text: str) -> float:
    speed = float(text)
    if not 0 < speed <= FASTEST:
        raise ArgumentTypeError(f"a speed is above 0 and at most {FASTEST:g}")
    return speed
