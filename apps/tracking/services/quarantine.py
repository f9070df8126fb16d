"""What cannot be a fix is kept aside for a while, so that somebody can look why."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import msgspec

from apps.tracking.models import Quarantine, Source
from apps.tracking.protocols.wire import MAX_PAYLOAD, MAX_REFERENCE, storable
from apps.tracking.services.admission import Aside, Batch
from apps.tracking.types import Refused


def set_aside(batch: Batch) -> None:
    """Keep what was refused; the same thing sent again by the same sender is kept once."""
    if batch.aside:
        slugs = {batch.submissions[one.submission].source for one in batch.aside}
        sources = Source.objects.in_bulk(slugs, field_name="slug")
        rows = [_row(batch, one, sources) for one in batch.aside]
        Quarantine.objects.bulk_create(rows, ignore_conflicts=True)


def forget_quarantined(before: datetime) -> int:
    """Delete what was set aside before the instant; return how many."""
    return Quarantine.objects.filter(received_at__lt=before).delete()[0]


def _row(batch: Batch, one: Aside, sources: Mapping[str, Source]) -> Quarantine:
    submission = batch.submissions[one.submission]
    reference, payload = _said(one)
    row = Quarantine(
        organisation_id=one.organisation_id,
        source=sources[submission.source],
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
