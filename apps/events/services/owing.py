"""From the log to what is owed: each endpoint's cursor, and the deliveries that it has become.

Every endpoint reads the numbered log by itself. What its owner may not see, or it did not ask for, is passed over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import orjson
import structlog
from django.db import connection, transaction

from apps.access.types import Actor
from apps.core.ids import new_id
from apps.core.types import FieldError, Invalid
from apps.events.models import Delivery, Endpoint, Event
from apps.events.queries import earliest, events_after, head, require_resumable
from apps.events.queries.webhooks import Viewer
from apps.events.rules.webhooks import TESTED
from apps.events.services.endpoints import lock_to_command, stop
from apps.events.types import Cause, Cursor, DeliveryState, Stop
from apps.filters.types import FilterError

BATCH: Final = 500
# An endpoint to which so much is owed reads on only when it has taken some of it.
MOST_WAITING: Final = 10_000
MOST_REPLAYED: Final = 10_000
# One JSON text for all: psycopg writes arrays of texts ten times more slowly than PostgreSQL reads this.
_OWE = """
INSERT INTO events_delivery (
    endpoint_id, event_offset, message_id, type, subject, cause, state, attempts, due_at, error, recorded_at
)
SELECT %(endpoint)s, event_offset, message_id, type, subject, %(cause)s, 'waiting', 0, due_at, '', %(at)s
FROM ROWS FROM (
    jsonb_to_recordset(%(owed)s::jsonb) AS (
        event_offset bigint, message_id uuid, type text, subject text, due_at timestamptz
    )
) WITH ORDINALITY AS owed (event_offset, message_id, type, subject, due_at, place)
ORDER BY place
"""
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Pages:
    """The rows after an offset, read once for all endpoints that stand there."""

    after: int = -1
    rows: Sequence[Event] = ()

    def read(self, offset: int) -> Sequence[Event]:
        if self.after != offset:
            self.after, self.rows = offset, events_after(offset, BATCH)
        return self.rows


def owe_events(at: datetime) -> int:
    """Let every endpoint that is behind read on; return how many deliveries came of it. A tick: safe to run twice."""
    total, pages, full = 0, _Pages(), set[UUID]()
    while behind := _behind(full):
        for endpoint_id in behind:
            owed = _read_on(endpoint_id, pages, at)
            if owed is None:
                full.add(endpoint_id)
            total += owed or 0
    return total


def _behind(full: set[UUID]) -> list[UUID]:
    rows = Endpoint.objects.filter(is_enabled=True, offset__lt=head().offset).exclude(pk__in=full)
    return list(rows.order_by("offset", "pk").values_list("pk", flat=True))


@transaction.atomic
def _read_on(endpoint_id: UUID, pages: _Pages, at: datetime) -> int | None:
    """Move one cursor by a batch; ``None`` when somebody else is at it, or too much is owed already."""
    endpoint = _lock(endpoint_id)
    if endpoint is None or _is_full(endpoint):
        return None
    floor = earliest().offset
    if endpoint.offset < floor:
        log.warning("webhooks.events_forgotten", endpoint=str(endpoint.pk), events=floor - endpoint.offset)
        endpoint.offset = floor
    rows = pages.read(endpoint.offset)
    if not rows:
        return None
    try:
        owed = _owe(endpoint, rows, Cause.EVENT, at)
    except FilterError:
        stop(endpoint, Stop.FILTER)
        endpoint.save(update_fields=["is_enabled", "stopped_by"])
        return None
    endpoint.offset = rows[-1].offset or endpoint.offset
    endpoint.save(update_fields=["offset"])
    return owed


def _lock(endpoint_id: UUID) -> Endpoint | None:
    rows = Endpoint.objects.select_for_update(of=("self",), skip_locked=True, no_key=True).select_related("user")
    return rows.filter(pk=endpoint_id, is_enabled=True).first()


def _is_full(endpoint: Endpoint) -> bool:
    waiting = Delivery.objects.filter(endpoint=endpoint, state=DeliveryState.WAITING).order_by()
    return waiting[MOST_WAITING : MOST_WAITING + 1].exists()


def _owe(endpoint: Endpoint, rows: Sequence[Event], cause: Cause, at: datetime) -> int:
    """Write what the endpoint is to be told of these rows; it is locked. Raises ``FilterError``."""
    viewer = Viewer(endpoint)
    seen = [(row, sight) for row in rows if (sight := viewer.look(row)).envelope is not None]
    busy = _busy_subjects(endpoint, {_subject(row) for row, _ in seen})
    owed = []
    for row, sight in seen:
        subject = _subject(row)
        is_first = subject not in busy
        busy.add(subject)
        owed.append(
            {
                "event_offset": row.offset,
                "message_id": row.id,
                "type": row.type,
                "subject": subject,
                "due_at": (sight.tellable_at or at) if is_first and endpoint.is_enabled else None,
            }
        )
    if owed:
        with connection.cursor() as cursor:
            rows_text = orjson.dumps(owed, option=orjson.OPT_UTC_Z).decode()
            cursor.execute(_OWE, {"endpoint": endpoint.pk, "cause": cause, "at": at, "owed": rows_text})
    return len(owed)


def _busy_subjects(endpoint: Endpoint, subjects: set[str]) -> set[str]:
    waiting = Delivery.objects.filter(endpoint=endpoint, state=DeliveryState.WAITING, subject__in=subjects)
    return set(waiting.values_list("subject", flat=True).distinct())


def _subject(row: Event) -> str:
    return f"{row.noun}/{row.object_id}"


@transaction.atomic
def replay_range(endpoint_id: UUID, *, after: Cursor, until: Cursor, actor: Actor, at: datetime) -> int:
    """Owe an endpoint again what lies between two cursors, as its owner may see it now; return how many.

    They come after what waits already. Raises ``CursorGone``, and ``Invalid`` for a range that is too long.
    """
    endpoint = lock_to_command(endpoint_id, actor=actor, action="webhooks.change")
    for cursor in (after, until):
        require_resumable(cursor)
    if not 0 <= until.offset - after.offset <= MOST_REPLAYED:
        error = FieldError(pointer="/until", code="bad_range", detail=f"At most {MOST_REPLAYED} events after «after».")
        raise Invalid("This range cannot be replayed.", errors=[error])
    total, offset = 0, after.offset
    while offset < until.offset:
        rows = events_after(offset, min(BATCH, until.offset - offset))
        total += _owe(endpoint, rows, Cause.REPLAY, at)
        offset += len(rows)
    return total


@transaction.atomic
def replay_delivery(endpoint_id: UUID, delivery_id: int, *, actor: Actor, at: datetime) -> Delivery:
    """Owe an endpoint once more what it was owed, whatever became of it; return the new delivery.

    It has the id of the old one, by which receivers know what they have seen.
    """
    endpoint = lock_to_command(endpoint_id, actor=actor, action="webhooks.change")
    old = Delivery.objects.filter(endpoint=endpoint, pk=delivery_id, event_offset__isnull=False).first()
    if old is None:
        raise Invalid("There is no such delivery of an event.", code="unknown_delivery")
    is_first = endpoint.is_enabled and not _busy_subjects(endpoint, {old.subject})
    return Delivery.objects.create(
        endpoint=endpoint,
        event_offset=old.event_offset,
        message_id=old.message_id,
        type=old.type,
        subject=old.subject,
        cause=Cause.REPLAY,
        due_at=at if is_first else None,
        recorded_at=at,
    )


@transaction.atomic
def test_endpoint(endpoint_id: UUID, *, actor: Actor, at: datetime) -> Delivery:
    """Owe an endpoint an event that says only that this is a test; return the delivery."""
    endpoint = lock_to_command(endpoint_id, actor=actor, action="webhooks.change")
    message_id = new_id()
    return Delivery.objects.create(
        endpoint=endpoint,
        message_id=message_id,
        type=TESTED,
        # A subject of its own, so that a test never waits for anything.
        subject=f"tests/{message_id}",
        cause=Cause.TEST,
        due_at=at if endpoint.is_enabled else None,
        recorded_at=at,
    )
