"""Kinds that come to share space, or to share it no more, under operations that hold it: each is judged anew, once.

A kind may have more operations than one transaction has time for: they follow batch by batch. Whoever changes a kind
leaves a ``KindChange`` in the same transaction, so that what was committed is followed, and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Q

from apps.access.types import SYSTEM
from apps.core.sweep import work_through
from apps.operations.models import KindChange, Operation
from apps.operations.published import published_operations
from apps.operations.queries import approvals_of, volumes_held
from apps.operations.services.holding import judgement_of, wait_for_others
from apps.operations.services.settling import ASKING, BATCH, REVIEWABLE, settle
from apps.operations.services.telling import tell_overruled
from apps.operations.types import HOLDING, RUNNING, Decision, OperationConflict

# To look at one costs little. To settle one that meets a thousand others writes a thousand approvals.
MOST_CUT: Final = 20
REASON: Final = "Whether operations of a kind may share space was changed."

log = structlog.get_logger(__name__)


def follow_kinds(at: datetime) -> int:
    """Judge anew the next operations that a change of a kind may bear on; return how many were looked at.

    A tick: safe to run twice. Before the first of them everybody is waited for who was about to hold space without
    having seen the change: whoever begins later sees it.
    """
    change = KindChange.objects.first()
    if change is None:
        return 0
    if change.after is None:
        with transaction.atomic():
            wait_for_others()
    return _follow_batch(change.pk, at)


@transaction.atomic
def _follow_batch(change_id: int, at: datetime) -> int:
    """Judge a batch, and write down how far that came; nothing where somebody else does so."""
    change = KindChange.objects.select_for_update(skip_locked=True).filter(pk=change_id).first()
    if change is None:
        return 0
    ids = _next_ids(change, at)
    looked_at = _judge_some(ids, change.kind_id, at)
    if looked_at == len(ids) < BATCH:
        change.delete()
    else:
        change.after = ids[looked_at - 1]
        change.save(update_fields=["after"])
    return looked_at


def _next_ids(change: KindChange, at: datetime) -> list[UUID]:
    """Return the next operations of the kind, and of all that may share: with others it never shared anything."""
    rows = Operation.objects.filter(Q(kind=change.kind_id) | Q(kind__may_share=True), state__in=HOLDING, ends_at__gt=at)
    if change.after is not None:
        rows = rows.filter(pk__gt=change.after)
    return list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH])


def _judge_some(ids: Sequence[UUID], kind_id: UUID, at: datetime) -> int:
    """Judge operations one after the other until so many were cut; return how many were looked at."""
    cut = 0
    for looked_at, operation_id in enumerate(ids, start=1):
        cut += work_through([operation_id], partial(_judge_anew, kind_id=kind_id, at=at), _blame)
        if cut == MOST_CUT:
            return looked_at
    return len(ids)


@transaction.atomic
def _judge_anew(ids: Sequence[UUID], *, kind_id: UUID, at: datetime) -> int:
    """Settle those operations on which the change bears, or tell of them; return how many they are."""
    rows = published_operations().select_for_update(of=("self",)).filter(pk__in=ids, state__in=HOLDING)
    found = 0
    for operation in rows.order_by("pk"):
        is_cut = _is_cut(operation, kind_id)
        if operation.state in RUNNING and is_cut:
            tell_overruled([operation], actor=SYSTEM, at=at)
        elif operation.state in REVIEWABLE and (is_cut or _waits_for_others(operation)):
            settle(operation, at=at, reason=REASON)
        else:
            continue
        found += 1
    return found


def _is_cut(operation: Operation, kind_id: UUID) -> bool:
    """Say whether an operation holds space with another that the two could share until the kind was changed."""
    judgement = judgement_of(operation, volumes_held(operation.pk))
    return any(each.verdict in ASKING and _could_share(operation, each, kind_id) for each in judgement.operations)


def _could_share(operation: Operation, met: OperationConflict, kind_id: UUID) -> bool:
    """Say whether two are equals, and both of that kind or of one that may share."""
    sides = ((operation.kind_id, operation.kind.may_share), (met.other.kind_id, met.other.standing.may_share))
    is_equal = operation.priority == met.other.standing.priority
    return is_equal and all(may_share or kind == kind_id for kind, may_share in sides)


def _waits_for_others(operation: Operation) -> bool:
    """Say whether somebody still has to agree for another operation's sake, which may be needed no more."""
    return approvals_of(operation.pk).filter(other_id__isnull=False, decision=Decision.OPEN).exists()


def _blame(operation_id: UUID, error: Exception) -> None:
    log.error("operations.kind_not_followed", operation_id=str(operation_id), exc_info=error)
