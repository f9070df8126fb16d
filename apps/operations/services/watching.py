"""Zones that are made or changed under operations that hold space: the log is read after a cursor, each event once.

Zones know no operations, so nobody asks when a zone is drawn through what is approved. It is found out here, and
whoever owns the zone is asked.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

import structlog
from django.db import transaction

from apps.access.types import SYSTEM
from apps.core.sweep import work_through
from apps.events import queries
from apps.events.models import Event
from apps.operations.models import Approval, Operation, ZoneReader
from apps.operations.published import published_operations
from apps.operations.queries import find_conflicts, volumes_held, zone_volume
from apps.operations.services.holding import judgement_of, wait_for_others
from apps.operations.services.settling import ASKING, settle
from apps.operations.services.telling import tell_overruled
from apps.operations.types import HOLDING, RUNNING
from apps.zones.queries import constraining_zones_by_id, zones_of_kind

BATCH: Final = 200
KIND_UPDATED: Final = "watchfloor.zone_kind.updated.v1"
TYPES: Final = (
    *(f"watchfloor.zone.{each}.v1" for each in ("created", "updated", "transitioned", "deleted")),
    KIND_UPDATED,
)
# What a zone says that does not bear on whoever plans in it.
IDLE: Final = frozenset({"description", "dwell_after_s", "name", "state", "state_category"})
REASON: Final = "A zone that bears on it was made or changed."

log = structlog.get_logger(__name__)


def read_zones(at: datetime) -> int:
    """Judge anew what was cut by zones that were made or changed since; return how many events were read.

    A tick: safe to run twice. How far the log goes is read first, then everybody is waited for who was about to hold
    space without having seen those zones: whoever begins later sees them.
    """
    total, head = 0, queries.head().offset
    while _is_behind(head):
        with transaction.atomic():
            wait_for_others()
        read = _read_batch(head, at)
        if read is None:
            break
        total += read
    return total


def _is_behind(head: int) -> bool:
    offset = ZoneReader.objects.values_list("offset", flat=True).first()
    return offset is None or offset < head


@transaction.atomic
def _read_batch(head: int, at: datetime) -> int | None:
    """Return how many events were read; ``None`` where somebody else is reading."""
    reader = _lock_reader(head)
    if reader is None:
        return None
    events = queries.events_for(reader.offset, head, BATCH, types=TYPES, words=())
    # Of a zone that changed more than once the last change counts.
    changed = {zone_id: event.occurred_at for event in events for zone_id in _zones_of(event)}
    work_through(sorted(changed.items()), partial(_judge_anew, at=at), _blame)
    reader.offset = (events[-1].offset or head) if len(events) == BATCH else max(head, reader.offset)
    reader.save(update_fields=["offset"])
    return len(events)


def _lock_reader(head: int) -> ZoneReader | None:
    """Return the cursor, locked; it begins where the log ends when it is read for the first time."""
    ZoneReader.objects.bulk_create([ZoneReader(offset=head)], ignore_conflicts=True)
    return ZoneReader.objects.select_for_update(skip_locked=True).first()


def _zones_of(event: Event) -> list[UUID]:
    """Return the zones that an event says are otherwise for whoever plans in them."""
    now, before = event.data.get("object") or {}, event.data.get("previous") or {}
    if event.type == KIND_UPDATED:
        is_same = _said(now).get("constraint") == _said(before).get("constraint")
        return [] if is_same else zones_of_kind(event.object_id)
    bearing = [{name: said for name, said in _said(each).items() if name not in IDLE} for each in (now, before)]
    is_same = bearing[0] == bearing[1] and now.get("geometry") == before.get("geometry")
    return [] if is_same and now.get("organisation_id") == before.get("organisation_id") else [event.object_id]


def _said(shown: Mapping[str, Any]) -> Mapping[str, Any]:
    said: Mapping[str, Any] = shown.get("properties") or {}
    return said


@transaction.atomic
def _judge_anew(changes: Sequence[tuple[UUID, datetime]], *, at: datetime) -> int:
    """Judge anew the operations that hold space in zones that changed, or have asked for their owners' agreement."""
    changed = dict(changes)
    zones = constraining_zones_by_id(changed)
    cut = {each.operation_id for each in find_conflicts([zone_volume(zone) for zone in zones])}
    asked = Approval.objects.filter(zone_id__in=changed).values_list("operation", flat=True)
    rows = published_operations().select_for_update(of=("self",)).filter(pk__in=cut.union(asked), state__in=HOLDING)
    found = list(rows.filter(ends_at__gt=at).order_by("pk"))
    for operation in found:
        if operation.state in RUNNING:
            _tell(operation, changed, at)
        else:
            settle(operation, at=at, changed=changed, reason=REASON)
    return len(found)


def _tell(operation: Operation, zone_ids: Container[UUID], at: datetime) -> None:
    """Tell of an operation that is under way, and cannot wait for anybody's agreement."""
    judgement = judgement_of(operation, volumes_held(operation.pk))
    if any(each.zone_id in zone_ids and each.verdict in ASKING for each in judgement.zones):
        tell_overruled([operation], actor=SYSTEM, at=at)


def _blame(change: tuple[UUID, datetime], error: Exception) -> None:
    log.error("operations.zone_not_read", zone_id=str(change[0]), exc_info=error)
