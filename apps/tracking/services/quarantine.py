"""What cannot be a fix is kept aside for a while, so that somebody can look why."""

from __future__ import annotations

import hashlib
from datetime import datetime
from uuid import UUID

import msgspec

from apps.tracking.models import Quarantine
from apps.tracking.protocols.wire import MAX_PAYLOAD, MAX_REFERENCE, storable
from apps.tracking.queries import source_ids
from apps.tracking.services.admission import Aside, Batch
from apps.tracking.types import Refused


def set_aside(batch: Batch) -> None:
    """Keep what was refused; the same thing sent again by the same sender is kept once."""
    if batch.aside:
        Quarantine.objects.bulk_create([_row(batch, one) for one in batch.aside], ignore_conflicts=True)


def forget_quarantined(before: datetime) -> int:
    """Delete what was set aside before the instant; return how many."""
    return Quarantine.objects.filter(received_at__lt=before).delete()[0]


def _row(batch: Batch, one: Aside) -> Quarantine:
    submission = batch.submissions[one.submission]
    reference, payload = _said(one)
    row = Quarantine(
        organisation_id=one.organisation_id,
        source_id=source_ids([submission.source])[submission.source],
        sender=storable(submission.actor.label, 200),
        reference=reference,
        code=one.why.code,
        detail=one.why.detail,
        payload=payload,
        received_at=submission.received_at,
    )
    told = [row.sender, submission.source, row.reference, row.code, row.payload]
    row.id = UUID(bytes=hashlib.blake2b(msgspec.json.encode(told), digest_size=16).digest())
    return row


def _said(one: Aside) -> tuple[str, str]:
    if isinstance(one.item, Refused):
        return one.item.asset, one.item.payload
    named = one.item.asset if isinstance(one.item.asset, str) else str(one.item.asset.id)
    return storable(named, MAX_REFERENCE), storable(msgspec.json.encode(one.item.fix).decode(), MAX_PAYLOAD)
