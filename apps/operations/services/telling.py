"""Publishing what happened to operations, their kinds, approvals and review rules."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from apps.access.types import Actor
from apps.core.types import Feature
from apps.events.rules import feature_object
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
    event = NewEvent(
        type=f"watchfloor.operation_kind.{change}.v1",
        noun="operation-kinds",
        object_id=kind.id,
        organisation_id=None,
        change=change,
        object=None if change is Change.DELETED else feature_object(operation_kind_feature(kind)),
        previous=feature_object(before) if before else None,
    )
    publish([event], actor=actor, at=at)


def tell_review_rule(change: Change, rule: ReviewRule, *, before: Feature | None, actor: Actor, at: datetime) -> None:
    """Publish what happened to a review rule."""
    event = NewEvent(
        type=f"watchfloor.review_rule.{change}.v1",
        noun="review-rules",
        object_id=rule.id,
        organisation_id=rule.organisation_id,
        change=change,
        object=None if change is Change.DELETED else feature_object(review_rule_feature(rule)),
        previous=feature_object(before) if before else None,
    )
    publish([event], actor=actor, at=at)


def tell_approvals(changes: Iterable[tuple[Change, Approval, Feature | None]], *, actor: Actor, at: datetime) -> None:
    """Publish what happened to approvals, each with what it was before."""
    publish(
        [
            NewEvent(
                type=f"watchfloor.approval.{change}.v1",
                noun="approvals",
                object_id=approval.id,
                organisation_id=approval.organisation_id,
                change=change,
                object=None if change is Change.DELETED else feature_object(approval_feature(approval)),
                previous=feature_object(before) if before else None,
            )
            for change, approval, before in changes
        ],
        actor=actor,
        at=at,
    )


def _operation_event(type_: str, change: Change, operation: Operation, before: Feature) -> NewEvent:
    return NewEvent(
        type=type_,
        noun="operations",
        object_id=operation.id,
        organisation_id=operation.organisation_id,
        change=change,
        object=None if change is Change.DELETED else feature_object(operation_feature(operation)),
        previous=feature_object(before),
    )
