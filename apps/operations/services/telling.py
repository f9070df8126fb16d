"""Publishing what happened to operations, their kinds, approvals and review rules."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from apps.access.types import Actor
from apps.core.types import Feature
from apps.events.rules import changed
from apps.events.services import publish
from apps.events.types import Change, NewEvent
from apps.operations.models import Approval, Operation, OperationKind, ReviewRule
from apps.operations.published import (
    OVERRULED,
    approval_feature,
    operation_feature,
    operation_kind_feature,
    review_rule_feature,
)


def tell_operation(change: Change, operation: Operation, *, before: Feature, actor: Actor, at: datetime) -> None:
    """Publish that an operation was updated or deleted."""
    publish([_operation_event(f"watchfloor.operation.{change}.v1", change, operation, before)], actor=actor, at=at)


def tell_overruled(operations: Iterable[Operation], *, actor: Actor, at: datetime) -> None:
    """Publish that something that goes before these operations now holds some of their space. They did not change."""
    events = [_operation_event(OVERRULED, Change.UPDATED, each, operation_feature(each)) for each in operations]
    publish(events, actor=actor, at=at)


def tell_kind(change: Change, kind: OperationKind, *, before: Feature | None, actor: Actor, at: datetime) -> None:
    """Publish what happened to a kind."""
    after = None if change is Change.DELETED else operation_kind_feature(kind)
    event = changed(f"watchfloor.operation_kind.{change}.v1", "operation-kinds", change, before=before, after=after)
    publish([event], actor=actor, at=at)


def tell_review_rule(change: Change, rule: ReviewRule, *, before: Feature | None, actor: Actor, at: datetime) -> None:
    """Publish what happened to a review rule."""
    after = None if change is Change.DELETED else review_rule_feature(rule)
    event = changed(f"watchfloor.review_rule.{change}.v1", "review-rules", change, before=before, after=after)
    publish([event], actor=actor, at=at)


def tell_approvals(changes: Iterable[tuple[Change, Approval, Feature | None]], *, actor: Actor, at: datetime) -> None:
    """Publish what happened to approvals, each with what it was before."""
    told = [
        changed(
            f"watchfloor.approval.{change}.v1",
            "approvals",
            change,
            before=before,
            after=None if change is Change.DELETED else approval_feature(approval),
        )
        for change, approval, before in changes
    ]
    publish(told, actor=actor, at=at)


def _operation_event(type_: str, change: Change, operation: Operation, before: Feature) -> NewEvent:
    after = None if change is Change.DELETED else operation_feature(operation)
    return changed(type_, "operations", change, before=before, after=after)
