"""What operations registers with access and with the lifecycle engine: who may do what, and what a move keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from apps.access.registry import register
from apps.access.types import Protected
from apps.lifecycle import registry as lifecycles
from apps.lifecycle.policy import CALLS
from apps.operations.models import (
    Approval,
    AssignedAsset,
    Occupancy,
    Operation,
    OperationGroupGrant,
    OperationKind,
    OperationUserGrant,
    ReviewRule,
    Volume,
)
from apps.operations.published import (
    APPROVAL_PROPERTIES,
    OPERATION_PROPERTIES,
    approval_feature,
    operation_feature,
    operation_kind_feature,
    review_rule_feature,
)
from apps.operations.types import LIFECYCLE

LIFECYCLES: Final = Path(__file__).parent / "lifecycles"
MOVES: Final = ("submit", "withdraw", "activate", "declare", "end", "cancel")
STAMPS: Final = ("submitted_at", "approved_at", "closed_at")


def register_nouns() -> None:
    """Register operations, their parts and kinds, approvals, and the rules by which organisations ask for them."""
    register(
        Protected(
            noun="operations",
            model=Operation,
            actions=("view", "add", "change", "delete", *MOVES, *CALLS, "share"),
            grants=(OperationUserGrant, OperationGroupGrant),
            feature=operation_feature,
            fields=(*OPERATION_PROPERTIES, "geometry"),
            place="area",
        )
    )
    for noun, model in (("volumes", Volume), ("occupancies", Occupancy), ("assigned-assets", AssignedAsset)):
        register(
            Protected(
                noun=noun,
                model=model,
                organisation="operation__organisation_id",
                judged_as="operations",
                object_path="operation_id",
            )
        )
    register(
        Protected(
            noun="operation-kinds",
            model=OperationKind,
            actions=("view", "add", "change", "delete"),
            organisation=None,
            feature=operation_kind_feature,
        )
    )
    register(
        Protected(
            noun="approvals",
            model=Approval,
            actions=("view", "decide"),
            feature=approval_feature,
            fields=(*APPROVAL_PROPERTIES, "geometry"),
        )
    )
    register(
        Protected(
            noun="review-rules",
            model=ReviewRule,
            actions=("view", "add", "change", "delete"),
            feature=review_rule_feature,
        )
    )


def register_lifecycle(keep: lifecycles.Keep) -> None:
    """Register the lifecycle of operations. ``keep`` holds and frees their space as they move."""
    lifecycles.register(
        lifecycles.Lifecycle(
            noun="operations",
            word="operation",
            model=Operation,
            feature=operation_feature,
            key=LIFECYCLE,
            stamps=STAMPS,
            keep=keep,
        ),
        definitions=LIFECYCLES,
    )
