"""What may be asked about events, by the names that their envelopes use."""

from __future__ import annotations

from apps.filters.registry import register
from apps.filters.types import Queryable, Type, queryables


def register_queryables() -> None:
    """Register what the log can be filtered by."""
    register(
        queryables(
            "events",
            Queryable(name="id", type=Type.UUID, read=None),
            Queryable(name="type", type=Type.STRING, read=None),
            Queryable(name="noun", type=Type.STRING, read=None),
            Queryable(name="object_id", type=Type.UUID, read=None),
            Queryable(name="actor", type=Type.STRING, lookup="actor_label", read=None),
            Queryable(name="time", type=Type.INSTANT, lookup="occurred_at", read=None),
            Queryable(name="recordedtime", type=Type.INSTANT, lookup="recorded_at", read=None),
            valid_time="time",
        )
    )
