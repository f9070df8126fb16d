"""What the hub reads from PostgreSQL: who may see what, new rows of the log, snapshots. Called in threads."""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final, TypeVar
from uuid import UUID

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.gis.geos import Polygon
from django.contrib.sessions.models import Session
from django.db.models import Q, QuerySet
from django.utils.crypto import constant_time_compare

from apps.access.judging import FREE, Obligations
from apps.access.queries import access_version, owed_for, predicate, published_by_id, shows
from apps.access.queries.doors import reached
from apps.access.queries.many import learn_standings
from apps.access.queries.standing import one_moment, standing_of
from apps.access.registry import protected
from apps.access.types import Actor, Predicate
from apps.access.veils import veiled
from apps.core import clock
from apps.core.types import BBox, Feature, WatchfloorError
from apps.events import queries as log
from apps.events.models import Event
from apps.events.registry import Topic, topics, view_action
from apps.events.types import Cursor
from apps.filters.queries import compile_predicate, compile_sql, parse, require_askable
from apps.filters.registry import queryables_for, queryables_of
from apps.filters.types import Filter, FilterError
from apps.filters.types import Predicate as Decide
from apps.live.rules.boxes import boxes_of, touches
from apps.live.rules.stamps import stamp_of
from apps.live.rules.texts import instant, snapshot_bodies
from apps.live.types import Known, Limits, LogRow, View

T = TypeVar("T")
# So many are read at a time. Of people, fewer than access keeps.
FEATURES: Final = 2_000
PEOPLE: Final = 500
# Of these changes an event carries the new picture of its object.
PICTURED = frozenset({"created", "updated", "transitioned"})
# Events may speak of what is some minutes ahead of the clock, and be numbered some time after they were written.
EARLY: Final = timedelta(minutes=10)


