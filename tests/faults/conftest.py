"""The floor that the fault tests break: laid out once for a worker, made whole again after each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.harbour import Harbour, laid_out_harbour
from watchfloor_dev import redis


@pytest.fixture(scope="session")
def laid_out() -> Iterator[Harbour]:
    """The harbour, with PostgreSQL and Redis up and no process of Watchfloor."""
    with laid_out_harbour() as harbour:
        yield harbour


@pytest.fixture
def harbour(laid_out: Harbour) -> Iterator[Harbour]:
    """The harbour, whole; what the test started ends with it."""
    yield laid_out
    for name in list(laid_out.floor.processes):
        laid_out.floor.kill(name)
    if not redis.is_running(laid_out.floor.run):
        laid_out.floor.start_redis()
