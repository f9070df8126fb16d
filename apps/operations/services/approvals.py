"""What organisations say to operations that need their agreement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Unpack
from uuid import UUID

from django.db import transaction

from apps.access.queries import authorize, authorize_image
from apps.access.types import SYSTEM, Actor
from apps.core.text import text_error
from apps.core.types import Conflict, Invalid, NotFound
from apps.events.types import Change
from apps.lifecycle.services import advance
from apps.lifecycle.types import Cause
from apps.operations.models import Approval, Operation
from apps.operations.published import approval_feature, published_approvals, published_operations
from apps.operations.queries import approvals_of
from apps.operations.services.settling import conclude
from apps.operations.services.telling import tell_approvals
from apps.operations.types import HOLDING, IN_REVIEW, OVER, ApprovalChanges, Decision

NOT_IN_REVIEW: Final = "The operation is not in review now."
LONGEST_NOTE: Final = 2_000


@transaction.atomic
def decide_approval(
    approval_id: UUID,
    *,
    actor: Actor,
    at: datetime,
    expected_version: int | None = None,
    **changes: Unpack[ApprovalChanges],
) -> Approval:
    """Return the approval as decided or noted. The last one given approves the operation, any refusal rejects it.

    Locks the operation, then the approval. A decision may be changed, and taken back (open), while the operation is in
    review; otherwise this raises ``Conflict``. Nothing to change is no change.
    """
    approval = _lock(approval_id)
    authorize(actor, "approvals.decide", approval)
    approval.require_version(expected_version)
    before = approval_feature(approval)
    approval.note = changes.get("note", approval.note).strip()
    if errors := [*text_error(approval.note, "/note", max_length=LONGEST_NOTE, may_be_blank=True, is_multiline=True)]:
        raise Invalid("This is no decision.", errors=errors)
    if "decision" in changes and changes["decision"] != approval.decision:
        _decide(approval, Decision(changes["decision"]), actor, at)
    if approval_feature(approval) == before:
        return approval
    approval.mark_changed(at)
    approval.save()
    authorize_image(actor, "approvals.decide", approval)
    tell_approvals([(Change.UPDATED, approval, before)], actor=actor, at=at)
    if approval.decision != before.properties["decision"]:
        _conclude(approval, at)
    return approval


def take_back_asked(operations: Sequence[Operation], at: datetime) -> None:
    """Forget what operations have asked for that are drafts again: what becomes of a draft is for nobody else.

    Whoever was asked sees by the approval what it is about, and is asked again when it is submitted again.
    """
    drafts = [each.pk for each in operations if each.state not in HOLDING and each.state_category != OVER]
    asked = list(published_approvals().filter(operation__in=drafts).order_by("pk")) if drafts else []
    if asked:
        Approval.objects.filter(pk__in=[each.pk for each in asked]).delete()
        tell_approvals([(Change.DELETED, each, approval_feature(each)) for each in asked], actor=SYSTEM, at=at)


def _lock(approval_id: UUID) -> Approval:
    """Return the approval, locked after its operation, as everybody locks them who changes what is asked for."""
    asked = Approval.objects.filter(pk=approval_id).values("operation")
    operation = published_operations().select_for_update(of=("self",)).filter(pk__in=asked).first()
    approval = Approval.objects.select_for_update(of=("self",)).filter(pk=approval_id).first()
    if operation is None or approval is None:
        raise NotFound("There is no such approval, or you may not see it.")
    approval.operation = operation
    return approval


def _decide(approval: Approval, decision: Decision, actor: Actor, at: datetime) -> None:
    if approval.operation.state not in IN_REVIEW:
        raise Conflict(NOT_IN_REVIEW, code="not_in_review")
    approval.decision = decision
    # Open is what it was before anybody said a word.
    said = decision is not Decision.OPEN
    approval.decided_by, approval.decided_at = (actor.label[:200], at) if said else ("", None)


def _conclude(approval: Approval, at: datetime) -> None:
    """Bring the operation to the state that follows from what was just decided."""
    if approval.decision == Decision.REJECTED:
        advance(approval.operation, "reject", actor=SYSTEM, at=at, reason=approval.note, cause=Cause.RULE)
    else:
        is_open = approvals_of(approval.operation_id).filter(decision=Decision.OPEN).exists()
        conclude(approval.operation, is_open=is_open, at=at)
