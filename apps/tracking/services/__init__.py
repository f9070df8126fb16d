"""Everything that writes positions, presences, stays, the quarantine and sources."""

from __future__ import annotations

from apps.tracking.services.ingest import ingest, ingest_all

__all__ = [
    "ingest",
    "ingest_all",
]
