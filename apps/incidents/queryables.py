"""What may be asked about incidents, rules, evidence and comments, as their features and bodies show them."""

from __future__ import annotations

from typing import Final

from apps.core.types import Feature
from apps.filters.lookups import or_null, seconds
from apps.filters.registry import register
from apps.filters.types import OWNED, Queryable, Type, queryables
from apps.incidents.types import FindingKind, Severity
from apps.lifecycle.types import Category

FINDINGS: Final = tuple(each.value for each in FindingKind)
SEVERITIES: Final = tuple(Severity.values)
CATEGORIES: Final = tuple(each.value for each in Category)


def period_of(feature: Feature) -> tuple[object, object]:
    """Return when an incident was opened and when it was closed, ``None`` while it is not."""
    return feature.properties["opened_at"], feature.properties["closed_at"]


def register_queryables() -> None:
    """Register what lists and subscriptions of incidents can be filtered by."""
    register(
        queryables(
            "incidents",
            *OWNED,
            Queryable(name="title", type=Type.STRING),
            Queryable(name="description", type=Type.STRING),
            Queryable(name="severity", type=Type.INTEGER, enum=SEVERITIES, is_sortable=True),
            Queryable(name="state", type=Type.STRING),
            Queryable(name="state_category", type=Type.STRING, enum=CATEGORIES, tells=("state",)),
            Queryable(name="state_since", type=Type.INSTANT, is_sortable=True),
            Queryable(name="finding", type=Type.STRING, lookup=or_null("finding"), enum=FINDINGS),
            Queryable(name="rule_id", type=Type.UUID),
            Queryable(name="asset_id", type=Type.UUID),
            Queryable(name="asset_name", type=Type.STRING),
            Queryable(name="zone_id", type=Type.UUID),
            Queryable(name="zone_name", type=Type.STRING),
            Queryable(name="assignee_id", type=Type.UUID),
            Queryable(name="escalate_after_s", type=Type.NUMBER, lookup=seconds("escalate_after"), unit="s"),
            Queryable(name="evidence_count", type=Type.INTEGER),
            Queryable(name="opened_at", type=Type.INSTANT, is_sortable=True),
            *(
                Queryable(name=name, type=Type.INSTANT)
                for name in ("last_found_at", "acknowledged_at", "escalated_at", "resolved_at", "closed_at")
            ),
            Queryable(
                name="period",
                type=Type.INTERVAL,
                lookup="opened_at",
                until="closed_at",
                read=period_of,
                description="From `opened_at` to `closed_at`.",
                tells=("opened_at", "closed_at"),
            ),
            Queryable(name="geometry", type=Type.GEOMETRY, lookup="location", read="geometry", geometry="point"),
            valid_time="period",
            place="geometry",
        )
    )
    register(
        queryables(
            "rules",
            *OWNED,
            Queryable(name="name", type=Type.STRING, is_sortable=True),
            Queryable(name="finding", type=Type.STRING, enum=FINDINGS),
            Queryable(name="zone_kind_id", type=Type.UUID),
            Queryable(name="zone_id", type=Type.UUID),
            Queryable(name="asset_kind_id", type=Type.UUID),
            Queryable(name="severity", type=Type.INTEGER, enum=SEVERITIES),
            Queryable(name="hysteresis_s", type=Type.NUMBER, lookup=seconds("hysteresis"), unit="s"),
            Queryable(name="dedupe_window_s", type=Type.NUMBER, lookup=seconds("dedupe_window"), unit="s"),
            Queryable(name="escalate_after_s", type=Type.NUMBER, lookup=seconds("escalate_after"), unit="s"),
            Queryable(name="title_template", type=Type.STRING),
            Queryable(name="lifecycle", type=Type.STRING),
            Queryable(name="is_enabled", type=Type.BOOLEAN),
        )
    )
    register(
        queryables(
            "evidence",
            Queryable(name="id", type=Type.UUID, read=None),
            Queryable(name="finding", type=Type.STRING, read=None, enum=FINDINGS),
            Queryable(name="effective_at", type=Type.INSTANT, read=None, is_sortable=True),
            Queryable(name="since", type=Type.INSTANT, read=None),
            Queryable(name="recorded_at", type=Type.INSTANT, read=None),
            valid_time="effective_at",
        )
    )
    register(
        queryables(
            "comments",
            Queryable(name="id", type=Type.UUID, read=None, is_sortable=True),
            Queryable(name="author_id", type=Type.UUID, read=None),
            Queryable(name="text", type=Type.STRING, read=None),
            Queryable(name="said_at", type=Type.INSTANT, read=None),
            valid_time="said_at",
        )
    )
