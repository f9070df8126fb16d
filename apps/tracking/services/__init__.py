"""Everything that writes positions, presences, stays, the quarantine and sources."""

from __future__ import annotations

from apps.tracking.services.beginnings import look_at_beginnings
from apps.tracking.services.clock import look_at_presences
from apps.tracking.services.ingest import ingest, ingest_all
from apps.tracking.services.partitions import PartitionReport, existing_partitions, maintain_partitions
from apps.tracking.services.sources import add_source, rename_source

__all__ = [
    "PartitionReport",
    "add_source",
    "existing_partitions",
    "ingest",
    "ingest_all",
    "look_at_beginnings",
    "look_at_presences",
    "maintain_partitions",
    "rename_source",
]
