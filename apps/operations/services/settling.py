"""What follows once an operation holds its space: whoever has to agree is asked, whoever gives way is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final, TypeAlias
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef

from apps.access.types import SYSTEM
from apps.core.sweep import work_through
from apps.core.types import Conflict, Feature
from apps.events.types import Change
from apps.lifecycle.services import advance
from apps.lifecycle.types import Cause
from apps.operations.models import Approval, Operation
from apps.operations.published import approval_feature, operation_feature, published_operations
from apps.operations.queries import RuleBook, approvals_of, rule_book, rules_version, volumes_held
from apps.operations.services.holding import judgement_of
from apps.operations.services.telling import tell_approvals, tell_overruled
from apps.operations.types import HOLDING, IN_REVIEW, RUNNING, Decision, Judgement, OperationConflict, Reason, Verdict

BATCH: Final = 100
ASKING: Final = frozenset({Verdict.REFUSED, Verdict.NEEDS_APPROVAL})
# Where everybody has been asked; what is only submitted is settled whole.
REVIEWABLE: Final = frozenset({"in_review", "approved"})
# For what an operation is, whatever it meets.
FOR_ITSELF: Final = (Reason.ORGANISATION, Reason.RULE)
RULES_CHANGED: Final = "The rules by which it is reviewed were changed."
RUNS: Final = "It is under way, and somebody would have to agree to that. End it, and plan another."

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """Who has to agree, and why: what makes two approvals of one operation the same."""

    organisation_id: UUID
    reason: Reason
    zone_id: UUID | None = None
    rule_id: UUID | None = None
    other_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _About:
    """What somebody is asked about, as it is now: what a zone or a rule is called, which version of another it is."""

    name: str = ""
    version: int | None = None


_Needed: TypeAlias = Iterable[tuple[_Asked, _About]]


def settle_submitted(at: datetime) -> int:
    """Settle what was submitted by another way than ``move_operation``; return how many. A tick: safe to run twice."""
    ids = list(Operation.objects.filter(state="submitted").values_list("pk", flat=True)[:BATCH])
    return _settle_each(ids, "submitted", partial(settle, at=at, afresh=True))


def follow_others(at: datetime) -> int:
    """Settle anew what waits for a word about another operation that has freed its space or changed; return how many.

    A tick: safe to run twice. Settling writes down with which version of the other it was compared, so each is found
    once for each change. What somebody has said stands, as long as it is needed.
    """
    same = Operation.objects.filter(pk=OuterRef("other_id"), version=OuterRef("other_version"), state__in=HOLDING)
    waiting = Approval.objects.filter(
        ~Exists(same), other_id__isnull=False, decision=Decision.OPEN, operation__state="in_review"
    )
    ids = sorted(set(waiting.values_list("operation", flat=True)[:BATCH]))
    return _settle_each(ids, "in_review", partial(settle, at=at))


def settle(
    operation: Operation,
    *,
    at: datetime,
    afresh: bool = False,
    changed: Mapping[UUID, datetime] | None = None,
    reason: str = "",
) -> Operation:
    """Ask whoever has to agree to a locked operation that holds its space, and bring it to the state that follows.

    ``afresh`` asks everybody again, since the plan is another, and tells operations of lower priority whose space it
    takes; ``changed`` says which zones changed and when: what was decided before is asked again. Raises ``Conflict``
    for one that is under way and would have to wait.
    """
    book = rule_book()
    judgement = judgement_of(operation, volumes_held(operation.pk))
    needed = {**dict(_needed(operation, judgement)), **dict(_needed_for_itself(operation, book))}
    _ask(operation, needed, list(approvals_of(operation.pk)), afresh=afresh, changed=changed or {}, at=at)
    is_open = _is_open(operation, book)
    if afresh:
        _tell(judgement, at)
    if operation.state in RUNNING:
        if is_open and afresh:
            raise Conflict(RUNS, code="needs_approval")
        return operation
    return conclude(operation, is_open=is_open, at=at, reason=reason)


def settle_words(operation: Operation, *, before: Feature, at: datetime) -> Operation:
    """Ask whoever reviews a locked operation by what it says of itself, where its words have changed and no more.

    What others were asked stands, and what they said. Raises ``Conflict`` for one that is under way and that another
    rule reviews now.
    """
    if operation.state in REVIEWABLE:
        return _settle_for_itself(operation, at=at)
    if operation.state in RUNNING:
        book = rule_book()
        known = {rule.pk for rule in book.asking(before)}
        if any(rule.pk not in known for rule in book.asking(operation_feature(operation))):
            raise Conflict(RUNS, code="needs_approval")
    return operation


def follow_rules(at: datetime) -> int:
    """Ask anew by the rules and kinds as they are now what is in review since they were others; return how many.

    A tick: safe to run twice. What is approved stays so until it is judged anew for a reason of its own. Nobody has to
    wait for anybody: whoever was asked by rules that were changed meanwhile carries their old version, and is found.
    """
    stale = Operation.objects.filter(state="in_review").exclude(rules_version=rules_version())
    ids = list(stale.order_by("pk").values_list("pk", flat=True)[:BATCH])
    return _settle_each(ids, "in_review", partial(_settle_for_itself, at=at, reason=RULES_CHANGED))


def conclude(operation: Operation, *, is_open: bool, at: datetime, reason: str = "") -> Operation:
    """Return the operation, in review where somebody still has to agree, approved where nobody has to."""
    if is_open and operation.state in ("submitted", "approved"):
        return advance(operation, "review", actor=SYSTEM, at=at, reason=reason, cause=Cause.RULE)
    if not is_open and operation.state in IN_REVIEW:
        return advance(operation, "approve", actor=SYSTEM, at=at, reason=reason, cause=Cause.RULE)
    return operation


def tell_asked(operation: Operation, asked: Iterable[tuple[Approval, Feature]], *, at: datetime) -> None:
    """Let approvals, given as they were, count what they show of a changed operation as a change of theirs.

    Whoever agrees to a version of them agrees to what that version showed.
    """
    told = []
    for approval, before in asked:
        approval.operation = operation
        approval.mark_changed(at)
        approval.save(update_fields=["version", "changed_at"])
        told.append((Change.UPDATED, approval, before))
    tell_approvals(told, actor=SYSTEM, at=at)


def _settle_each(ids: Sequence[UUID], state: str, settle_one: Callable[[Operation], Operation]) -> int:
    """Settle these operations, but for those that have moved since; return how many. A bad one stops no other."""

    @transaction.atomic
    def settle_some(some: Sequence[UUID]) -> int:
        rows = published_operations().select_for_update(of=("self",)).filter(pk__in=some, state=state)
        found = list(rows.order_by("pk"))
        for operation in found:
            settle_one(operation)
        return len(found)

    return work_through(ids, settle_some, _blame)


def _blame(operation_id: UUID, error: Exception) -> None:
    log.error("operations.not_settled", operation_id=str(operation_id), exc_info=error)


def _settle_for_itself(operation: Operation, *, at: datetime, reason: str = "") -> Operation:
    if operation.state == "in_review" and not operation.rules_version:
        # It came there without anybody having been asked, as where its lifecycle begins there.
        return settle(operation, at=at, reason=reason)
    book = rule_book()
    asked = list(approvals_of(operation.pk).filter(reason__in=FOR_ITSELF))
    _ask(operation, dict(_needed_for_itself(operation, book)), asked, at=at)
    return conclude(operation, is_open=_is_open(operation, book), at=at, reason=reason)


def _ask(
    operation: Operation,
    needed: dict[_Asked, _About],
    had: Sequence[Approval],
    *,
    afresh: bool = False,
    changed: Mapping[UUID, datetime] | None = None,
    at: datetime,
) -> None:
    """Put those approvals that the operation needs, each with what it is about, in the place of those it had."""
    told: list[tuple[Change, Approval, Feature | None]] = []
    compared: list[Approval] = []
    for approval in had:
        approval.operation = operation
        about = needed.pop(_key_of(approval), None)
        if about is None:
            told.append((Change.DELETED, approval, approval_feature(approval)))
            continue
        if approval.other_version != about.version:
            approval.other_version = about.version
            compared.append(approval)
        if afresh or _is_outdated(approval, changed or {}):
            told.append((Change.UPDATED, approval, approval_feature(approval)))
            _reopen(approval, at)
    made = [_new(operation, asked, about, at) for asked, about in needed.items()]
    Approval.objects.filter(pk__in=[each.pk for change, each, _ in told if change is Change.DELETED]).delete()
    Approval.objects.bulk_create(made)
    # Nobody is shown with which version of the other they were compared: it is no change of theirs.
    Approval.objects.bulk_update(compared, ["other_version"])
    tell_approvals([*told, *((Change.CREATED, each, None) for each in made)], actor=SYSTEM, at=at)


def _is_open(operation: Operation, book: RuleBook) -> bool:
    """Say whether somebody still has to agree; then it is written down by which rules that was found out."""
    is_open = approvals_of(operation.pk).filter(decision=Decision.OPEN).exists()
    if is_open and operation.rules_version != book.version:
        operation.rules_version = book.version
        operation.save(update_fields=["rules_version"])
    return is_open


def _needed(operation: Operation, judgement: Judgement) -> _Needed:
    """Yield who has to agree for what it meets."""
    for zone in judgement.zones:
        if zone.verdict in ASKING:
            asked = _Asked(organisation_id=zone.organisation_id, reason=Reason.ZONE, zone_id=zone.zone_id)
            yield asked, _About(name=zone.name)
    for each in judgement.operations:
        if reason := _reason_to_ask(operation, each):
            asked = _Asked(organisation_id=each.other.organisation_id, reason=reason, other_id=each.other.id)
            yield asked, _About(version=each.version)


def _reason_to_ask(operation: Operation, met: OperationConflict) -> Reason | None:
    """Return why the other's organisation has to agree, if it has to.

    Of equals that hold the same space neither was refused: they could share it, and cannot any more.
    """
    if met.verdict is Verdict.NEEDS_APPROVAL:
        return Reason.NOT_COMPARABLE
    is_equal = met.other.standing.priority == operation.priority
    return Reason.NOT_SHARED if is_equal and met.verdict is Verdict.REFUSED else None


def _needed_for_itself(operation: Operation, book: RuleBook) -> _Needed:
    """Yield who reviews it for what it is: its own organisation for its kind, and others by a rule."""
    if book.reviews_kind(operation.kind.slug):
        yield _Asked(organisation_id=operation.organisation_id, reason=Reason.ORGANISATION), _About()
    for rule in book.asking(operation_feature(operation)):
        asked = _Asked(organisation_id=rule.organisation_id, reason=Reason.RULE, rule_id=rule.pk)
        yield asked, _About(name=rule.name)


def _key_of(approval: Approval) -> _Asked:
    return _Asked(
        organisation_id=approval.organisation_id,
        reason=Reason(approval.reason),
        zone_id=approval.zone_id,
        rule_id=approval.rule_id,
        other_id=approval.other_id,
    )


def _is_outdated(approval: Approval, changed: Mapping[UUID, datetime]) -> bool:
    """Say whether the zone was another when somebody agreed to what is planned in it."""
    if approval.zone_id is None or approval.zone_id not in changed or approval.decided_at is None:
        return False
    return approval.decided_at <= changed[approval.zone_id]


def _new(operation: Operation, asked: _Asked, about: _About, at: datetime) -> Approval:
    return Approval(
        operation=operation,
        organisation_id=asked.organisation_id,
        reason=asked.reason,
        zone_id=asked.zone_id,
        zone_name=about.name if asked.zone_id else "",
        rule_id=asked.rule_id,
        rule_name=about.name if asked.rule_id else "",
        other_id=asked.other_id,
        other_version=about.version,
        recorded_at=at,
        changed_at=at,
    )


def _reopen(approval: Approval, at: datetime) -> None:
    approval.decision, approval.decided_by, approval.decided_at = Decision.OPEN, "", None
    approval.mark_changed(at)
    approval.save()


def _tell(judgement: Judgement, at: datetime) -> None:
    ids = [each.other.id for each in judgement.operations if each.verdict is Verdict.OVERRULES]
    if ids:
        tell_overruled(published_operations().filter(pk__in=ids).order_by("pk"), actor=SYSTEM, at=at)
