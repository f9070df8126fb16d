"""Answers that come later, by callback or as an event, and what people decide about calls."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson
from django.db import transaction

from apps.access.queries import authorize
from apps.access.types import Actor
from apps.core.types import Conflict, NotFound
from apps.events.models import Event
from apps.lifecycle.models import Call, Effect
from apps.lifecycle.registry import event_feature, event_predicate, lifecycle, register_effect
from apps.lifecycle.rules.calling import token_hash
from apps.lifecycle.services.calling import lock_call, text_of
from apps.lifecycle.services.sagas import fail, get_stuck, save_call, succeed, undo_again
from apps.lifecycle.types import Awaits, CallState, Owed

ANSWER: Final = "answer-call"
# The extension attribute of a CloudEvent that says which call it answers.
CALL_ID: Final = "callid"
SETTLE: Final = "settle_calls"
UNDECIDED: Final = (CallState.WAITING, CallState.RUNNING, CallState.AWAITING)


def register_answering() -> None:
    """Register the effect by which an answer that stood in the log is taken in."""
    register_effect(ANSWER, _take_in, schema={"not": {}})


@transaction.atomic
def answer_call(token: str, answer: Mapping[str, Any], *, has_succeeded: bool, at: datetime) -> None:
    """Take in the answer that a service gives later; the token is good for one.

    Raises the same ``NotFound`` for a token that never was, was used or is too old.
    """
    hashed = token_hash(token)
    found = Call.objects.filter(token_hash=hashed).values_list("pk", flat=True).first()
    call = None if found is None else lock_call(found)
    if call is None or not _is_good(call, hashed, at):
        raise NotFound("There is nothing to answer here.")
    call.token_used_at = at
    call.save(update_fields=["token_used_at"])
    _decide(call, answer, at, has_succeeded=has_succeeded)


def owe_answers(events: Sequence[Event], at: datetime) -> None:
    """Write down which calls these events answer, in the caller's transaction; an effect takes each in."""
    named = {_call_id(event): event for event in events if _call_id(event) is not None}
    if not named:
        return
    calls = Call.objects.filter(pk__in=list(named), awaits=Awaits.EVENT).select_related("saga")
    meant = [(call, named[call.pk]) for call in calls if _is_meant(call, named[call.pk])]
    Effect.objects.bulk_create(
        [
            Effect(
                kind=ANSWER,
                params={"call": str(call.pk), "succeeded": _matches(call, event), "answer": event.data.get("sent")},
                noun=call.saga.noun,
                object_id=call.saga.object_id,
                object={},
                transition=call.saga.transition,
                to_state="",
                effective_at=event.occurred_at,
                due_at=at,
            )
            for call, event in meant
        ]
    )


@transaction.atomic
def retry_call(call_id: UUID, *, actor: Actor, at: datetime) -> Call:
    """Let a call that rests, waits for an answer or is stuck be sent now. Raises ``Conflict`` for one that is over."""
    call = _lock_for(call_id, actor)
    if call.state == CallState.STUCK:
        undo_again(call, at)
    elif call.due_at is None:
        raise Conflict("There is nothing to try again.", code="call_over")
    else:
        call.due_at = at
        if call.state != CallState.COMPENSATING:
            call.state = CallState.WAITING
    _record(call, "retried", actor, at)
    save_call(call)
    return call


@transaction.atomic
def give_up_call(call_id: UUID, *, actor: Actor, at: datetime) -> Call:
    """Fail a call now, or stop undoing it, which leaves it stuck. Raises ``Conflict`` for one that is over."""
    call = _lock_for(call_id, actor)
    if call.due_at is None:
        raise Conflict("There is nothing to give up.", code="call_over")
    _record(call, "given up", actor, at)
    if call.state == CallState.COMPENSATING:
        get_stuck(call, at)
    else:
        fail(call, at, why=f"Given up by {actor.label}.", is_certain=call.attempts == 0)
    return call


def _is_good(call: Call, hashed: bytes, at: datetime) -> bool:
    is_right = hmac.compare_digest(bytes(call.token_hash), hashed)
    return is_right and call.awaits == Awaits.CALLBACK and call.token_used_at is None and at < call.token_until


def _decide(call: Call, answer: Any, at: datetime, *, has_succeeded: bool) -> None:
    call.answer = text_of(orjson.dumps(answer))
    call.last_error = "" if has_succeeded else "It answered that it failed."
    if has_succeeded:
        succeed(call, at)
    elif call.state in UNDECIDED:
        fail(call, at, why=call.last_error, is_certain=True)


def _take_in(owed: Owed, at: datetime) -> None:
    call = lock_call(UUID(owed.params["call"]))
    if call is not None:
        _decide(call, owed.params["answer"], at, has_succeeded=owed.params["succeeded"])


def _call_id(event: Event) -> UUID | None:
    named = event.data.get("attributes", {}).get(CALL_ID) if event.source is not None else None
    try:
        return None if named is None else UUID(str(named))
    except ValueError:
        return None


def _is_meant(call: Call, event: Event) -> bool:
    about = (call.saga.noun, call.saga.object_id, call.event_type)
    return (event.noun, event.object_id, event.type) == about


def _matches(call: Call, event: Event) -> bool:
    return not call.event_match or event_predicate(event.type, call.event_match)(event_feature(event)) is True


def _lock_for(call_id: UUID, actor: Actor) -> Call:
    """Return a call, locked, when the actor may settle the calls of its object; raises ``NotFound``."""
    call = lock_call(call_id)
    if call is None:
        raise NotFound("There is no such call, or you may not see it.")
    row = lifecycle(call.saga.noun).model._default_manager.filter(pk=call.saga.object_id).first()
    authorize(actor, f"{call.saga.noun}.{SETTLE}" if row else "calls.retry", row or call)
    return call


def _record(call: Call, what: str, actor: Actor, at: datetime) -> None:
    call.decided, call.decided_by, call.decided_at = what, actor.label[:200], at
