"""What may be asked about definitions, services, and the transitions and calls of one object."""

from __future__ import annotations

from apps.filters.registry import register
from apps.filters.types import ROW, Queryable, Type, queryables
from apps.lifecycle.types import CallState, Cause, Status


def register_queryables() -> None:
    """Register what they can be filtered by."""
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
    register(
        queryables(
            "calls",
            Queryable(name="id", type=Type.UUID, read=None, is_sortable=True),
            Queryable(name="transition", type=Type.STRING, lookup="saga__transition", read=None),
            Queryable(name="service", type=Type.STRING, lookup="service__key", read=None),
            Queryable(name="state", type=Type.STRING, read=None, enum=tuple(each.value for each in CallState)),
            Queryable(name="attempts", type=Type.INTEGER, read=None),
        )
    )
