"""The log, copied to a stream for consumers inside the house; optional, and at least once.

The cursor stands in PostgreSQL and moves after the stream has taken a batch. Consumers see everything: a stream knows
no permissions, so it is for programs of the house only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Protocol

import orjson
import redis
import structlog
from django.conf import settings
from django.db import transaction

from apps.core.redis import client
from apps.events.models import StreamCursor
from apps.events.queries import earliest, events_after, head
from apps.events.rules import cloud_event

BATCH: Final = 500
log = structlog.get_logger(__name__)


class Stream(Protocol):
    """Where the log is copied to. ``append`` returns when all is taken, in order, or raises."""

    name: str

    def append(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Take events; some of them may come again."""

    def trim(self, before: datetime) -> None:
        """Forget what was appended before the instant, more or less."""


class RedisStream:
    """A stream of Redis (5.0 or newer); an entry has ``sequence``, ``type``, ``subject`` and the ``event`` as JSON."""

    def __init__(self, name: str) -> None:
        self.name = name

    def append(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Append all in one go."""
        pipeline = client().pipeline(transaction=False)
        for event in events:
            told: dict[Any, Any] = {name: str(event[name]) for name in ("sequence", "type", "subject")}
            pipeline.xadd(self.name, {**told, "event": orjson.dumps(event)})
        pipeline.execute()

    def trim(self, before: datetime) -> None:
        """Forget whole blocks of old entries."""
        client().xtrim(self.name, minid=str(int(before.timestamp() * 1000)), approximate=True)


def copy_events(at: datetime) -> int:
    """Copy what is new to the stream, if one is configured; return how much. A tick: safe to run twice."""
    name = settings.WATCHFLOOR.event_stream
    if not name:
        return 0
    stream, total = RedisStream(name), 0
    try:
        while copied := copy_batch(stream):
            total += copied
        if total:
            stream.trim(at - settings.WATCHFLOOR.event_stream_kept)
    except redis.RedisError as error:
        log.warning("stream.away", stream=name, error=str(error))
    return total


@transaction.atomic
def copy_batch(stream: Stream) -> int:
    """Copy the next batch under the cursor's lock; return how much. A new stream begins with what comes from now on."""
    StreamCursor.objects.get_or_create(name=stream.name, defaults={"offset": head().offset})
    cursor = StreamCursor.objects.select_for_update().get(pk=stream.name)
    # A log that was emptied begins anew; one that was trimmed has forgotten what is missing here.
    offset = min(max(cursor.offset, earliest().offset), head().offset)
    rows = events_after(offset, BATCH)
    if not rows:
        return 0
    stream.append([cloud_event(row) for row in rows])
    cursor.offset = rows[-1].offset or offset
    cursor.save(update_fields=["offset"])
    return len(rows)
