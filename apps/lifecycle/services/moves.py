"""Beginning a lifecycle, and moving along it by hand, by rule and by the outcome of an effect."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar, cast
from uuid import UUID

import jsonschema
from django.db import transaction

from apps.access.queries import authorize
from apps.access.types import SYSTEM, Actor, ActorKind
from apps.core.text import json_errors
from apps.core.types import FieldError, Invalid, NotFound
from apps.lifecycle.models import Stateful, Timer
from apps.lifecycle.queries import refusal_of
from apps.lifecycle.registry import Lifecycle, current, definition_of, lifecycle_of
from apps.lifecycle.registry import lifecycle as lifecycle_named
from apps.lifecycle.rules.moving import moves_from, timer_fields
from apps.lifecycle.services.engine import (
    Step,
    begin_rows,
    insert_timers,
    make_moves,
    record_first,
    set_first,
    timers_of,
)
from apps.lifecycle.types import Cause, Definition, GuardRefused, IllegalTransition, Move

S = TypeVar("S", bound=Stateful)
LONGEST_REASON = 2000


@transaction.atomic(savepoint=False)
def begin(
    row: S, *, actor: Actor, at: datetime, cause: Cause = Cause.HAND, reason: str = "", key: str | None = None
) -> S:
    """Insert a new row in the first state of the current definition, and publish that it was created.

    ``key`` names the definition; without one it is the noun's. Authorises nothing: the noun's own service has decided
    who may create.
    """
    begin_all([row], actor=actor, at=at, cause=cause, reason=reason, key=key)
    return row


@transaction.atomic(savepoint=False)
def begin_all(
    rows: Sequence[Stateful],
    *,
    actor: Actor,
    at: datetime,
    cause: Cause = Cause.HAND,
    reason: str = "",
    key: str | None = None,
) -> None:
    """Do what ``begin`` does for any number of rows of one noun, in the same few statements."""
    if rows:
        lifecycle = lifecycle_of(rows[0])
        definition = current(key or lifecycle.key or "")
        begin_rows(lifecycle, definition, rows, actor=actor, at=at, cause=cause, reason=reason)


def prepare(row: Stateful, key: str, *, at: datetime) -> None:
    """Put a row that its own service is about to insert into the first state; an empty key leaves it without one."""
    if key:
        set_first(row, current(key), at)


@transaction.atomic
def record_begun(rows: Sequence[Stateful], *, actor: Actor) -> list[dict[str, object] | None]:
    """Write history and timers of rows that were prepared and inserted.

    Return for each what its event tells of it in ``lifecycle``: ``None`` for one that follows no lifecycle.
    """
    following = [row for row in rows if row.lifecycle_key]
    told = iter(record_first(lifecycle_of(following[0]), following, actor=actor, cause=Cause.HAND) if following else ())
    return [next(told) if row.lifecycle_key else None for row in rows]


@transaction.atomic
def advance(
    row: S,
    transition: str,
    *,
    actor: Actor,
    at: datetime,
    reason: str = "",
    answers: Mapping[str, Any] | None = None,
    cause: Cause = Cause.HAND,
    expected_version: int | None = None,
) -> S:
    """Make one transition and return the row as it is now; the row passed in stays as it was.

    Locks the row. Raises ``NotFound`` or ``NotAllowed`` for the actor, ``VersionConflict`` when the row is not at
    ``expected_version``, ``IllegalTransition`` when its state has no such move or nobody makes it by hand,
    ``GuardRefused`` when a guard says no, ``Invalid`` for a reason or answers that do not do.
    """
    lifecycle = lifecycle_of(row)
    move = _move_named(row, transition)
    action = move.action or f"{lifecycle.noun}.view"
    if actor.kind is not ActorKind.SYSTEM:
        authorize(actor, action, row)
    fresh = lock_row(lifecycle, row)
    if actor.kind is not ActorKind.SYSTEM:
        # Again, on what it is now that nobody else can change it. A policy over the move speaks of the object that
        # it finds, not of what the move makes of it: what it sets, the definition sets.
        authorize(actor, action, fresh)
    fresh.require_version(expected_version)
    move = _move_named(fresh, transition)
    require_legal(fresh, move, by_hand=actor.kind is not ActorKind.SYSTEM)
    require_guard(lifecycle, fresh, move)
    step = Step(
        row=fresh,
        move=move,
        effective_at=max(at, fresh.state_since),
        cause=cause,
        reason=_checked_reason(move, reason, cause),
        answers=_checked_answers(lifecycle, move, answers or {}, cause),
    )
    make_moves(lifecycle, [step], actor=actor, at=at)
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
    if row is None or not row.lifecycle_key:
        return None
    move = definition_of(row).moves.get(transition)
    if move is None or row.state not in move.sources:
        return None
    return advance(row, transition, actor=SYSTEM, at=at, reason=reason[:LONGEST_REASON], cause=cause)


def plan_timers(row: Stateful) -> None:
    """Compute the row's timers afresh, after a field that they depend on was changed. The caller holds its lock.

    What waits for a condition to last goes on waiting.
    """
    plan_all_timers([row])


@transaction.atomic(savepoint=False)
def plan_all_timers(rows: Sequence[Stateful], *, changed: Collection[str] | None = None) -> None:
    """Do so for any number of rows of one noun, in the same few statements.

    ``changed`` names the fields that were: where no timer depends on any of them, nothing is read at all.
    """
    timed = [row for row in rows if row.lifecycle_key and _is_timed(definition_of(row), changed)]
    if not timed:
        return
    lifecycle = lifecycle_of(timed[0])
    due = {(row.pk, name): at for row in timed for name, at in timers_of(lifecycle, row).items()}
    clocked = {(row.pk, move.name) for row in timed for move in definition_of(row).moves.values() if move.timer}
    owed = Timer.objects.filter(noun=lifecycle.noun, object_id__in=[row.pk for row in timed])
    places = {timer.pk: ((timer.object_id, timer.transition), timer.due_at) for timer in owed}
    stale = [pk for pk, (place, due_at) in places.items() if place in clocked and due.get(place) != due_at]
    Timer.objects.filter(pk__in=stale).delete()
    insert_timers(lifecycle.noun, [(object_id, name, at) for (object_id, name), at in due.items()])


def _is_timed(definition: Definition, changed: Collection[str] | None) -> bool:
    fields = timer_fields(definition)
    return bool(fields if changed is None else fields & set(changed))


def lock_row(lifecycle: Lifecycle, row: S) -> S:
    """Return the row as it is now, locked until the transaction ends; raises ``NotFound``."""
    fresh = type(row)._default_manager.select_for_update(of=("self",)).filter(pk=row.pk).first()
    if fresh is None:
        raise NotFound(f"This {lifecycle.word} is gone.")
    return fresh


def require_legal(row: Stateful, move: Move, *, by_hand: bool) -> None:
    """Raise ``IllegalTransition`` unless the row's state has the move, and somebody makes it by hand."""
    if row.state in move.sources and (move.action or not by_hand):
        return
    definition = definition_of(row)
    allowed = [each.name for each in moves_from(definition, row.state) if each.action]
    label = definition.states[row.state].label.lower()
    why = f"It is {label}; «{move.label}» is not possible from there."
    if row.state in move.sources:
        why = f"«{move.label}» is not made by hand."
    raise IllegalTransition(why, details={"allowed": allowed})


