"""What is owed to endpoints, taken in hand and settled. Nothing here talks to anybody: ``jobs`` does, in between.

A claim is a lease: ``due_at`` moves to its end and an attempt is counted, so what a dead worker held comes back by
itself. A result counts only if nobody has claimed the delivery since.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

import orjson
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, Min, OuterRef, Q, QuerySet

from apps.events.models import Delivery, Endpoint, Event
from apps.events.models.webhooks import ANSWER_LENGTH, SENT_LENGTH
from apps.events.queries import secrets_of
from apps.events.queries.webhooks import Sight, Viewer
from apps.events.rules import SOURCE, instant
from apps.events.rules.webhooks import next_pause, read_retry_after, signed_headers, tested
from apps.events.services.delivery_statements import CLAIM, LOG, RELEASE, SETTLE
from apps.events.services.endpoints import stop
from apps.events.types import Cause, DeliveryState, Stop
from apps.filters.types import FilterError

GONE: Final = 410
# So many of one subject are taken in hand together.
LONGEST_CHAIN: Final = 64
KEPT_FOR: Final = timedelta(days=30)
FORGET_BATCH: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A delivery in hand, ready to be sent; ``until`` is when its lease ends, and with it the right to send it."""

    delivery_id: int
    endpoint_id: UUID
    attempt: int
    until: datetime
    url: str
    subject: str
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How sending a message went."""

    message: Message
    sent_at: datetime
    duration: timedelta
    status: int | None
    error: str = ""
    answer: bytes = b""
    retry_after: str | None = None

    @property
    def is_delivered(self) -> bool:
        """Say whether the receiver took it."""
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class _Claimed:
    """A delivery in hand, as the claim returns it."""

    delivery_id: int
    endpoint_id: UUID
    event_offset: int | None
    message_id: UUID
    subject: str
    cause: str
    attempt: int
    recorded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verdict:
    """What becomes of a delivery; ``unmade`` attempts were counted by the claim and never made."""

    delivery_id: int
    endpoint_id: UUID
    attempts: int
    state: DeliveryState
    due_at: datetime | None = None
    status: int | None = None
    error: str = ""
    unmade: int = 0


def lease() -> timedelta:
    """Return for how long a claim holds."""
    timeout: timedelta = settings.WATCHFLOOR.webhook_timeout
    return 2 * timeout


def claim(limit: int, held: Mapping[UUID, int], *, each: int, at: datetime) -> list[Message]:
    """Take deliveries in hand, of at most ``limit`` subjects, and return those that are to be sent, in order.

    With what is due of a subject come those that wait behind it, so that few subjects are no slower than many: a chain,
    of which each may be sent when the one before it was delivered. ``held`` is what the caller has in hand by endpoint,
    of which there may be ``each``, or a little more. What its owner may not see (now), or not yet, is settled or put
    off here.
    """
    asked: dict[str, Any] = {
        "at": at,
        "until": at + lease(),
        "limit": limit,
        "each": each,
        "longest": LONGEST_CHAIN,
        "held": orjson.dumps({str(key): count for key, count in held.items()}).decode(),
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(CLAIM, asked)
        rows = sorted((_Claimed(*row) for row in cursor.fetchall()), key=attrgetter("delivery_id"))
    return _prepare(rows, at) if rows else []


def _prepare(rows: Sequence[_Claimed], at: datetime) -> list[Message]:
    offsets = [row.event_offset for row in rows if row.event_offset is not None]
    events = {event.offset: event for event in Event.objects.filter(offset__in=offsets)}
    by_endpoint: defaultdict[UUID, list[_Claimed]] = defaultdict(list)
    for row in rows:
        by_endpoint[row.endpoint_id].append(row)
    endpoints = Endpoint.objects.filter(pk__in=list(by_endpoint)).select_related("user")
    messages: list[Message] = []
    verdicts: list[_Verdict] = []
    stopped: dict[UUID, Stop] = {}
    for endpoint in endpoints:
        owed, viewer = by_endpoint[endpoint.pk], _viewer(endpoint)
        if isinstance(viewer, Stop):
            stopped[endpoint.pk] = viewer
            verdicts += [_put_off(row, None) for row in owed]
            continue
        signing = secrets_of(endpoint, at)
        begun, halted = set[str](), set[str]()
        for row in owed:
            sight = _sight(row, events, viewer)
            if row.subject in halted:
                verdicts.append(_put_off(row, None))
            elif sight.envelope is None:
                verdicts.append(_withheld(row))
            elif sight.tellable_at is not None:
                # Behind one that is in hand it is due when that one is settled, and looked at again.
                verdicts.append(_put_off(row, None if row.subject in begun else sight.tellable_at))
                halted.add(row.subject)
            else:
                messages.append(_message(row, endpoint.url, sight.envelope, signing, at))
                begun.add(row.subject)
    settle_verdicts(verdicts, (), stopped, at)
    return messages


def _viewer(endpoint: Endpoint) -> Viewer | Stop:
    try:
        viewer = Viewer(endpoint)
    except FilterError:
        return Stop.FILTER
    return viewer if viewer.is_somebody else Stop.OWNER


def _sight(row: _Claimed, events: Mapping[int | None, Event], viewer: Viewer) -> Sight:
    if row.cause == Cause.TEST:
        at = instant(row.recorded_at)
        return Sight(envelope=tested(str(row.endpoint_id), str(row.message_id), SOURCE, at))
    event = events.get(row.event_offset)
    return Sight() if event is None else viewer.look(event)


def _message(row: _Claimed, url: str, envelope: Mapping[str, Any], signing: Iterable[str], at: datetime) -> Message:
    body = orjson.dumps(envelope)
    return Message(
        delivery_id=row.delivery_id,
        endpoint_id=row.endpoint_id,
        attempt=row.attempt,
        until=at + lease(),
        url=url,
        subject=row.subject,
        body=body,
        headers={
            "content-type": "application/cloudevents+json; charset=utf-8",
            "user-agent": "Watchfloor-Webhooks/1.0",
            **signed_headers(str(row.message_id), body, signing, at),
        },
    )


def _withheld(row: _Claimed) -> _Verdict:
    return _Verdict(
        delivery_id=row.delivery_id,
        endpoint_id=row.endpoint_id,
        attempts=row.attempt,
        state=DeliveryState.WITHHELD,
        error="Nothing to tell.",
        unmade=1,
    )


def _put_off(row: _Claimed | Message, until: datetime | None) -> _Verdict:
    return _Verdict(
        delivery_id=row.delivery_id,
        endpoint_id=row.endpoint_id,
        attempts=row.attempt,
        state=DeliveryState.WAITING,
        due_at=until,
        unmade=1,
    )


def settle(results: Sequence[Result], *, late: Sequence[Message] = (), at: datetime) -> int:
    """Write down how messages went, and let the next of their subjects follow; return how many counted.

    Messages that were ``late`` were not sent, and are due again when it is their turn.
    """
    stopped = {result.message.endpoint_id: Stop.GONE for result in results if result.status == GONE}
    verdicts = [*(_judged(result, at) for result in results), *(_put_off(message, None) for message in late)]
    return settle_verdicts(verdicts, results, stopped, at)


def _judged(result: Result, at: datetime) -> _Verdict:
    message, status = result.message, result.status
    if result.is_delivered:
        return _Verdict(
            delivery_id=message.delivery_id,
            endpoint_id=message.endpoint_id,
            attempts=message.attempt,
            state=DeliveryState.DELIVERED,
            status=status,
        )
    chance = random.random()  # noqa: S311  spreads retries, keeps no secret
    pause = next_pause(message.attempt, chance=chance, retry_after=read_retry_after(result.retry_after, at))
    return _Verdict(
        delivery_id=message.delivery_id,
        endpoint_id=message.endpoint_id,
        attempts=message.attempt,
        state=DeliveryState.WAITING if pause else DeliveryState.DEAD,
        due_at=at + pause if pause else None,
        status=status,
        error=result.error or f"It answered {status}.",
    )


@transaction.atomic
def settle_verdicts(
    verdicts: Sequence[_Verdict], results: Sequence[Result], stopped: Mapping[UUID, Stop], at: datetime
) -> int:
    """Apply verdicts under the locks of their endpoints, so that nobody adds to a subject unseen meanwhile."""
    if not verdicts:
        return 0
    owners = {verdict.endpoint_id for verdict in verdicts}
    endpoints = list(Endpoint.objects.select_for_update(no_key=True).filter(pk__in=owners).order_by("pk"))
    counted = _apply(verdicts, at)
    _log(results, counted)
    for endpoint in endpoints:
        if endpoint.pk in stopped and endpoint.is_enabled:
            stop(endpoint, stopped[endpoint.pk])
            endpoint.mark_changed(at)
            endpoint.save(update_fields=["is_enabled", "stopped_by", "version", "changed_at"])
    with connection.cursor() as cursor:
        cursor.execute(RELEASE, {"at": at, "ids": list(counted)})
    return len(counted)


def _apply(verdicts: Sequence[_Verdict], at: datetime) -> set[int]:
    rows = [
        {
            "id": verdict.delivery_id,
            "attempts": verdict.attempts,
            "unmade": verdict.unmade,
            "state": verdict.state,
            "status": verdict.status,
            "error": verdict.error[:200],
            "due_at": verdict.due_at,
            "finished_at": None if verdict.state == DeliveryState.WAITING else at,
        }
        for verdict in verdicts
    ]
    with connection.cursor() as cursor:
        cursor.execute(SETTLE, [orjson.dumps(rows, option=orjson.OPT_UTC_Z).decode()])
        return {row[0] for row in cursor.fetchall()}


def _log(results: Sequence[Result], counted: set[int]) -> None:
    made = [
        {
            "delivery_id": result.message.delivery_id,
            "number": result.message.attempt,
            "sent_at": result.sent_at,
            "duration_ms": int(result.duration.total_seconds() * 1000),
            "status": result.status,
            "error": result.error[:200],
            "sent": _text(result.message.body, SENT_LENGTH),
            "answer": _text(result.answer, ANSWER_LENGTH),
        }
        for result in results
        if result.message.delivery_id in counted
    ]
    if made:
        with connection.cursor() as cursor:
            cursor.execute(LOG, [orjson.dumps(made, option=orjson.OPT_UTC_Z).decode()])


def _text(body: bytes, length: int) -> str:
    """Return the beginning of a body as text that PostgreSQL can hold."""
    return body[:length].decode("utf-8", "replace").replace("\0", "\ufffd")


def is_anything_due(at: datetime) -> bool:
    """Say whether something is to be sent now: one look into a partial index for each endpoint."""
    paced = Q(endpoint__rate__isnull=True) | Q(endpoint__paced_until__lte=at)
    return _due(at).filter(paced).exists()


def is_overdue(at: datetime, wait: timedelta) -> bool:
    """Say whether something has been due for so long, which means that no worker takes it."""
    return _due(at - wait).filter(endpoint__rate__isnull=True).exists()


def _due(at: datetime) -> QuerySet[Delivery]:
    """Return what could be claimed: of what a dead worker held of one subject, only the first."""
    same = {"endpoint": OuterRef("endpoint"), "subject": OuterRef("subject")}
    earlier = Delivery.objects.filter(**same, state=DeliveryState.WAITING, pk__lt=OuterRef("pk"))
    return Delivery.objects.filter(~Exists(earlier), due_at__lte=at, endpoint__is_enabled=True)


def next_pace(at: datetime) -> datetime | None:
    """Return when the first endpoint that is held back by its rate may be sent something that is due."""
    rows = Endpoint.objects.filter(rate__isnull=False, is_enabled=True, deliveries__due_at__lte=at)
    found: datetime | None = rows.aggregate(first=Min("paced_until"))["first"]
    return found


@transaction.atomic
def forget_deliveries(at: datetime) -> int:
    """Delete what was settled more than 30 days ago, a batch at a time; return how many."""
    old = Delivery.objects.filter(finished_at__lt=at - KEPT_FOR).order_by("finished_at").values("pk")[:FORGET_BATCH]
    deleted, _ = Delivery.objects.filter(pk__in=list(old)).delete()
    return deleted
