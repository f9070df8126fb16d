"""The instant at which tests happen, and how to move away from it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

NOON = datetime(2026, 6, 30, 12, 0, tzinfo=UTC)


def after(seconds: float = 0, **parts: float) -> datetime:
    """Return an instant after noon: ``after(5)``, ``after(minutes=3)``."""
    return NOON + timedelta(seconds=seconds, **parts)
