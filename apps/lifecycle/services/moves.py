"""Beginning a lifecycle, and moving along it by hand or by rule."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from django.db import transaction

from apps.access.queries import authorize
from apps.access.types import SYSTEM, Actor, ActorKind
from apps.core.types import FieldError, Invalid, NotFound
from apps.lifecycle.models import Stateful
from apps.lifecycle.registry import Lifecycle, definition_of, lifecycle_of
from apps.lifecycle.registry import lifecycle as lifecycle_named
from apps.lifecycle.rules import moves_from
from apps.lifecycle.services.engine import Circumstances, Step, begin_rows, make_moves, replace_timers
from apps.lifecycle.types import Cause, GuardRefused, IllegalTransition, Move

S = TypeVar("S", bound=Stateful)
LONGEST_REASON = 2000


@transaction.atomic(savepoint=False)
def begin(row: S, *, actor: Actor, at: datetime, cause: Cause = Cause.HAND, reason: str = "") -> S:
    """Insert a new row in the first state of its noun's current definition, and publish that it was created.

    Authorises nothing: the noun's own service has decided who may create.
    """
    begin_all([row], actor=actor, at=at, cause=cause, reason=reason)
    return row


@transaction.atomic(savepoint=False)
def begin_all(
    rows: Sequence[Stateful], *, actor: Actor, at: datetime, cause: Cause = Cause.HAND, reason: str = ""
) -> None:
    """Do what ``begin`` does for any number of rows of one noun, in the same few statements."""
    if rows:
        begin_rows(lifecycle_of(rows[0]), rows, Circumstances(actor=actor, at=at, cause=cause, reason=reason))


@transaction.atomic
def advance(
    row: S,
    transition: str,
    *,
    actor: Actor,
    at: datetime,
    reason: str = "",
    cause: Cause = Cause.HAND,
    expected_version: int | None = None,
) -> S:
    """Make one transition and return the row as it is now; the row passed in stays as it was.

    Locks the row. Raises ``NotFound`` or ``NotAllowed`` for the actor, ``VersionConflict`` when the row is not at
    ``expected_version``, ``IllegalTransition`` when its state has no such move, ``GuardRefused`` when a guard says no.
    """
    lifecycle = lifecycle_of(row)
    move = _move_named(row, transition)
    if actor.kind is not ActorKind.SYSTEM:
        authorize(actor, move.action, row)
    fresh = lock_row(lifecycle, row)
    if actor.kind is not ActorKind.SYSTEM:
        # Again, on what it is now that nobody else can change it. A move changes the state and nothing else, so a
        # policy over the move speaks of the state that it leaves.
        authorize(actor, move.action, fresh)
    fresh.require_version(expected_version)
    require_legal(fresh, move)
    require_guard(lifecycle, fresh, move)
    circumstances = Circumstances(actor=actor, at=at, cause=cause, reason=_checked_reason(move, reason, cause))
    make_moves(lifecycle, [Step(row=fresh, move=move, effective_at=max(at, fresh.state_since))], circumstances)
    return fresh


@transaction.atomic
def advance_after(
    noun: str, object_id: UUID, transition: str, *, at: datetime, reason: str = "", cause: Cause = Cause.SERVICE
) -> Stateful | None:
    """Make the transition that the outcome of an effect asks for; return the row as it is now.

    In the name of the system, so nobody needs a right. ``None`` when the object is gone, is in a state that does not
    have the transition (it moved on meanwhile, or an outcome is delivered twice), or follows a definition without it:
    that is no error, and nothing changes. Raises ``GuardRefused``.
    """
    lifecycle = lifecycle_named(noun)
    row = lifecycle.model._default_manager.select_for_update(of=("self",)).filter(pk=object_id).first()
    move = definition_of(row).moves.get(transition) if row else None
    if row is None or move is None or row.state not in move.sources:
        return None
    return advance(row, transition, actor=SYSTEM, at=at, reason=reason[:LONGEST_REASON], cause=cause)


@transaction.atomic
def plan_timers(row: Stateful) -> None:
    """Compute the row's timers afresh, after a field that they depend on was changed. The caller holds its lock."""
    replace_timers(lifecycle_of(row), [row])


def lock_row(lifecycle: Lifecycle, row: S) -> S:
    """Return the row as it is now, locked until the transaction ends; raises ``NotFound``."""
    fresh = type(row)._default_manager.select_for_update(of=("self",)).filter(pk=row.pk).first()
    if fresh is None:
        raise NotFound(f"This {lifecycle.word} is gone.")
    return fresh


def require_legal(row: Stateful, move: Move) -> None:
    """Raise ``IllegalTransition`` unless the row's state has the move."""
    if row.state in move.sources:
        return
    definition = definition_of(row)
    allowed = [each.name for each in moves_from(definition, row.state)]
    label = definition.states[row.state].label.lower()
    raise IllegalTransition(f"It is {label}; «{move.label}» is not possible from there.", details={"allowed": allowed})


def require_guard(lifecycle: Lifecycle, row: Stateful, move: Move) -> None:
    """Raise ``GuardRefused`` when the move's guard gives a reason against it."""
    refusal = lifecycle.guards[move.guard](row) if move.guard else None
    if refusal is not None:
        raise GuardRefused(refusal)


def _move_named(row: Stateful, transition: str) -> Move:
    definition = definition_of(row)
    if transition not in definition.moves:
        detail = f"One of {', '.join(definition.moves)}."
        error = FieldError(pointer="/transition", code="unknown_transition", detail=detail)
        raise Invalid("There is no such transition.", code="unknown_transition", errors=[error])
    return definition.moves[transition]


def _checked_reason(move: Move, reason: str, cause: Cause) -> str:
    reason = reason.replace("\x00", "").strip()
    if len(reason) > LONGEST_REASON:
        detail = f"At most {LONGEST_REASON} characters."
        raise Invalid("The reason is too long.", errors=[FieldError(pointer="/reason", code="too_long", detail=detail)])
    if move.needs_reason and cause is Cause.HAND and not reason:
        detail = f"«{move.label}» needs a reason."
        raise Invalid("A reason is needed.", errors=[FieldError(pointer="/reason", code="required", detail=detail)])
    return reason
