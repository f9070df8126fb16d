"""Everything that writes operations, their kinds, what they hold, what they ask for, and the rules that ask."""

from __future__ import annotations

from apps.operations.services.approvals import decide_approval
from apps.operations.services.following import follow_assets, move_strays
from apps.operations.services.intruding import Crossing, note_intrusions
from apps.operations.services.keeping import keep_up
from apps.operations.services.kinds import create_operation_kind, delete_operation_kind, update_operation_kind
from apps.operations.services.operations import create_operation, delete_operation, move_operation, update_operation
from apps.operations.services.review_rules import create_review_rule, delete_review_rule, update_review_rule
from apps.operations.services.settling import follow_others, follow_rules, settle_submitted
from apps.operations.services.sharing import follow_kinds
from apps.operations.services.watching import read_zones

__all__ = [
    "Crossing",
    "create_operation",
    "create_operation_kind",
    "create_review_rule",
    "decide_approval",
    "delete_operation",
    "delete_operation_kind",
    "delete_review_rule",
    "follow_assets",
    "follow_kinds",
    "follow_others",
    "follow_rules",
    "keep_up",
    "move_operation",
    "move_strays",
    "note_intrusions",
    "read_zones",
    "settle_submitted",
    "update_operation",
    "update_operation_kind",
    "update_review_rule",
]
