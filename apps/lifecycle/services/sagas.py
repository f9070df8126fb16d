"""Sagas: what a transition asks of services is done one call after the other, all of it or nothing.

Callers hold the lock of the saga, which orders everything that happens to its calls. When the last call has succeeded
the object makes the transition of success. When one has failed for good, or success comes too late for the object,
what had happened or may have is undone, the latest first, and the object makes the transition of failure.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from django.conf import settings
from django.db import connection, transaction

from apps.core import redis, sealing
from apps.lifecycle.models import Call, Effect, Saga, Service
from apps.lifecycle.models.calls import PATH_LENGTH
from apps.lifecycle.queries import call_faults
from apps.lifecycle.registry import register_effect
from apps.lifecycle.rules.calling import (
    ATTEMPTS,
    CALL,
    NOTHING,
    SCHEMA,
    callback_token,
    duration_of,
    filled,
    filled_path,
    token_hash,
)
from apps.lifecycle.services.moves import advance_after
from apps.lifecycle.types import Awaits, CallState, GuardRefused, Owed, SagaState

CALLS_DOORBELL: Final = "calls"
UNDO_ATTEMPTS: Final = 12
# An answer may be late, and must still be heard: what it tells of is undone.
TOKEN_LASTS: Final = timedelta(days=30)
FORGET_BATCH: Final = 2_000
# What is over, with all of its calls; what is stuck waits for somebody, however long.
_FORGET = """
WITH old AS MATERIALIZED (
    SELECT id FROM lifecycle_saga AS saga WHERE finished_at < %(cutoff)s AND NOT EXISTS (
        SELECT FROM lifecycle_call WHERE saga_id = saga.id AND (due_at IS NOT NULL OR state = 'stuck')
    )
    ORDER BY finished_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM lifecycle_call WHERE saga_id IN (SELECT id FROM old)
)
DELETE FROM lifecycle_saga WHERE id IN (SELECT id FROM old)
"""


def register_calling() -> None:
    """Let definitions call services."""
    register_effect(CALL, begin_saga, schema=SCHEMA, check=call_faults)


def begin_saga(owed: Owed, at: datetime) -> None:
    """Write down everything that a transition asks of services, with the first of its calls; the others find it done.

    Raises ``LookupError`` for a service that there is not.
    """
    if owed.transition_id is None:
        raise LookupError("It belongs to no transition.")
    if Saga.objects.filter(transition_id=owed.transition_id).exists():
        return
    effects = list(Effect.objects.filter(transition_id=owed.transition_id, kind=CALL).order_by("seq"))
    services = {each.key: each for each in Service.objects.filter(key__in=[each.params["service"] for each in effects])}
    saga = Saga(
        transition_id=owed.transition_id,
        noun=owed.noun,
        object_id=owed.object_id,
        transition=owed.transition,
        on_success=owed.params.get("on_success", ""),
        on_failure=owed.params.get("on_failure", ""),
    )
    calls = [_call(saga, place, effect, services) for place, effect in enumerate(effects)]
    saga.save(force_insert=True)
    Call.objects.bulk_create(calls)
    begin_call(calls[0], at)


@transaction.atomic
def forget_sagas(at: datetime) -> int:
    """Delete the sagas that were over long ago, with their calls, a batch at a time; return how many. A tick.

    None goes while an answer to one of its calls could still come and would have to be undone.
    """
    cutoff = at - max(settings.WATCHFLOOR.call_retention, TOKEN_LASTS)
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, {"cutoff": cutoff, "limit": FORGET_BATCH})
        return int(cursor.rowcount)


def begin_call(call: Call, at: datetime) -> None:
    """Let a call have its turn; from now on its time runs out."""
    call.due_at, call.give_up_at = at, at + call.within
    call.save(update_fields=["due_at", "give_up_at"])
    _ring()


def succeed(call: Call, at: datetime) -> None:
    """Go on after a call was done: with the next, with the object, or, where it comes too late, by undoing it."""
    saga = call.saga
    if call.state not in (CallState.WAITING, CallState.RUNNING, CallState.AWAITING):
        _undo_late(call, at)
        return
    _end(call, CallState.SUCCEEDED, at)
    following = saga.calls.filter(state=CallState.WAITING).order_by("place").first()
    if following is not None:
        begin_call(following, at)
    elif _move_on(saga, at):
        _finish(saga, SagaState.SUCCEEDED, at)
    else:
        _undo(saga, at, reason="It was done when the object had moved on already.")


def fail(call: Call, at: datetime, *, why: str, is_certain: bool) -> None:
    """Undo the saga of a call that has failed for good; one that may have happened all the same is undone as well."""
    if is_certain or call.undo is None:
        _end(call, CallState.FAILED, at)
    else:
        _await_undoing(call)
    _undo(call.saga, at, reason=f"{call.service.name}: {why}")


def undone(call: Call, at: datetime) -> None:
    """Go on after a call was undone."""
    _end(call, CallState.COMPENSATED, at)
    _undo_next(call.saga, at)


def get_stuck(call: Call, at: datetime) -> None:
    """Leave a call behind that cannot be undone, for somebody to see to, and go on with the others."""
    _end(call, CallState.STUCK, at)
    _undo_next(call.saga, at)


def undo_again(call: Call, at: datetime) -> None:
    """Undo a call now, or once more: whatever is in hand does not count."""
    _await_undoing(call)
    call.due_at, call.finished_at = at, None
    call.save()
    _ring()


def save_call(call: Call) -> None:
    """Save a call whose turn is over for now."""
    call.claimed_until = None
    call.turn += 1
    call.save()


def _undo_late(call: Call, at: datetime) -> None:
    """Undo what was done after it had been given up. What was undone already may have been done since."""
    if call.undo is not None and call.state != CallState.SUCCEEDED:
        undo_again(call, at)


def _undo(saga: Saga, at: datetime, *, reason: str) -> None:
    saga.state, saga.reason = SagaState.UNDOING, reason
    saga.save(update_fields=["state", "reason"])
    for call in saga.calls.filter(state__in=[CallState.WAITING, CallState.SUCCEEDED]):
        if call.state == CallState.WAITING:
            _end(call, CallState.SKIPPED, at)
        elif call.undo is not None:
            _await_undoing(call)
    _undo_next(saga, at)


def _undo_next(saga: Saga, at: datetime) -> None:
    """Take the latest call that is still to be undone in hand; after the last, the object moves on."""
    left = list(saga.calls.filter(state=CallState.COMPENSATING).order_by("-place"))
    if any(call.due_at is not None for call in left):
        return
    if left:
        left[0].due_at = at
        left[0].save(update_fields=["due_at"])
        _ring()
    elif saga.state == SagaState.UNDOING:
        _tell_what_is_stuck(saga)
        _move_on(saga, at, has_failed=True)
        _finish(saga, SagaState.FAILED, at)


def _tell_what_is_stuck(saga: Saga) -> None:
    stuck = saga.calls.filter(state=CallState.STUCK).select_related("service")
    if names := ", ".join(call.service.name for call in stuck):
        saga.reason += f" Not undone, somebody must see to it: {names}."


def _move_on(saga: Saga, at: datetime, *, has_failed: bool = False) -> bool:
    """Let the object make the transition of the outcome, where there is one; say whether it could."""
    transition = saga.on_failure if has_failed else saga.on_success
    if not transition:
        return True
    try:
        with transaction.atomic():
            return advance_after(saga.noun, saga.object_id, transition, at=at, reason=saga.reason) is not None
    except GuardRefused as error:
        saga.reason = f"{saga.reason} {error.message}".strip()
        return False


def _finish(saga: Saga, state: SagaState, at: datetime) -> None:
    saga.state, saga.finished_at = state, at
    saga.save(update_fields=["state", "finished_at", "reason"])


def _end(call: Call, state: CallState, at: datetime) -> None:
    call.state, call.due_at, call.give_up_at, call.finished_at = state, None, None, at
    save_call(call)


def _await_undoing(call: Call) -> None:
    call.state, call.attempts, call.due_at, call.give_up_at = CallState.COMPENSATING, 0, None, None
    save_call(call)


def _ring() -> None:
    transaction.on_commit(partial(redis.ring, CALLS_DOORBELL), robust=True)


def _call(saga: Saga, place: int, effect: Effect, services: Mapping[str, Service]) -> Call:
    params, retry = effect.params, effect.params.get("retry", {})
    if params["service"] not in services:
        raise LookupError(f"There is no service «{params['service']}».")
    values = _values(effect)
    token = callback_token(sealing.installation_keys()[0], effect.id)
    return Call(
        id=effect.id,
        saga=saga,
        place=place,
        service=services[params["service"]],
        method=params.get("method", "POST"),
        path=filled_path(params["path"], values)[:PATH_LENGTH],
        body=filled(params["body"], values) if "body" in params else None,
        undo=_undoing(params.get("compensate", NOTHING), values),
        awaits=params.get("await", Awaits.ANSWER),
        event_type=params.get("event", {}).get("type", ""),
        event_match=params.get("event", {}).get("match", ""),
        answer_within=duration_of(params, "answer_within"),
        within=duration_of(params, "within"),
        most_attempts=retry.get("attempts", ATTEMPTS),
        first_pause=duration_of(params, "first"),
        longest_pause=duration_of(params, "longest"),
        token_hash=token_hash(token),
        token_until=effect.effective_at + TOKEN_LASTS,
    )


def _undoing(compensate: Any, values: Mapping[str, Any]) -> dict[str, Any] | None:
    if compensate == NOTHING:
        return None
    return {
        "method": compensate.get("method", "POST"),
        "path": filled_path(compensate["path"], values)[:PATH_LENGTH],
        "body": filled(compensate["body"], values) if "body" in compensate else None,
    }


def _values(effect: Effect) -> dict[str, Any]:
    """Return what templates may name: what is published of the object, its id, and that of the call."""
    shown = effect.object
    return {
        **(shown.get("properties") or {}),
        "id": str(effect.object_id),
        "organisation_id": shown.get("organisation_id"),
        "call_id": str(effect.id),
    }
