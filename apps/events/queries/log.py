"""Reading the log: where it stands, what comes next, and which of it somebody may see."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID

from django.db.models import Case, Count, Min, Q, QuerySet, When

from apps.access.judging import FREE
from apps.access.queries import predicate, published_by_id
from apps.access.registry import protected
from apps.access.types import Actor, Predicate
from apps.access.veils import veiled_data
from apps.core.clock import now
from apps.core.types import Feature
from apps.events.models import Epoch, Event
from apps.events.registry import view_action
from apps.events.rules import cloud_event, feature_of_object, without_object
from apps.events.types import Cursor, CursorGone


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayLag:
    """How many rows wait for a number, and how long the oldest has waited."""

    waiting: int
    oldest: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    """The events that somebody may see of a stretch of the log, and where that stretch ends.

    An empty page whose cursor is behind the head means only that nothing there was for this reader.
    """

    items: tuple[dict[str, object], ...]
    cursor: Cursor
    head: Cursor


def head() -> Cursor:
    """Return the end of the log. Read it *before* a snapshot, to stand where no event can be missed."""
    epoch = Epoch.objects.get()
    return Cursor(epoch=epoch.value, offset=epoch.head)


def earliest() -> Cursor:
    """Return the oldest cursor from which the log can still be followed without a gap."""
    epoch = Epoch.objects.get()
    return Cursor(epoch=epoch.value, offset=epoch.floor)


def require_resumable(cursor: Cursor) -> None:
    """Raise ``CursorGone`` unless every event after the cursor is still in the log."""
    epoch = Epoch.objects.get()
    if cursor.epoch != epoch.value or not epoch.floor <= cursor.offset <= epoch.head:
        oldest = Cursor(epoch=epoch.value, offset=epoch.floor)
        raise CursorGone(
            "The log does not reach back to this cursor. Take a snapshot, and follow from there.",
            details={"earliest": str(oldest)},
        )


def events_after(offset: int, limit: int) -> list[Event]:
    """Return the next numbered events after an offset, in order, at most ``limit``; unfiltered."""
    return list(_after(offset)[:limit])


def newest_unnumbered() -> int | None:
    """Return the ``seq`` of the newest event that has no number yet; ``None`` where all have theirs."""
    unnumbered = Event.objects.filter(offset__isnull=True).order_by("-seq")
    return unnumbered.values_list("seq", flat=True).first()


def is_numbered(seq: int) -> bool:
    """Say whether every event up to that ``seq`` has its number, of those that are committed."""
    return not Event.objects.filter(offset__isnull=True, seq__lte=seq).exists()


def events_at(offsets: Collection[int]) -> list[Event]:
    """Return the events with these numbers, in order, as far as the log has them still; unfiltered."""
    return list(Event.objects.filter(offset__in=offsets).order_by("offset"))


def events_between(after: int, upto: int, noun: str, limit: int) -> list[Event]:
    """Return the events of a noun after an offset, up to and including another, in order, at most ``limit``."""
    return list(_after(after).filter(offset__lte=upto, noun=noun)[:limit])


def offset_before(at: datetime) -> int:
    """Return a number after which nearly everything was recorded later than an instant, give or take a transaction."""
    epoch = Epoch.objects.get()
    numbers = range(epoch.floor + 1, epoch.head + 1)
    return epoch.floor + bisect_left(numbers, at, key=_recorded_at)


def images_before(
    noun: str, cutoffs: Mapping[UUID, datetime], changes: Collection[str]
) -> dict[UUID, Mapping[str, Any] | None]:
    """Return objects as they were at an instant each, of those that events have changed since; ``None`` if not there.

    Ask after the objects were read: then none of them is newer than what is asked here. Numbered or not, every event
    of one of these ``changes`` counts. One statement for each distinct instant.
    """
    by_cutoff: defaultdict[datetime, list[UUID]] = defaultdict(list)
    for id_, cutoff in cutoffs.items():
        by_cutoff[cutoff].append(id_)
    found: dict[UUID, Mapping[str, Any] | None] = {}
    for cutoff, ids in by_cutoff.items():
        first = Event.objects.filter(
            noun=noun, object_id__in=ids, occurred_at__gt=cutoff, data__change__in=list(changes)
        )
        found |= dict(
            first.order_by("object_id", "seq").distinct("object_id").values_list("object_id", "data__previous")
        )
    return found


def events_for(after: int, until: int, limit: int, *, types: Iterable[str], words: Iterable[str]) -> list[Event]:
    """Return the first events of a stretch of the log that are of these types, or about nouns called by these words."""
    about = (Q(type__startswith=f"watchfloor.{word}.") for word in words)
    wanted = reduce(or_, about, Q(type__in=list(types)))
    return list(Event.objects.filter(wanted, offset__gt=after, offset__lte=until).order_by("offset")[:limit])


def visible_page(actor: Actor, *, after: Cursor, limit: int, scan: int, matching: Q | None = None) -> EventPage:
    """Return what the actor may see of the next ``scan`` events, at most ``limit``; raises ``CursorGone``.

    ``matching`` leaves out others; they count as looked through.
    """
    # A row that is left out must still move the cursor, so it is read and marked.
    rows = list(_after(after.offset).annotate(matches=Case(When(matching or Q(pk__isnull=False), then=True)))[:scan])
    # Asked after the rows were read, so that what was forgotten meanwhile cannot be missed silently.
    require_resumable(after)
    end = head()
    reader = Reader(actor)
    items: list[dict[str, object]] = []
    reached = after.offset
    for row in rows:
        if len(items) == limit or reader.is_early(row):
            break
        reached = row.offset or reached
        if row.matches and (envelope := reader.read(row)) is not None:
            items.append(envelope)
    return EventPage(items=tuple(items), cursor=Cursor(epoch=after.epoch, offset=reached), head=end)


def of_types(types: Iterable[str]) -> Q:
    """Return the condition of these types; one that ends in ``.*`` stands for all that begin with what is before it."""
    found = Q(pk__in=[])
    for each in types:
        name = each.strip()
        found |= Q(type__startswith=name[:-1]) if name.endswith(".*") else Q(type=name)
    return found


def _recorded_at(offset: int) -> datetime:
    return Event.objects.values_list("recorded_at", flat=True).get(offset=offset)


def _after(offset: int) -> QuerySet[Event]:
    return Event.objects.filter(offset__gt=offset).order_by("offset")


def relay_lag(at: datetime) -> RelayLag:
    """Return how far numbering is behind."""
    waiting = Event.objects.filter(offset__isnull=True).aggregate(count=Count("*"), oldest=Min("recorded_at"))
    oldest = max(at - waiting["oldest"], timedelta(0)) if waiting["oldest"] else timedelta(0)
    return RelayLag(waiting=waiting["count"], oldest=oldest)


class Reader:
    """Reads events with the eyes of one actor, each by the instant at which it happened.

    Takes each access decision once and keeps it.

    For the length of a request only: what was decided does not change under it.
    """

    def __init__(self, actor: Actor) -> None:
        self._actor = actor
        self._predicates: dict[str, Predicate] = {}
        self._things: dict[UUID, Feature | None] = {}

    def read(self, row: Event) -> dict[str, object] | None:
        """Return the event's envelope as this actor may see it, or ``None``.

        Whoever could see the object where it was before and cannot where it is now is told that it is gone.
        """
        if not self._sees_all(row.also, row.occurred_at):
            return None
        after, before = (self._image(row, part) for part in ("object", "previous"))
        if self._sees(row.noun, row.object_id, row.organisation_id, row.occurred_at, after or before):
            data = self._kept(row, after or before, before)
            return {**cloud_event(row), "data": data if row.source is None else data["sent"]}
        owner = row.previous_organisation_id or (row.organisation_id if before is not None else None)
        if owner is not None and self._sees(row.noun, row.object_id, owner, row.occurred_at, before):
            return without_object(cloud_event(row))
        return None

    def _kept(self, row: Event, image: Feature | None, before: Feature | None) -> dict[str, Any]:
        """Return the data without what is to be kept, and without an earlier image that was not for this actor."""
        reach = self._predicates[view_action(row.noun)]
        if not reach.policies:
            return dict(row.data)
        if row.source is not None:
            # What others send has no fields of ours: who may not know everything is not told what it says.
            owed = reach.obligations(row.object_id, row.organisation_id, image)
            return {**row.data, "sent": row.data["sent"] if owed == FREE else None}
        data = {**row.data}
        if data.get("previous") and not self._sees(
            row.noun, row.object_id, row.previous_organisation_id or row.organisation_id, row.occurred_at, before
        ):
            data["previous"] = None
        return veiled_data(data, reach.obligations(row.object_id, row.organisation_id, image))

    def is_early(self, row: Event) -> bool:
        """Say whether the event may be told only later: a page ends before it, and whoever comes back begins there."""
        wait = self.delay_of(row)
        return bool(wait) and row.occurred_at > now() - wait

    def delay_of(self, row: Event) -> timedelta:
        """Return how long after it happened the event may be told."""
        reach = self._predicate(view_action(row.noun))
        if not reach.policies.delays:
            return timedelta(0)
        image = self._image(row, "object") or self._image(row, "previous")
        return reach.obligations(row.object_id, row.organisation_id, image).delay

    def _image(self, row: Event, part: str) -> Feature | None:
        """Return the object as policies judge it: as the event tells it, or what a part is judged as, as it is now."""
        reach = self._predicate(view_action(row.noun))
        if not reach.policies:
            return None
        if is_part(row.noun) or row.source is not None:
            return self._published(row.noun, row.object_id)
        told = row.data.get(part)
        return feature_of_object(told) if told else None

    def _published(self, noun: str, object_id: UUID) -> Feature | None:
        if object_id not in self._things:
            self._things[object_id] = published_by_id(noun, [object_id]).get(object_id)
        return self._things[object_id]

    def _sees_all(self, subjects: Iterable[tuple[str, str, str | None]], at: datetime) -> bool:
        return all(
            self._sees(noun, UUID(key), UUID(organisation) if organisation else None, at, self._besides(noun, key))
            for noun, key, organisation in subjects
        )

    def _besides(self, noun: str, key: str) -> Feature | None:
        return self._published(noun, UUID(key)) if self._predicate(view_action(noun)).policies else None

    def _sees(
        self, noun: str, object_id: UUID, organisation_id: UUID | None, at: datetime, thing: Feature | None
    ) -> bool:
        return self._predicate(view_action(noun)).allows_at(object_id, organisation_id, at, thing)

    def _predicate(self, action: str) -> Predicate:
        if action not in self._predicates:
            self._predicates[action] = _predicate_of(self._actor, action)
        return self._predicates[action]


def is_part(noun: str) -> bool:
    """Say whether events of a noun are judged by what it is a part of."""
    try:
        return protected(noun).judged_as is not None
    except LookupError:
        return False


def _predicate_of(actor: Actor, action: str) -> Predicate:
    try:
        return predicate(actor, action)
    except LookupError:  # an old event of a noun that no longer exists: nobody can be asked who may see it
        return Predicate()
