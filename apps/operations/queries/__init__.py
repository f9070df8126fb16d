"""Reading operations: what is planned, what stands in the way of a plan, and where it would be free. Never writes."""

from __future__ import annotations

from apps.operations.queries.answering import (
    check_draft,
    check_plan,
    conflicts_shown,
    free_window_shown,
    sees_plan,
    shows_plan,
)
from apps.operations.queries.conflicts import find_conflicts, judge, volumes_held, zone_volume, zones_meeting
from apps.operations.queries.conformance import HAVE_RUN, AssetConformance, conformance_of, tracked_only
from apps.operations.queries.freeing import free_windows
from apps.operations.queries.operations import (
    approvals_matching,
    approvals_of,
    assigned_asset_ids,
    find_operation_kind,
    operations_matching,
    volumes_of,
)
from apps.operations.queries.review_rules import (
    RuleBook,
    condition_errors,
    is_readable,
    review_rules_matching,
    rule_book,
    rules_seen,
    rules_version,
)
from apps.operations.queries.running import running_operations
from apps.operations.queries.timelines import Planned, planned_between

__all__ = [
    "HAVE_RUN",
    "AssetConformance",
    "Planned",
    "RuleBook",
    "approvals_matching",
    "approvals_of",
    "assigned_asset_ids",
    "check_draft",
    "check_plan",
    "condition_errors",
    "conflicts_shown",
    "conformance_of",
    "find_conflicts",
    "find_operation_kind",
    "free_window_shown",
    "free_windows",
    "is_readable",
    "judge",
    "operations_matching",
    "planned_between",
    "review_rules_matching",
    "rule_book",
    "rules_seen",
    "rules_version",
    "running_operations",
    "sees_plan",
    "shows_plan",
    "tracked_only",
    "volumes_held",
    "volumes_of",
    "zone_volume",
    "zones_meeting",
]
