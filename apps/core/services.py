"""The writes of core: answers kept for idempotent requests."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import connection, transaction

from apps.core.models import IdempotencyRecord

KEPT_FOR = timedelta(hours=24)
FORGET_BATCH = 1_000


def lock_idempotency_key(principal: str, key: str) -> bool:
    """Take the key until the transaction ends; ``False`` when another transaction has it. Never waits."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 7))", [f"{principal} {key}"])
        (taken,) = cursor.fetchone()
    return bool(taken)


@transaction.atomic
def keep_answer(
    *,
    principal: str,
    key: str,
    fingerprint: bytes,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    at: datetime,
) -> None:
    """Store the answer beside the effect that it tells of; the caller holds the key's lock."""
    IdempotencyRecord.objects.create(
        principal=principal,
        key=key,
        fingerprint=fingerprint,
        status=status,
        headers=dict(headers),
        body=body,
        recorded_at=at,
    )


@transaction.atomic
def forget_answers(at: datetime) -> int:
    """Delete answers older than 24 hours, a batch at a time; returns how many."""
    old = IdempotencyRecord.objects.filter(recorded_at__lt=at - KEPT_FOR).values("pk")[:FORGET_BATCH]
    deleted, _ = IdempotencyRecord.objects.filter(pk__in=old).delete()
    return deleted
