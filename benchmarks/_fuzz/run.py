"""Runs generated examples for a while; the first that is wrong is made small before it is told."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

ROUND = 50


@dataclass(slots=True)
class Ran:
    """How many examples ran, and what was wrong."""

    examples: int = 0
    failures: list[str] = field(default_factory=list)


def hunt(strategy: st.SearchStrategy[Any], fault: Callable[[Any], str | None], *, seconds: float, first: int) -> Ran:
    """Try examples for so many seconds, in rounds that each begin with the next seed; stop at the first fault."""
    ran = Ran()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not ran.failures:
        try:
            _round(strategy, fault, ran, deadline)(first)
        except AssertionError as found:
            ran.failures.append(f"seed {first}: {found}")
        first += 1
    return ran


def _round(
    strategy: st.SearchStrategy[Any], fault: Callable[[Any], str | None], ran: Ran, deadline: float
) -> Callable[[int], None]:
    def run(number: int) -> None:
        @seed(number)
        @settings(
            max_examples=ROUND,
            deadline=None,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
        )
        @given(strategy)
        def example(value: Any) -> None:
            if time.monotonic() > deadline:
                return
            ran.examples += 1
            wrong = fault(value)
            assert wrong is None, f"{wrong}\n  was the answer to {value!r}"[:2_000]

        example()

    return run
