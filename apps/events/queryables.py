"""What may be asked about events, by the names that their envelopes use."""

from __future__ import annotations

from apps.events.types import Cause, DeliveryState
from apps.filters.registry import register
from apps.filters.types import ROW, Queryable, Type, queryables


def register_queryables() -> None:
    """Register what the log, webhooks and their deliveries can be filtered by."""
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
    register(
        queryables(
            "webhooks",
            *ROW,
            Queryable(name="name", type=Type.STRING, read=None, is_sortable=True),
            Queryable(name="user_id", type=Type.UUID, read=None),
            Queryable(name="url", type=Type.STRING, read=None),
            Queryable(name="noun", type=Type.STRING, read=None),
            Queryable(name="is_enabled", type=Type.BOOLEAN, read=None),
        )
    )
    register(
        queryables(
            "deliveries",
            Queryable(name="type", type=Type.STRING, read=None),
            Queryable(name="subject", type=Type.STRING, read=None),
            Queryable(name="state", type=Type.STRING, read=None, enum=tuple(DeliveryState.values)),
            Queryable(name="cause", type=Type.STRING, read=None, enum=tuple(Cause.values)),
            Queryable(name="attempts", type=Type.INTEGER, read=None),
            Queryable(name="status", type=Type.INTEGER, read=None),
            Queryable(name="recorded_at", type=Type.INSTANT, read=None),
            Queryable(name="finished_at", type=Type.INSTANT, read=None),
        )
    )
