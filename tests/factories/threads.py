"""Work that is done at the same time, each piece on a database connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable

from django.db import connections


def together(*works: Callable[[], None]) -> None:
    """Run each piece of work in a thread with a database connection of its own, and wait for all."""

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
