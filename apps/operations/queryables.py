"""What may be asked about operations, their kinds, approvals and review rules, as features and bodies show them."""

from __future__ import annotations

from typing import Final

from apps.core.types import Feature
from apps.filters.registry import register
from apps.filters.types import OWNED, ROW, Queryable, Type, queryables
from apps.lifecycle.types import Category
from apps.operations.types import Decision, Reason

CATEGORIES: Final = tuple(each.value for each in Category)


def period_of(feature: Feature) -> tuple[object, object]:
    """Return when an operation starts and ends."""
    return feature.properties["starts_at"], feature.properties["ends_at"]


def register_queryables() -> None:
    """Register what lists and subscriptions of operations can be filtered by."""
    register(
        queryables(
            "operations",
            *OWNED,
            Queryable(name="title", type=Type.STRING),
            Queryable(name="description", type=Type.STRING),
            Queryable(name="kind", type=Type.STRING, lookup="kind__slug", description="The slug of its kind."),
            Queryable(name="contact", type=Type.STRING),
            Queryable(name="priority", type=Type.INTEGER, is_sortable=True),
            Queryable(name="state", type=Type.STRING),
            Queryable(name="state_category", type=Type.STRING, enum=CATEGORIES, tells=("state",)),
            Queryable(name="state_since", type=Type.INSTANT, is_sortable=True),
            Queryable(name="starts_at", type=Type.INSTANT, is_sortable=True),
            Queryable(name="ends_at", type=Type.INSTANT, is_sortable=True),
            *(Queryable(name=name, type=Type.INSTANT) for name in ("submitted_at", "approved_at", "closed_at")),
            Queryable(
                name="period",
                type=Type.INTERVAL,
                lookup="starts_at",
                until="ends_at",
                read=period_of,
                description="From `starts_at` to `ends_at`.",
                tells=("starts_at", "ends_at"),
            ),
            Queryable(name="geometry", type=Type.GEOMETRY, lookup="area", read="geometry", geometry="polygon"),
            valid_time="period",
            place="geometry",
        )
    )
    register(
        queryables(
            "operation-kinds",
            *ROW,
            Queryable(name="slug", type=Type.STRING, is_sortable=True),
            Queryable(name="name", type=Type.STRING, is_sortable=True),
            Queryable(name="colour", type=Type.STRING),
            Queryable(name="lifecycle", type=Type.STRING),
            Queryable(name="default_priority", type=Type.INTEGER),
            Queryable(name="may_share", type=Type.BOOLEAN),
            Queryable(name="is_reviewed", type=Type.BOOLEAN),
        )
    )
    register(
        queryables(
            "approvals",
            *OWNED,
            Queryable(name="operation_id", type=Type.UUID),
            Queryable(name="operation_title", type=Type.STRING, lookup="operation__title"),
            Queryable(name="operator_id", type=Type.UUID, lookup="operation__organisation_id"),
            Queryable(name="reason", type=Type.STRING, enum=tuple(each.value for each in Reason)),
            Queryable(name="zone_id", type=Type.UUID),
            Queryable(name="zone_name", type=Type.STRING),
            Queryable(name="rule_id", type=Type.UUID),
            Queryable(name="rule_name", type=Type.STRING),
            Queryable(name="other_id", type=Type.UUID),
            Queryable(name="decision", type=Type.STRING, enum=tuple(each.value for each in Decision)),
            Queryable(name="decided_at", type=Type.INSTANT),
            Queryable(name="starts_at", type=Type.INSTANT, lookup="operation__starts_at"),
            Queryable(name="ends_at", type=Type.INSTANT, lookup="operation__ends_at"),
            Queryable(
                name="geometry", type=Type.GEOMETRY, lookup="operation__area", read="geometry", geometry="polygon"
            ),
            place="geometry",
        )
    )
    register(
        queryables(
            "review-rules",
            *OWNED,
            Queryable(name="name", type=Type.STRING, is_sortable=True),
            Queryable(name="description", type=Type.STRING),
            Queryable(name="condition", type=Type.STRING),
            Queryable(name="is_enabled", type=Type.BOOLEAN),
        )
    )
    # Asked about one operation only, whose own queryables say what is hidden.
    register(
        queryables(
            "operation-approvals",
            Queryable(name="id", type=Type.UUID, read=None, is_sortable=True),
            Queryable(name="organisation_id", type=Type.UUID, read=None),
            Queryable(name="reason", type=Type.STRING, read=None, enum=tuple(each.value for each in Reason)),
            Queryable(name="decision", type=Type.STRING, read=None, enum=tuple(each.value for each in Decision)),
            Queryable(name="decided_at", type=Type.INSTANT, read=None),
        )
    )
