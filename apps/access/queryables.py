"""What may be asked about people, organisations, roles, assignments and keys: what their lists show."""

from __future__ import annotations

from typing import Final

from apps.filters.registry import register
from apps.filters.types import ROW, Queryable, Type, queryables

KEY: Final = (
    *ROW,
    Queryable(name="name", type=Type.STRING, read=None),
    Queryable(name="prefix", type=Type.STRING, read=None),
    Queryable(name="expires_at", type=Type.INSTANT, read=None),
    Queryable(name="revoked_at", type=Type.INSTANT, read=None),
    Queryable(name="last_used_at", type=Type.INSTANT, read=None),
)


def register_queryables() -> None:
    """Register what the lists of access can be filtered by."""
    register(
        queryables(
            "organisations",
            *ROW,
            Queryable(name="name", type=Type.STRING, read=None, is_sortable=True),
            Queryable(name="slug", type=Type.STRING, read=None),
            Queryable(name="parent_id", type=Type.UUID, read=None),
        )
    )
    register(
        queryables(
            "users",
            *ROW,
            Queryable(name="username", type=Type.STRING, read=None, is_sortable=True),
            Queryable(name="display_name", type=Type.STRING, read=None),
            Queryable(name="organisation_id", type=Type.UUID, read=None),
            Queryable(name="is_active", type=Type.BOOLEAN, read=None),
            Queryable(name="is_staff", type=Type.BOOLEAN, read=None),
            Queryable(name="is_superuser", type=Type.BOOLEAN, read=None),
            Queryable(name="is_service", type=Type.BOOLEAN, read=None),
        )
    )
    register(
        queryables(
            "roles",
            *ROW,
            Queryable(name="name", type=Type.STRING, read=None, is_sortable=True),
            Queryable(name="description", type=Type.STRING, read=None),
            Queryable(name="actions", type=Type.STRING_ARRAY, read=None),
        )
    )
    register(
        queryables(
            "assignments",
            *ROW,
            Queryable(name="user_id", type=Type.UUID, read=None),
            Queryable(name="role_id", type=Type.UUID, read=None),
            Queryable(name="organisation_id", type=Type.UUID, read=None),
            Queryable(name="during", type=Type.INTERVAL, read=None),
            valid_time="during",
        )
    )
    register(
        queryables(
            "api-keys",
            *KEY,
            Queryable(name="user_id", type=Type.UUID, read=None),
            Queryable(name="scopes", type=Type.STRING_ARRAY, read=None),
        )
    )
    register(
        queryables(
            "policies",
            *ROW,
            Queryable(name="organisation_id", type=Type.UUID, read=None),
            Queryable(name="name", type=Type.STRING, read=None),
            Queryable(name="effect", type=Type.STRING, read=None),
            Queryable(name="everybody", type=Type.BOOLEAN, read=None),
            Queryable(name="actions", type=Type.STRING_ARRAY, read=None),
            Queryable(name="mandatory", type=Type.BOOLEAN, read=None),
            Queryable(name="is_enabled", type=Type.BOOLEAN, read=None),
            Queryable(name="during", type=Type.INTERVAL, read=None),
            valid_time="during",
        )
    )
    register(
        queryables(
            "user-attributes",
            *ROW,
            Queryable(name="name", type=Type.STRING, read=None, is_sortable=True),
            Queryable(name="type", type=Type.STRING, read=None),
        )
    )
    register(queryables("device-keys", *KEY, Queryable(name="organisation_id", type=Type.UUID, read=None)))
