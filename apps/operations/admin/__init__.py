"""Operations in the admin: planned on a map, watched on a timeline; who has to agree; and who gives way."""

from __future__ import annotations

from apps.operations.admin.approvals import ApprovalAdmin
from apps.operations.admin.kinds import OperationKindAdmin
from apps.operations.admin.operations import OperationAdmin
from apps.operations.admin.review_rules import ReviewRuleAdmin

__all__ = ["ApprovalAdmin", "OperationAdmin", "OperationKindAdmin", "ReviewRuleAdmin"]