class SnapshotTooLarge(WatchfloorError):
    """More features than one snapshot may have; a smaller box helps (413)."""

    code = "snapshot_too_large"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """A browser session that a socket lives by; ``password_hash`` is Django's proof that the password is the same."""

    session_key: str
    user_id: UUID
    password_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wake:
    """What one look into the database found: the access version was read after the rows.

    So a row that was committed after a revocation never comes with the version before it.
    """

    cursor: Cursor
    rows: Sequence[LogRow]
    access_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What a view shows to those with one reach, and the position in the log that was read before it.

    ``reach`` is what the actor may see as it was right after the rows were read: if it is another than the one that
    was asked for, the rows are not what others with that reach may see. ``features`` are whole; ``veils`` say what is
    to be kept of which, and ``bodies`` have kept it. ``judged`` is what policies judged where that is something else.

    What may be seen only late is shown as it was so long before ``at``. ``early`` are the numbered events, up to the
    cursor, among which is what is not shown yet; ``has_all_early`` is false where there were too many. ``behind`` has
    moved since, without an event: as it would be known if that were shown.
    """

    cursor: Cursor
    reach: Predicate
    features: tuple[Feature, ...]
    bodies: Sequence[str]
    veils: Mapping[UUID, Obligations] = field(default_factory=dict)
    judged: Mapping[UUID, Feature] = field(default_factory=dict)
    at: datetime
    early: Sequence[LogRow] = ()
    has_all_early: bool = True
    behind: Mapping[UUID, Known] = field(default_factory=dict)


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


def reaches(wanted: Collection[tuple[Actor, str]]) -> dict[tuple[Actor, str], Predicate]:
    """Return what each actor may do each action to, now."""
    found: dict[tuple[Actor, str], Predicate] = {}
    with one_moment():
        for pairs in _chunks(iter(wanted), PEOPLE):
            learn_standings({actor for actor, _ in pairs}, {action for _, action in pairs})
            found |= {(actor, action): predicate(actor, action) for actor, action in pairs}
    return found


def published(ids_by_noun: Mapping[str, Iterable[UUID]]) -> dict[UUID, Feature]:
    """Return objects as they are published now, for policies to judge; those that are gone are absent."""
    found: dict[UUID, Feature] = {}
    for noun, ids in ids_by_noun.items():
        found |= published_by_id(noun, ids)
    return found


def fallen(actors: Iterable[Actor]) -> frozenset[Actor]:
    """Return the actors that are nobody any more: disabled, or their key revoked or expired."""
    found: set[Actor] = set()
    with one_moment():
        for block in _chunks(iter(actors), PEOPLE):
            learn_standings(block, ())
            found |= {actor for actor in block if not standing_of(actor).is_active}
    return frozenset(found)


def ended_sessions(sessions: Iterable[SignIn], at: datetime) -> frozenset[str]:
    """Return the keys of the sessions that have ended: by signing out, by time, or by a new password."""
    asked = tuple(sessions)
    if not asked:
        return frozenset()
    keys = [sign_in.session_key for sign_in in asked]
    alive = set(Session.objects.filter(session_key__in=keys, expire_date__gt=at).values_list("session_key", flat=True))
    users = get_user_model().objects.in_bulk({sign_in.user_id for sign_in in asked})
    return frozenset(
        sign_in.session_key
        for sign_in in asked
        if sign_in.session_key not in alive or not _is_password_of(users.get(sign_in.user_id), sign_in)
    )


def read_snapshot(view: View, actor: Actor, reach: Predicate, limits: Limits) -> Snapshot:
    """Return what the view shows to the actor now; raises ``SnapshotTooLarge``, or ``FilterError`` for what is hidden.

    Rows are judged by ``reach`` in SQL, and once more in Python, so that nothing is shown that the hub's decision would
    not show; what the actor may see after the rows were read tells whether it still stands.
    """
    topic = topics.get(view.topic)
    _require_askable(view.filter, actor)
    cursor = log.head()
    picture = _Picture(view=view, topic=topic, reach=reach, at=clock.now())
    early, has_all_early = _early(topic, picture, cursor, limits) if reach.policies.delays else ((), True)
    rows = reached(_candidates(picture, early, has_all_early=has_all_early), reach, topic.view_action)
    for chunk in _chunks(topic.features(rows), FEATURES):
        picture.add(chunk)
        if len(picture.features) > limits.snapshot_features:
            raise SnapshotTooLarge(
                f"More than {limits.snapshot_features} features; ask for a smaller box.",
                details={"limit": limits.snapshot_features},
            )
    if early and protected(topic.noun).judged_as:
        picture.judged |= published_by_id(topic.noun, {row.object_id for row in early} - picture.judged.keys())
    shown = [veiled(feature, picture.veils.get(feature.id, FREE)) for feature in picture.features]
    return Snapshot(
        cursor=cursor,
        reach=predicate(actor, topic.view_action),
        features=tuple(picture.features),
        bodies=snapshot_bodies(shown, view.fields, limits.chunk_features),
        veils=picture.veils,
        judged=picture.judged,
        at=picture.at,
        early=early,
        has_all_early=has_all_early,
        behind=picture.behind,
    )


@dataclass(slots=True, kw_only=True)
class _Picture:
    """A snapshot that is being read."""

    view: View
    topic: Topic
    reach: Predicate
    at: datetime
    features: list[Feature] = field(default_factory=list)
    veils: dict[UUID, Obligations] = field(default_factory=dict)
    judged: dict[UUID, Feature] = field(default_factory=dict)
    behind: dict[UUID, Known] = field(default_factory=dict)

    def add(self, chunk: Sequence[Feature]) -> None:
        """Add what is shown of some objects, given as they are now."""
        noun = self.topic.noun
        if self.reach.policies and protected(noun).judged_as:
            self.judged |= published_by_id(noun, [feature.id for feature in chunk])
        owed = {each.id: owed_for(self.reach, noun, each, self.judged.get(each.id)) for each in chunk}
        delays = {id_: each.delay for id_, each in owed.items() if each.delay}
        past = self._past(delays) if delays else {}
        for feature in chunk:
            about = self.judged.get(feature.id)
            if not shows(self.reach, noun, feature, about):
                continue
            then = past.get(feature.id, feature)
            if then is not None:
                self._show(then, owed[feature.id], is_now=then is feature)
            if then is not feature and self.topic.past is not None:
                self.behind[feature.id] = Known(feature.organisation_id, stamp_of(feature, self.topic))

    def _show(self, feature: Feature, owed: Obligations, *, is_now: bool) -> None:
        if not is_now:
            about = self.judged.get(feature.id)
            owed |= owed_for(self.reach, self.topic.noun, feature, about)
            if not shows(self.reach, self.topic.noun, feature, about):
                return
        if is_in_view(veiled(feature, owed), self.view):
            self.features.append(feature)
            self.veils |= {} if owed == FREE else {feature.id: owed}

    def _past(self, delays: Mapping[UUID, timedelta]) -> Mapping[UUID, Feature | None]:
        """Return objects as they were so long ago, ``None`` for what was not there; absent are those still the same."""
        cutoffs = {id_: self.at - delay for id_, delay in delays.items()}
        if self.topic.past is not None:
            found = self.topic.past(cutoffs)
            return {id_: found.get(id_) for id_ in cutoffs}
        images = log.images_before(self.topic.noun, cutoffs, PICTURED)
        return {id_: None if image is None else self.topic.event_feature(image) for id_, image in images.items()}


def _early(topic: Topic, picture: _Picture, cursor: Cursor, limits: Limits) -> tuple[Sequence[LogRow], bool]:
    """Return the events of a topic among which are all that may not be told yet, and whether these are all."""
    start = log.offset_before(picture.at - picture.reach.policies.longest_delay - EARLY)
    events = log.events_between(start, cursor.offset, topic.noun, limits.replay_events + 1)
    rows = [log_row(event) for event in events[: limits.replay_events]]
    return rows, len(events) <= limits.replay_events


def _candidates(picture: _Picture, early: Sequence[LogRow], *, has_all_early: bool) -> QuerySet[Any]:
    """Return the rows near the view; with them what was near it so long ago, where something is shown late."""
    topic, view, policies = picture.topic, picture.view, picture.reach.policies
    if not policies.delays or view.is_everything:
        return narrowed(topic, view)
    if topic.past is not None:
        moved = Q(**{f"{topic.moved_at}__gt": picture.at - policies.longest_delay})
    elif has_all_early:
        moved = Q(pk__in={row.object_id for row in early})
    else:
        return topic.queryset()
    return topic.queryset().filter(moved | Q(pk__in=narrowed(topic, view).values("pk")))


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


def read_filter(source: str | Mapping[str, Any] | bool | None, topic: Topic) -> Filter | None:  # noqa: FBT001
    """Return a subscription's filter; raises ``FilterError`` for one that cannot be, or cannot be followed.

    What may change its answer without an event cannot: the clock, and what the topic's features do not show. What is
    hidden from the reader is refused with the snapshot, since it may change while the subscription lives.
    """
    if source is None:
        return None
    try:
        found = parse(source, queryables=queryables_of(topic.noun))
    except LookupError:
        raise FilterError(f"The topic {topic.name} cannot be filtered.", code="not_live") from None
    if found.uses_clock:
        raise FilterError("now() cannot be followed: time passes without an event.", code="not_live")
    _predicate_of(found)
    return found


def _require_askable(found: Filter | None, actor: Actor) -> None:
    """Raise for a filter that asks about what is hidden from the actor, as if there were no such thing."""
    if found is not None:
        require_askable(found, queryables_for(actor, found.noun))


@lru_cache(maxsize=1_024)
def _predicate_of(found: Filter) -> Decide:
    return compile_predicate(found)


def is_wanted(feature: Feature, found: Filter | None) -> bool:
    """Say whether a filter lets a feature through."""
    return found is None or _predicate_of(found)(feature) is True


def _chunks(things: Iterator[T], size: int) -> Iterator[list[T]]:
    while chunk := list(itertools.islice(things, size)):
        yield chunk


def narrowed(topic: Topic, view: View) -> QuerySet:  # type: ignore[type-arg]  # a topic is of any model
    """Return the topic's rows near the view. A superset: the last word has ``is_in_view``, as with events."""
    rows, bbox = topic.queryset(), view.bbox
    if view.filter is not None:
        rows = rows.filter(compile_sql(view.filter))
    if bbox is None or topic.bbox_lookup is None:
        return rows
    column = topic.bbox_lookup.rpartition("__")[0] or topic.bbox_lookup
    near = [Q(**{f"{column}__bboverlaps": area}) for area in _areas(bbox)]
    return rows.filter(functools.reduce(operator.or_, near))


def is_in_view(feature: Feature, view: View) -> bool:
    """Say whether a feature lies in the view's box and passes its filter."""
    is_in_box = view.bbox is None or touches(boxes_of(feature.geometry), view.bbox)
    return is_in_box and is_wanted(feature, view.filter)


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


def _areas(bbox: BBox) -> list[Polygon]:
    """Return the box as one polygon, or two when it crosses the antimeridian."""
    west, south, east, north = bbox.west, bbox.south, bbox.east, bbox.north
    spans = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
    return [Polygon.from_bbox((left, south, right, north)) for left, right in spans]


def _is_password_of(user: AbstractBaseUser | None, sign_in: SignIn) -> bool:
    return user is not None and constant_time_compare(user.get_session_auth_hash(), sign_in.password_hash)


def _uuid(text: str | None) -> UUID | None:
    return None if text is None else UUID(text)
