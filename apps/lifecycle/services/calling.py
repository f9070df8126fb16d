"""Calls taken in hand, and what came of them. Nothing here talks to anybody: ``apps.lifecycle.calling`` does, between.

A claim is a lease: ``due_at`` moves to its end and an attempt is counted, so what a dead worker held comes back by
itself. What comes back counts only if nothing was decided about the call since it was claimed (``turn``). Locks are
taken in this order: saga, call, object, service.
"""

from __future__ import annotations

import random
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.urls import reverse

from apps.core import sealing
from apps.core.sealing import UnreadableError
from apps.lifecycle.models import Call, Saga, Service
from apps.lifecycle.models.calls import ANSWER_LENGTH
from apps.lifecycle.rules.calling import (
    Verdict,
    callback_token,
    is_breaking,
    judge,
    judge_undoing,
    pause_before,
    token_hash,
)
from apps.lifecycle.services.sagas import UNDO_ATTEMPTS, fail, get_stuck, save_call, succeed, undone
from apps.lifecycle.types import Auth, Awaits, CallState

SEALED_FOR: Final = "services"
SHORTEST_LEASE: Final = timedelta(seconds=1)
UNDO_FIRST, UNDO_LONGEST = timedelta(seconds=1), timedelta(minutes=10)
EXPIRE_BATCH: Final = 500
TOO_LATE: Final = "It was not done in time."
NO_ANSWER: Final = "No answer came."
# Locked in a statement of its own, so that the next counts what the former holder of the lock took in hand.
_LOCK_SERVICES = """
SELECT id FROM lifecycle_service AS service
WHERE is_enabled AND (open_until IS NULL OR open_until <= %(at)s)
  AND EXISTS (SELECT FROM lifecycle_call WHERE service_id = service.id AND due_at <= %(at)s)
ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
"""
_CLAIM = """
WITH due AS (
    SELECT call.id, %(at)s + greatest(2 * service.timeout, %(shortest)s) AS until
    FROM lifecycle_service AS service CROSS JOIN LATERAL (
        SELECT id FROM lifecycle_call
        WHERE service_id = service.id AND due_at <= %(at)s
        ORDER BY due_at, id
        LIMIT greatest(
            CASE WHEN service.failures >= service.break_after THEN 1 ELSE service.concurrency END
            - (SELECT count(*) FROM lifecycle_call WHERE service_id = service.id AND claimed_until > %(at)s), 0
        )
        FOR UPDATE SKIP LOCKED
    ) AS call
    WHERE service.id = ANY(%(services)s) LIMIT %(limit)s
)
UPDATE lifecycle_call AS call
SET due_at = due.until, claimed_until = due.until,
    attempts = attempts + 1, turn = turn + 1, sent_at = %(at)s,
    state = CASE state WHEN 'compensating' THEN state ELSE 'running' END
FROM due WHERE call.id = due.id
RETURNING call.id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A call in hand, ready to be sent; ``until`` is when its lease ends, and with it the right to send it.

    ``fault`` is why it cannot be sent: to be settled as if it had not been answered.
    """

    call_id: UUID
    turn: int
    until: datetime
    method: str
    url: str
    body: bytes | None
    headers: Mapping[str, str]
    timeout: timedelta
    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What came back for a request: a status, or ``None`` and why there is none."""

    request: Request
    status: int | None
    error: str = ""
    body: bytes = b""
    retry_after: timedelta | None = None


def claim_calls(limit: int, at: datetime) -> list[Request]:
    """Take at most ``limit`` due calls in hand, and return those that are to be sent.

    Of each service no more than its concurrency, whoever else is calling it, and none while its circuit is broken.
    What has been tried often enough is given up here.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_LOCK_SERVICES, {"at": at})
        services = [key for (key,) in cursor.fetchall()]
        if not services:
            return []
        asked: dict[str, Any] = {"at": at, "services": services, "limit": limit, "shortest": SHORTEST_LEASE}
        cursor.execute(_CLAIM, asked)
        ids = [key for (key,) in cursor.fetchall()]
    calls = list(Call.objects.filter(pk__in=ids).select_related("service").order_by("due_at", "pk"))
    spent = {call.pk for call in calls if call.attempts > _most(call)}
    for call in calls:
        if call.pk in spent:
            _give_up(call.pk, call.turn, at)
    return [_request(call, at) for call in calls if call.pk not in spent]


