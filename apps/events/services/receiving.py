"""Events from outside: what another system says has happened to something that we know.

They stand in the log as they came, under the names that their sender gave them. Nothing else changes by them here;
whoever reads the log may act on them (lifecycles do).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

import orjson
from django.db import connection, transaction

from apps.access.queries import decides, scope, subject_of, visible
from apps.access.types import Actor
from apps.core import redis
from apps.core.ids import new_id
from apps.core.types import FieldError, Invalid, NotAllowed, NotFound
from apps.events.registry import topics
from apps.events.rules.incoming import LATEST_AHEAD, OutsideEvent
from apps.events.services.log import RELAY_DOORBELL
from apps.events.types import Change

SEND: Final = "events.send"
# Whoever sends twice (a retry) is known by what the standard says is unique, within what is theirs.
_INSERT = """
INSERT INTO events_event (id, type, noun, object_id, organisation_id, also, data, occurred_at, source, source_id,
                          actor_id, actor_label)
SELECT id, type, noun, object_id, organisation_id, '[]', data, occurred_at, source, source_id, %s, %s
FROM ROWS FROM (
    jsonb_to_recordset(%s::jsonb) AS (
        id uuid, type text, noun text, object_id uuid, organisation_id uuid, data jsonb, occurred_at timestamptz,
        source text, source_id text
    )
) WITH ORDINALITY AS new (
    id, type, noun, object_id, organisation_id, data, occurred_at, source, source_id, place
)
ORDER BY place
ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """How many events were written, and how many had been before."""

    accepted: int
    duplicates: int


@transaction.atomic
def receive_events(events: Sequence[OutsideEvent], *, actor: Actor, at: datetime) -> Received:
    """Write what somebody says has happened, all of it or nothing, in the order given.

    It takes ``events.send`` where the object is, and to see the object: ``NotFound`` for an object that does not exist
    or may not be seen, ``NotAllowed`` for one of which the actor may say nothing. An event that the same actor has
    sent before, by ``source`` and ``id``, is a duplicate, whatever else it says.
    """
    owners = _owners(events, actor)
    _require_past(events, at)
    rows = [_row(event, owners[event.object_id], at) for event in events]
    with connection.cursor() as cursor:
        cursor.execute(
            _INSERT, [actor.user_id, actor.label[:200], orjson.dumps(rows, option=orjson.OPT_UTC_Z).decode()]
        )
        accepted = cursor.rowcount
    transaction.on_commit(partial(redis.ring, RELAY_DOORBELL), robust=True)
    return Received(accepted=accepted, duplicates=len(events) - accepted)


def _owners(events: Sequence[OutsideEvent], actor: Actor) -> dict[UUID, UUID | None]:
    """Return whose each object is; raises for the first that the actor may not see or not speak of."""
    asked: defaultdict[str, set[UUID]] = defaultdict(set)
    for event in events:
        asked[event.noun].add(event.object_id)
    owners: dict[tuple[str, UUID], UUID | None] = {}
    speaks = scope(actor, SEND)
    mute = set()
    for noun, ids in asked.items():
        topic = topics.find(noun)
        if topic is None or topic.noun != topic.name:
            continue
        for row in visible(topic.queryset().filter(pk__in=ids), actor, topic.view_action):
            owners[noun, row.pk] = subject_of(row).organisation_id
            if not decides(speaks, row, reads=False):
                mute.add((noun, row.pk))
    _require_all(events, owners.keys(), NotFound("There is no such thing, or you may not see it."), "unknown_subject")
    _require_all(events, owners.keys() - mute, NotAllowed("You may not send events about this."), "not_allowed")
    return {object_id: owner for (_, object_id), owner in owners.items()}


def _require_all(
    events: Sequence[OutsideEvent], known: AbstractSet[tuple[str, UUID]], error: NotFound | NotAllowed, code: str
) -> None:
    for place, event in enumerate(events):
        if (event.noun, event.object_id) not in known:
            error.errors = (FieldError(pointer=f"/{place}/subject", code=code, detail=error.message),)
            raise error


def _require_past(events: Sequence[OutsideEvent], at: datetime) -> None:
    ahead = [place for place, event in enumerate(events) if event.time is not None and event.time > at + LATEST_AHEAD]
    if ahead:
        errors = [FieldError(pointer=f"/{place}/time", code="future", detail="It lies ahead.") for place in ahead[:20]]
        raise Invalid("An event tells of what has happened.", errors=errors)


def _row(event: OutsideEvent, organisation_id: UUID | None, at: datetime) -> dict[str, object]:
    return {
        "id": new_id(),
        "type": event.type,
        "noun": event.noun,
        "object_id": event.object_id,
        "organisation_id": organisation_id,
        "data": {
            "change": Change.SENT,
            "object": None,
            "previous": None,
            "lifecycle": None,
            "sent": event.data,
            "attributes": dict(event.attributes),
        },
        "occurred_at": event.time or at,
        "source": event.source,
        "source_id": event.id,
    }
