"""``python -m apps.console.demo.desks --port 8101 --store berths.sqlite``."""

from __future__ import annotations

from apps.console.demo.desks.server import main

main()