def settle_call(response: Response, *, at: datetime) -> bool:
    """Write down what came of a request, and go on from there; say whether it still counted."""
    with transaction.atomic():
        call = lock_call(response.request.call_id)
        counts = call is not None and call.turn == response.request.turn
        if call is not None and counts:
            _keep(call, response)
            _settle(call, response, at)
        _judge_service(response, at)
    return counts


def expire_calls(at: datetime) -> int:
    """Give up what was not done in its time; return how many calls. A half of the tick: safe to run twice."""
    late = Call.objects.filter(_not_in_hand(at), give_up_at__lte=at).order_by("give_up_at")[:EXPIRE_BATCH]
    return sum(_give_up(pk, turn, at, why=TOO_LATE) for pk, turn in late.values_list("pk", "turn"))


def is_call_due(at: datetime, *, since: timedelta = timedelta(0)) -> bool:
    """Say whether something could be sent now, or could have been for so long."""
    return _callable(at).filter(due_at__lte=at - since).exists()


def lock_call(call_id: UUID) -> Call | None:
    """Return a call with its saga and service, after the saga was locked; ``None`` for no such call."""
    saga = Saga.objects.select_for_update().filter(calls=call_id).first()
    if saga is None:
        return None
    call = Call.objects.select_for_update(of=("self",)).select_related("service").get(pk=call_id)
    call.saga = saga
    return call


def _callable(at: datetime) -> QuerySet[Call]:
    is_whole = Q(service__open_until__isnull=True) | Q(service__open_until__lte=at)
    return Call.objects.filter(is_whole, service__is_enabled=True)


def _not_in_hand(at: datetime) -> Q:
    return Q(claimed_until__isnull=True) | Q(claimed_until__lte=at)


def _most(call: Call) -> int:
    return UNDO_ATTEMPTS if call.state == CallState.COMPENSATING else call.most_attempts


@transaction.atomic
def _give_up(call_id: UUID, turn: int, at: datetime, *, why: str = NO_ANSWER) -> int:
    """Fail a call of which nobody can know whether it was done, unless something was decided about it meanwhile."""
    call = lock_call(call_id)
    if call is None or call.turn != turn:
        return 0
    if call.state == CallState.COMPENSATING:
        get_stuck(call, at)
        return 1
    call.last_error = call.last_error or why
    fail(call, at, why=call.last_error, is_certain=call.attempts == 0)
    return 1


def _settle(call: Call, response: Response, at: datetime) -> None:
    if call.state == CallState.COMPENSATING:
        _settle_undoing(call, response, at)
        return
    verdict = judge(response.status, call.awaits)
    if verdict is Verdict.DONE:
        succeed(call, at)
    elif verdict is Verdict.LATER:
        call.state, call.due_at = CallState.AWAITING, at + call.answer_within
        save_call(call)
    elif verdict is Verdict.REFUSED or call.attempts >= call.most_attempts:
        # Refused at the first attempt it was never done; an earlier one may still be on its way there.
        fail(call, at, why=call.last_error, is_certain=verdict is Verdict.REFUSED and call.attempts == 1)
    else:
        _rest(call, response, at, first=call.first_pause, longest=call.longest_pause)


def _settle_undoing(call: Call, response: Response, at: datetime) -> None:
    if judge_undoing(response.status) is Verdict.DONE:
        undone(call, at)
    elif call.attempts >= UNDO_ATTEMPTS:
        get_stuck(call, at)
    else:
        _rest(call, response, at, first=UNDO_FIRST, longest=UNDO_LONGEST)


