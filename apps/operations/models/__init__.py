"""The tables of operations: kinds, operations, what they plan and hold, their assets, and who has to agree.

Written only by ``services``. What must never be false is a constraint here; the services check the same
things first, for a better message.
"""

from __future__ import annotations

from apps.operations.models.kinds import HIGHEST_PRIORITY, OperationKind
from apps.operations.models.operations import (
    Occupancy,
    Operation,
    OperationGroupGrant,
    OperationUserGrant,
    Volume,
)
from apps.operations.models.reviewing import Approval, KindChange, ReviewRule, ReviewRuleSet, ZoneReader
from apps.operations.models.running import AssignedAsset, Intrusion, RunningSet

__all__ = [
    "HIGHEST_PRIORITY",
    "Approval",
    "AssignedAsset",
    "Intrusion",
    "KindChange",
    "Occupancy",
    "Operation",
    "OperationGroupGrant",
    "OperationKind",
    "OperationUserGrant",
    "ReviewRule",
    "ReviewRuleSet",
    "RunningSet",
    "Volume",
    "ZoneReader",
]
