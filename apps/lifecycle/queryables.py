"""What may be asked about definitions, and about the transitions that one object has made."""

from __future__ import annotations

from apps.filters.registry import register
from apps.filters.types import ROW, Queryable, Type, queryables
from apps.lifecycle.types import Cause, Status


def register_queryables() -> None:
    """Register what definitions and histories can be filtered by."""
    register(
        queryables(
            "lifecycles",
            *ROW,
            Queryable(name="key", type=Type.STRING, read=None, is_sortable=True),
            Queryable(name="number", type=Type.INTEGER, read=None),
            Queryable(name="noun", type=Type.STRING, read=None),
            Queryable(name="title", type=Type.STRING, read=None),
            Queryable(name="status", type=Type.STRING, read=None, enum=tuple(each.value for each in Status)),
            Queryable(name="is_shipped", type=Type.BOOLEAN, read=None),
            Queryable(name="published_at", type=Type.INSTANT, read=None),
        )
    )
    register(
        queryables(
            "transitions",
            Queryable(name="id", type=Type.UUID, read=None, is_sortable=True),
            Queryable(name="transition", type=Type.STRING, lookup="name", read=None),
            Queryable(name="from_state", type=Type.STRING, read=None),
            Queryable(name="to_state", type=Type.STRING, read=None),
            Queryable(name="cause", type=Type.STRING, read=None, enum=tuple(each.value for each in Cause)),
            Queryable(name="actor", type=Type.STRING, lookup="actor_label", read=None),
            Queryable(name="reason", type=Type.STRING, read=None),
            Queryable(name="effective_at", type=Type.INSTANT, read=None),
            Queryable(name="recorded_at", type=Type.INSTANT, read=None),
            valid_time="effective_at",
        )
    )
    register(
        queryables(
            "services",
            Queryable(name="id", type=Type.UUID, read=None, is_sortable=True),
            Queryable(name="key", type=Type.STRING, read=None, is_sortable=True),
            Queryable(name="name", type=Type.STRING, read=None),
            Queryable(name="is_enabled", type=Type.BOOLEAN, read=None),
        )
    )
