"""The log as the hub uses it: where it ends, its rows, and what they tell."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from apps.access.queries import access_version, published_by_id
from apps.core.types import Feature
from apps.events import queries as log
from apps.events.models import Event
from apps.events.registry import Topic, topics, view_action
from apps.events.types import Cursor
from apps.live.rules.boxes import boxes_of
from apps.live.rules.texts import instant
from apps.live.types import LogRow

# Of these changes an event carries the new picture of its object.
PICTURED = frozenset({"created", "updated", "transitioned"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wake:
    """What one look into the database found: the access version was read after the rows.

    So a row that was committed after a revocation never comes with the version before it.
    """

    cursor: Cursor
    rows: Sequence[LogRow]
    access_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """The rows after a cursor up to ``upto``; ``is_whole`` is false when the log cannot serve them all."""

    rows: Sequence[LogRow]
    upto: int
    is_whole: bool


def look(offset: int, limit: int) -> Wake:
    """Return the numbered rows after an offset, and the access version to judge them by."""
    cursor = log.head()
    rows = [log_row(event) for event in log.events_after(offset, limit)] if cursor.offset > offset else []
    return Wake(cursor=cursor, rows=rows, access_version=access_version())


def end_of_log() -> Cursor:
    """Return where the log ends."""
    return log.head()


def published(ids_by_noun: Mapping[str, Iterable[UUID]]) -> dict[UUID, Feature]:
    """Return objects as they are published now, for policies to judge; those that are gone are absent."""
    found: dict[UUID, Feature] = {}
    for noun, ids in ids_by_noun.items():
        found |= published_by_id(noun, ids)
    return found


def rows_at(offsets: Collection[int]) -> list[LogRow]:
    """Return rows by their numbers, in order, as far as the log has them still."""
    return [log_row(event) for event in log.events_at(offsets)]


def read_replay(after: int, limit: int) -> Replay:
    """Return the rows after an offset, unless there are more than ``limit`` or the log has forgotten some."""
    head, floor = log.head(), log.earliest()
    if not floor.offset <= after <= head.offset or head.offset - after > limit:
        return Replay(rows=(), upto=after, is_whole=False)
    rows = [log_row(event) for event in log.events_after(after, limit)]
    return Replay(rows=rows, upto=rows[-1].offset if rows else after, is_whole=True)


def log_row(event: Event) -> LogRow:
    """Return a numbered event as the hub uses it, with what costs time worked out here, in a thread."""
    content = event.data.get("object")
    topic = topic_of(event.noun)
    picture = topic.event_feature(content) if topic and content and event.data["change"] in PICTURED else None
    assert event.offset is not None  # noqa: S101 - only numbered rows are read
    return LogRow(
        offset=event.offset,
        id=event.id,
        type=event.type,
        noun=event.noun,
        object_id=event.object_id,
        organisation_id=event.organisation_id,
        previous_organisation_id=event.previous_organisation_id,
        also=tuple((view_action(noun), UUID(id_), _uuid(owner)) for noun, id_, owner in event.also),
        at=event.occurred_at,
        occurred_at=instant(event.occurred_at),
        recorded_at=event.recorded_at,
        change=event.data["change"],
        content=content,
        lifecycle=event.data.get("lifecycle"),
        corrected=event.data.get("previous") if event.data["change"] == "found" else None,
        picture=picture,
        boxes=boxes_of(picture.geometry) if picture else (),
    )


def topic_of(noun: str) -> Topic | None:
    """Return the topic that shows a noun, if one does."""
    return next((topic for topic in topics.all() if topic.noun == noun), None)


def _uuid(text: str | None) -> UUID | None:
    return None if text is None else UUID(text)
