"""Threads that talk to the database, so that the loop of the sockets never waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.db import Error, connections

from apps.core.connections import forget_connections

P = ParamSpec("P")
R = TypeVar("R")


class DatabaseThread:
    """One thread with one connection that stays open between calls: connecting costs more than asking.

    Calls run one after another. After a database error the connection is dropped, so that the next call
    begins with a new one.
    """

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self.waiting = 0

    async def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what the function returns in the thread."""

        def call() -> R:
            try:
                return function(*args, **kwargs)
            except Error:
                forget_connections()
                raise

        self.waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, call)
        finally:
            self.waiting -= 1

    def close(self) -> None:
        """Close the connection and end the thread after what is running; does not wait for it."""
        self._executor.submit(connections.close_all)
        self._executor.shutdown(wait=False)