def require_guard(lifecycle: Lifecycle, row: Stateful, move: Move) -> None:
    """Raise ``GuardRefused`` when something stands against the move."""
    refusal = refusal_of(lifecycle, row, move)
    if refusal is not None:
        raise GuardRefused(refusal)


def _move_named(row: Stateful, transition: str) -> Move:
    if not row.lifecycle_key:
        raise IllegalTransition("It follows no lifecycle.", details={"allowed": []})
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


def _checked_answers(lifecycle: Lifecycle, move: Move, answers: Mapping[str, Any], cause: Cause) -> Mapping[str, Any]:
    """Return the answers; raises ``Invalid`` unless they meet the move's form, and the fields that they set."""
    if move.form is None and answers:
        error = FieldError(pointer="/answers", code="unasked", detail=f"«{move.label}» asks for nothing.")
        raise Invalid("Nothing is asked.", errors=[error])
    if move.form is None or (cause is not Cause.HAND and not answers):
        return {}
    errors = list(_form_errors(move.form, answers)) or list(_set_errors(lifecycle, move, answers))
    if errors:
        raise Invalid("These are no answers to the form.", errors=errors)
    return answers


def _form_errors(form: Mapping[str, Any], answers: Mapping[str, Any]) -> Iterator[FieldError]:
    closed = {"unevaluatedProperties": False, **form}
    for error in jsonschema.Draft202012Validator(closed).iter_errors(answers):
        yield from _answer_errors(error)
    yield from json_errors(answers, "/answers")


def _set_errors(lifecycle: Lifecycle, move: Move, answers: Mapping[str, Any]) -> Iterator[FieldError]:
    for each in move.sets:
        if each.answer is not None:
            schema = lifecycle.fields[each.field].schema
            for error in jsonschema.Draft202012Validator(schema).iter_errors(answers.get(each.answer)):
                yield FieldError(pointer=f"/answers/{each.answer}", code="invalid", detail=error.message[:300])


def _answer_errors(error: jsonschema.ValidationError) -> Iterator[FieldError]:
    """Yield what is wrong, each at its question: also what is missing."""
    pointer, instance = "/".join(["/answers", *map(str, error.absolute_path)]), cast("Any", error.instance)
    if error.validator != "required":
        yield FieldError(pointer=pointer, code=str(error.validator), detail=f"{error.message[:300]}.")
        return
    for name in cast("list[str]", error.validator_value):
        if name not in instance and error.message.startswith(repr(name)):
            yield FieldError(pointer=f"{pointer}/{name}", code="required", detail="It must be answered.")
