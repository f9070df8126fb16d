"""``manage.py load_demo``: who watches New York harbour, what moves there, and by which rules."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from apps.console.demo.load import load
from apps.console.demo.visits import NAMES
from apps.core.clock import now


class Command(BaseCommand):
    """Load the demonstration; the last line is JSON with the logins and the replay's key."""

    help = (
        "Load the demonstration: desks, vessels, zones, rules and logins of New York harbour. Harmless when run again. "
        "The logins have a known password: never on a machine that others reach."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--force", action="store_true", help="also on production settings")
        parser.add_argument("--berths", metavar="URL", help="where the berth booking is")
        parser.add_argument("--pilots", metavar="URL", help="where the pilot dispatch is")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Load, and say what stands there now; raises ``CommandError`` on production settings."""
        if not settings.DEBUG and not options["force"]:
            raise CommandError("The demonstration's passwords are known to everybody. For production, say --force.")
        addresses = {name: options[name] for name in NAMES if options[name]}
        loaded = load(at=now(), services=addresses if len(addresses) == len(NAMES) else None)
        self.stdout.write(
            f"{loaded.assets} vessels and {loaded.zones} zones stand ready; {loaded.made} things are new."
        )
        self.stdout.write(json.dumps({"logins": loaded.logins, "key": loaded.key}))
