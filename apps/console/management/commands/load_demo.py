"""``manage.py load_demo``: who watches New York harbour, what moves there, and by which rules."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand

from apps.console.demo.load import load
from apps.core.clock import now


class Command(BaseCommand):
    """Load the demonstration; the last line is JSON with the logins and the replay's key."""

    help = (
        "Load the demonstration: desks, vessels, zones, rules and logins of New York harbour. Harmless when run again. "
        "The logins have a known password: never on a machine that others reach."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Load, and say what stands there now."""
        loaded = load(at=now())
        self.stdout.write(
            f"{loaded.assets} vessels and {loaded.zones} zones stand ready; {loaded.made} things are new."
        )
        self.stdout.write(json.dumps({"logins": loaded.logins, "key": loaded.key}))
