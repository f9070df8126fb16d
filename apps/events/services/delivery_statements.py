"""The SQL by which deliveries are taken in hand and settled."""

from __future__ import annotations

from typing import Final

# What a dead worker held behind another was likely never sent: taken in hand again, it counts as the same attempt.
# Spelled so that the planner needs to know nothing of the table, whose rows come and go: each of these joins can be
# done in a way that is quadratic.
CLAIM: Final = """
WITH paced AS (
    UPDATE events_endpoint AS endpoint SET paced_until = %(at)s + make_interval(secs => 1.0 / rate)
    WHERE rate IS NOT NULL AND is_enabled AND paced_until <= %(at)s AND EXISTS (
        SELECT FROM events_delivery WHERE endpoint_id = endpoint.id AND due_at <= %(at)s
    )
    RETURNING id
), heads AS (
    SELECT delivery.*, endpoint.rate FROM events_endpoint AS endpoint
    CROSS JOIN LATERAL (
        SELECT id, endpoint_id, subject FROM events_delivery AS head
        WHERE endpoint_id = endpoint.id AND due_at <= %(at)s AND id = (
            SELECT id FROM events_delivery
            WHERE endpoint_id = head.endpoint_id AND subject = head.subject AND state = 'waiting' ORDER BY id LIMIT 1
        )
        ORDER BY due_at, id
        LIMIT CASE WHEN endpoint.rate IS NULL
            THEN greatest(%(each)s - coalesce((%(held)s::jsonb ->> endpoint.id::text)::int, 0), 0) ELSE 1 END
        FOR UPDATE SKIP LOCKED
    ) AS delivery
    WHERE endpoint.is_enabled AND (endpoint.rate IS NULL OR endpoint.id IN (SELECT id FROM paced))
    LIMIT %(limit)s
), chains AS MATERIALIZED (
    SELECT *, CASE WHEN rate IS NULL
        THEN greatest(least(%(each)s / count(*) OVER (PARTITION BY endpoint_id), %(longest)s), 1) ELSE 1 END AS length
    FROM heads
), due AS MATERIALIZED (
    SELECT link.id FROM chains CROSS JOIN LATERAL (
        SELECT id FROM events_delivery AS delivery
        WHERE endpoint_id = chains.endpoint_id AND subject = chains.subject AND state = 'waiting' AND id >= chains.id
        ORDER BY id LIMIT chains.length
    ) AS link
)
UPDATE events_delivery SET due_at = %(until)s, attempts = attempts + CASE
    WHEN due_at IS NULL OR attempts = 0 OR id = ANY(ARRAY(SELECT id FROM heads)) THEN 1 ELSE 0 END
WHERE id = ANY(ARRAY(SELECT id FROM due)) AND state = 'waiting'
RETURNING id, endpoint_id, event_offset, message_id, subject, cause, attempts, recorded_at
"""
SETTLE: Final = """
UPDATE events_delivery AS delivery
SET state = result.state, status = result.status, error = result.error, due_at = result.due_at,
    finished_at = result.finished_at, attempts = greatest(delivery.attempts - result.unmade, 0)
FROM jsonb_to_recordset(%s::jsonb) AS result (
    id bigint, attempts int, unmade int, state text, status int, error text, due_at timestamptz, finished_at timestamptz
)
WHERE delivery.id = result.id AND delivery.attempts = result.attempts AND delivery.state = 'waiting'
RETURNING delivery.id
"""
# One JSON text for all: psycopg writes arrays of texts ten times more slowly than PostgreSQL reads this.
LOG: Final = """
INSERT INTO events_attempt (delivery_id, number, sent_at, duration_ms, status, error, sent, answer)
SELECT delivery_id, number, sent_at, duration_ms, status, error, sent, answer
FROM jsonb_to_recordset(%s::jsonb) AS made (
    delivery_id bigint, number int, sent_at timestamptz, duration_ms int, status int, error text, sent text, answer text
)
ON CONFLICT DO NOTHING
"""
# The first of each subject of which something has been settled or put back: one look into the index of what waits for
# each of them. As a join the same is quadratic wherever the planner knows too little of the table.
RELEASE: Final = """
WITH settled AS MATERIALIZED (
    SELECT DISTINCT delivery.endpoint_id, delivery.subject FROM events_delivery AS delivery
    JOIN events_endpoint AS endpoint ON endpoint.id = delivery.endpoint_id AND endpoint.is_enabled
    WHERE delivery.id = ANY(%(ids)s)
), following AS MATERIALIZED (
    SELECT first.id FROM settled CROSS JOIN LATERAL (
        SELECT id FROM events_delivery
        WHERE endpoint_id = settled.endpoint_id AND subject = settled.subject AND state = 'waiting'
        ORDER BY id LIMIT 1
    ) AS first
)
UPDATE events_delivery AS delivery SET due_at = %(at)s
FROM following WHERE delivery.id = following.id AND delivery.due_at IS NULL
"""
