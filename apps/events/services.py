"""Everything that writes the log: publishing, numbering, forgetting.

Publishing happens inside the transaction of the change. Numbering happens after it, because the order in which
rows are written is not the order in which they are committed: only the relay's numbers are safe to resume from.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final

import orjson
from django.db import connection, transaction

from apps.access.types import Actor, Subject
from apps.core import redis
from apps.core.ids import new_id
from apps.events import registry
from apps.events.types import NewEvent

RELAY_DOORBELL: Final = "relay"
EVENTS_DOORBELL: Final = "events"
RELAY_LOCK: Final = 0x77665F72656C6179  # «wf_relay»
BATCH: Final = 2000

_INSERT = """
INSERT INTO events_event (id, type, noun, object_id, organisation_id, previous_organisation_id, also, data,
                          actor_id, actor_label, occurred_at)
SELECT new.*, %s, %s, %s
FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::uuid[], %s::uuid[], %s::uuid[], %s::jsonb[], %s::jsonb[])
     WITH ORDINALITY AS new (id, type, noun, object_id, organisation_id, previous_organisation_id, also, data, place)
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