def _rest(call: Call, response: Response, at: datetime, *, first: timedelta, longest: timedelta) -> None:
    chance = random.random()  # noqa: S311  spreads retries, keeps no secret
    pause = pause_before(call.attempts, first=first, longest=longest, chance=chance)
    call.due_at = at + max(pause, response.retry_after or timedelta(0))
    if call.state == CallState.RUNNING:
        call.state = CallState.WAITING
    save_call(call)


def _keep(call: Call, response: Response) -> None:
    call.status = response.status
    call.answer = text_of(response.body)
    call.last_error = ""
    if response.status is None or not 200 <= response.status < 300:
        call.last_error = (response.error or f"It answered {response.status}.")[:300]


def text_of(body: bytes) -> str:
    """Return the beginning of a body as text that PostgreSQL can hold."""
    return body[:ANSWER_LENGTH].decode("utf-8", "replace").replace("\0", "\ufffd")


def _judge_service(response: Response, at: datetime) -> None:
    """Count a failure of the service, which may break its circuit, or close it again."""
    service = Service.objects.filter(calls=response.request.call_id)
    if not is_breaking(response.status):
        service.exclude(failures=0).update(failures=0, open_until=None)
        return
    service.update(failures=F("failures") + 1)
    service.filter(failures__gte=F("break_after")).update(open_until=at + F("break_for"))


def _request(call: Call, at: datetime) -> Request:
    service, asked = call.service, _asked(call)
    body = None if asked["body"] is None else orjson.dumps(asked["body"])
    headers, fault = _headers_or_fault(call, has_body=body is not None)
    return Request(
        call_id=call.pk,
        turn=call.turn,
        until=call.claimed_until or at,
        method=asked["method"],
        url=service.base_url.rstrip("/") + asked["path"],
        body=body,
        headers=headers,
        timeout=service.timeout,
        fault=fault,
    )


def _asked(call: Call) -> Mapping[str, Any]:
    if call.state == CallState.COMPENSATING and call.undo is not None:
        return call.undo  # type: ignore[no-any-return]  # a JSON field
    return {"method": call.method, "path": call.path, "body": call.body}


def _headers_or_fault(call: Call, *, has_body: bool) -> tuple[Mapping[str, str], str]:
    """Return the headers, and why there are none: the keys that its secrets were made under are no more."""
    try:
        return dict(_headers(call, has_body=has_body)), ""
    except UnreadableError as error:
        return {}, f"A secret of it cannot be read. {error}"


def _headers(call: Call, *, has_body: bool) -> Iterable[tuple[str, str]]:
    is_undoing = call.state == CallState.COMPENSATING
    yield "user-agent", "Watchfloor-Calls/1.0"
    yield "accept", "application/json"
    yield "idempotency-key", f"{call.pk}-undo" if is_undoing else str(call.pk)
    if has_body:
        yield "content-type", "application/json"
    if call.awaits == Awaits.CALLBACK and not is_undoing:
        yield "watchfloor-callback", settings.WATCHFLOOR.public_url + reverse("callback", args=[_token(call)])
    yield from _credentials(call.service)


def _token(call: Call) -> str:
    """Return the token that the call was given, which may have been made under a former key of the installation.

    Raises ``UnreadableError`` where that key is no more: whatever was sent in its place, no answer could find the call.
    """
    tokens = (callback_token(key, call.pk) for key in sealing.installation_keys())
    found = next((token for token in tokens if token_hash(token) == bytes(call.token_hash)), None)
    if found is None:
        raise UnreadableError("Its token was made under another key.")
    return found


def _credentials(service: Service) -> Sequence[tuple[str, str]]:
    if service.auth == Auth.NONE:
        return ()
    secret = sealing.unseal(service.sealed_secret, SEALED_FOR)
    if service.auth == Auth.HEADER:
        return ((service.header, secret),)
    if service.auth == Auth.BASIC:
        return (("authorization", f"Basic {b64encode(secret.encode()).decode()}"),)
    return (("authorization", f"Bearer {secret}"),)
