"""Everything that writes the log: publishing, numbering, forgetting.

Publishing happens inside the transaction of the change. Numbering happens after it, because the order in which
rows are written is not the order in which they are committed: only the relay's numbers are safe to resume from.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID, uuid4

import orjson
from django.conf import settings
from django.db import connection, transaction

from apps.access.types import Actor
from apps.core import redis
from apps.core.ids import new_id
from apps.events import registry
from apps.events.models import Epoch, Event
from apps.events.types import NewEvent

RELAY_DOORBELL: Final = "relay"
EVENTS_DOORBELL: Final = "events"
RELAY_LOCK: Final = 0x77665F72656C6179  # «wf_relay»
BATCH: Final = 2000
BATCHES_AT_ONCE: Final = 20

# One JSON text for all: psycopg writes arrays of texts ten times more slowly than PostgreSQL reads this.
_INSERT = """
INSERT INTO events_event (id, type, noun, object_id, organisation_id, previous_organisation_id, also, data, occurred_at,
                          actor_id, actor_label)
SELECT id, type, noun, object_id, organisation_id, previous_organisation_id, also, data, occurred_at, %s, %s
FROM ROWS FROM (
    jsonb_to_recordset(%s::jsonb) AS (
        id uuid, type text, noun text, object_id uuid, organisation_id uuid, previous_organisation_id uuid, also jsonb,
        data jsonb, occurred_at timestamptz
    )
) WITH ORDINALITY AS new (
    id, type, noun, object_id, organisation_id, previous_organisation_id, also, data, occurred_at, place
)
ORDER BY place
"""
_NUMBER = """
WITH pending AS (
    SELECT seq, row_number() OVER (ORDER BY seq) AS place
    FROM (SELECT seq FROM events_event WHERE "offset" IS NULL ORDER BY seq LIMIT %s) AS first
), numbered AS (
    UPDATE events_event AS event SET "offset" = epoch.head + pending.place
    FROM pending, events_epoch AS epoch
    WHERE event.seq = pending.seq
    RETURNING 1
)
UPDATE events_epoch SET head = head + (SELECT count(*) FROM numbered)
WHERE EXISTS (SELECT FROM pending)
RETURNING (SELECT count(*) FROM numbered), head
"""
_FORGET = """
WITH gone AS (
    DELETE FROM events_event
    WHERE "offset" <= (
        SELECT max("offset") FROM (
            SELECT "offset", recorded_at FROM events_event WHERE "offset" IS NOT NULL ORDER BY "offset" LIMIT %s
        ) AS oldest WHERE recorded_at < %s
    )
    RETURNING "offset"
)
UPDATE events_epoch SET floor = (SELECT max("offset") FROM gone)
WHERE EXISTS (SELECT FROM gone)
RETURNING (SELECT count(*) FROM gone)
"""


def publish(events: Sequence[NewEvent], *, actor: Actor, at: datetime) -> None:
    """Write events in the caller's transaction, in the given order, in one statement.

    Call it after the objects are locked: two changes of one object are then logged in the order in which they
    happened. An unregistered type raises ``LookupError``. Rings the relay after commit.
    """
    if not events:
        return
    for event_type in {event.type for event in events}:
        registry.event_types.get(event_type)
    # Strict: what orjson does not know is a mistake of ours, and a text in its place would hide it.
    rows = orjson.dumps([_row(event, at) for event in events], option=orjson.OPT_UTC_Z).decode()
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [actor.user_id, actor.label[:200], rows])
    transaction.on_commit(partial(redis.ring, RELAY_DOORBELL), robust=True)


def relay(at: datetime) -> int:
    """Number everything that has been committed; return how many rows that was. A tick: safe to run twice."""
    total = 0
    while is_pending():
        numbered = number_pending(BATCH)
        total += numbered
        if numbered < BATCH:
            break
    if total:
        redis.ring(EVENTS_DOORBELL)
    return total


def is_pending() -> bool:
    """Say whether a row waits for its number: one look into a partial index, without the relay's lock."""
    return Event.objects.filter(offset__isnull=True).exists()


@transaction.atomic
def number_pending(limit: int) -> int:
    """Give the next offsets to at most ``limit`` committed rows, in ``seq`` order; return how many.

    The lock is taken by a statement of its own, since the numbering must read what the previous holder
    committed: under READ COMMITTED each statement sees a fresh snapshot. Whoever reads offset *n* can therefore
    rely on having been able to read *n - 1*.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [RELAY_LOCK])
        cursor.execute(_NUMBER, [limit])
        row = cursor.fetchone()
    return int(row[0]) if row else 0


@transaction.atomic
def forget_before(cutoff: datetime, *, limit: int = BATCH) -> int:
    """Delete at most ``limit`` of the oldest numbered events recorded before the instant; return how many.

    The log stays whole from its floor on: what goes is always its beginning.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [RELAY_LOCK])
        cursor.execute(_FORGET, [limit, cutoff])
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def forget_old(at: datetime) -> int:
    """Delete what is older than the log shall reach back, a batch at a time; return how many. Nothing by default.

    Each batch is a transaction of its own, and a run has an end: the relay waits for a batch, never for a backlog.
    """
    retention = settings.WATCHFLOOR.event_retention
    if retention is None:
        return 0
    forgotten = 0
    for _ in range(BATCHES_AT_ONCE):
        deleted = forget_before(at - retention)
        forgotten += deleted
        if not deleted:
            break
    return forgotten


@transaction.atomic
def begin_epoch() -> UUID:
    """Begin a new epoch after a restore: every cursor given out before is refused from now on."""
    epoch = uuid4()
    Epoch.objects.update(value=epoch)
    return epoch


def _row(event: NewEvent, at: datetime) -> dict[str, object]:
    return {
        "id": new_id(),
        "type": event.type,
        "noun": event.noun,
        "object_id": event.object_id,
        "organisation_id": event.organisation_id,
        "previous_organisation_id": event.previous_organisation_id,
        "also": [(subject.noun, subject.id, subject.organisation_id) for subject in event.also],
        "data": {
            "change": event.change,
            "object": event.object,
            "previous": event.previous,
            "lifecycle": event.lifecycle,
        },
        "occurred_at": event.occurred_at or at,
    }
