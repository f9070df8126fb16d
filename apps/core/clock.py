"""The clock. Only edges (views, commands, jobs, consumers) read it; services are told the instant."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """Return this instant, aware UTC."""
    return datetime.now(UTC)
