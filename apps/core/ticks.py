"""What the clock process does over and over: a registry that apps fill from ``ready()``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A piece of work to run at least every ``every``, and at once when the channel ``wake`` is rung.

    ``run`` is told the instant, does all that is due by then and returns how many things it did.
    It must be safe to run twice and to be killed at any point.
    """

    name: str
    every: timedelta
    run: Callable[[datetime], int]
    wake: str | None = None


_ticks: dict[str, Tick] = {}


def register(tick: Tick) -> None:
    """Add a tick; the same name again replaces it, so that a reloaded app does no harm."""
    _ticks[tick.name] = tick


def all_ticks() -> tuple[Tick, ...]:
    """Return every registered tick, in the order of registration."""
    return tuple(_ticks.values())
