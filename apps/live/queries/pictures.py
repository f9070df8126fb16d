"""Snapshots: what a view shows to each of those who ask for it, all at one position of the log."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar
from uuid import UUID

from django.db.models import Q, QuerySet

from apps.access.judging import FREE, Obligations
from apps.access.queries import owed_for, published_by_id, shows
from apps.access.queries.doors import reached
from apps.access.registry import protected
from apps.access.types import Actor, Predicate
from apps.access.veils import veiled
from apps.core import clock
from apps.core.types import Feature, WatchfloorError
from apps.events import queries as log
from apps.events.registry import Topic, topics
from apps.events.types import Cursor
from apps.live.queries.log import PICTURED, log_row
from apps.live.queries.people import reaches
from apps.live.queries.views import is_in_view, narrowed, require_view
from apps.live.rules.stamps import stamp_of
from apps.live.rules.texts import snapshot_bodies
from apps.live.types import Known, Limits, LogRow, View

T = TypeVar("T")
# So many are read at a time.
FEATURES: Final = 2_000
# What is near a view is read once for all who ask, if it is no more than this for each of them: a statement for one
# of them costs about as much.
SHARED: Final = 100
# Events may speak of what is some minutes ahead of the clock, and be numbered some time after they were written.
EARLY: Final = timedelta(minutes=10)


class SnapshotTooLarge(WatchfloorError):
    """More features than one snapshot may have; a smaller box helps (413)."""

    code = "snapshot_too_large"


@dataclass(frozen=True, slots=True)
class Asker:
    """Somebody who asks for a picture, with what they may see as far as is known."""

    actor: Actor
    reach: Predicate


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


def read_snapshots(view: View, askers: Sequence[Asker], limits: Limits) -> list[Snapshot | WatchfloorError]:
    """Return what the view shows to each asker now, or why it cannot be had.

    That is ``SnapshotTooLarge``, or ``FilterError`` for a filter that asks about what is hidden from them.

    Rows are judged by reach in Python, so that nothing is shown that the hub's decision would not show; in SQL before
    that, where they are read for one asker. What each may see after the rows were read tells whether it still stands.
    """
    topic = topics.get(view.topic)
    cursor = log.head()
    near = _read_near(topic, view, askers)
    drawn = [
        _draw(_Picture(view=view, topic=topic, reach=asker.reach, at=clock.now()), asker, cursor, limits, near)
        for asker in askers
    ]
    now = reaches([(asker.actor, topic.view_action) for asker in askers])
    return [
        each
        if isinstance(each, WatchfloorError)
        else each.snapshot(cursor, now[asker.actor, topic.view_action], limits)
        for asker, each in zip(askers, drawn, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class _Near:
    """What is near a view, read for several askers: by owner, and what policies judge where that is something else."""

    by_owner: Mapping[UUID | None, Sequence[Feature]]
    judged: Mapping[UUID, Feature]

    def within(self, reach: Predicate) -> Iterator[Feature]:
        """Yield what the reach might show."""
        owners = reach.organisation_ids | reach.organisation_periods.keys()
        objects = reach.object_ids | reach.object_periods.keys()
        for owner, features in self.by_owner.items():
            if reach.everything or reach.policies or owner in owners:
                yield from features
            elif objects:
                yield from (feature for feature in features if feature.id in objects)


def _read_near(topic: Topic, view: View, askers: Sequence[Asker]) -> _Near | None:
    """Return what is near the view, if there are several askers and it is not too much for them."""
    most = SHARED * len(askers)
    if len(askers) == 1:
        return None
    rows = narrowed(topic, view)
    if len(rows.values_list("pk", flat=True)[: most + 1]) > most:
        return None
    by_owner: defaultdict[UUID | None, list[Feature]] = defaultdict(list)
    for feature in topic.features(rows):
        by_owner[feature.organisation_id].append(feature)
    is_judged = protected(topic.noun).judged_as and any(asker.reach.policies for asker in askers)
    ids = [feature.id for features in by_owner.values() for feature in features] if is_judged else ()
    return _Near(by_owner, published_by_id(topic.noun, ids) if ids else {})


def _draw(
    picture: _Picture, asker: Asker, cursor: Cursor, limits: Limits, near: _Near | None
) -> _Picture | WatchfloorError:
    try:
        require_view(picture.view.filter, asker.actor)
        if near is None or asker.reach.policies.delays:
            picture.read(cursor, limits)
        else:
            picture.judged |= near.judged
            picture.add(list(near.within(asker.reach)), limits)
    except WatchfloorError as error:
        return error
    return picture


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
    early: Sequence[LogRow] = ()
    has_all_early: bool = True
    behind: dict[UUID, Known] = field(default_factory=dict)

    def read(self, cursor: Cursor, limits: Limits) -> None:
        """Read what is shown; raises ``SnapshotTooLarge``."""
        noun = self.topic.noun
        if self.reach.policies.delays:
            self._read_early(cursor, limits)
        asks = bool(self.reach.policies and protected(noun).judged_as)
        for chunk in _chunks(self.topic.features(reached(self._candidates(), self.reach, self.topic.view_action))):
            if asks:
                self.judged |= published_by_id(noun, [feature.id for feature in chunk])
            self.add(chunk, limits)
        if asks and self.early:
            self.judged |= published_by_id(noun, {row.object_id for row in self.early} - self.judged.keys())

    def add(self, chunk: Sequence[Feature], limits: Limits) -> None:
        """Add what is shown of some objects, given as they are now; raises ``SnapshotTooLarge``."""
        noun = self.topic.noun
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
        if len(self.features) > limits.snapshot_features:
            raise SnapshotTooLarge(
                f"More than {limits.snapshot_features} features; ask for a smaller box.",
                details={"limit": limits.snapshot_features},
            )

    def snapshot(self, cursor: Cursor, reach: Predicate, limits: Limits) -> Snapshot:
        """Return what was read, with what its reader may see by now."""
        shown = [veiled(feature, self.veils.get(feature.id, FREE)) for feature in self.features]
        return Snapshot(
            cursor=cursor,
            reach=reach,
            features=tuple(self.features),
            bodies=snapshot_bodies(shown, self.view.fields, limits.chunk_features),
            veils=self.veils,
            judged=self.judged,
            at=self.at,
            early=self.early,
            has_all_early=self.has_all_early,
            behind=self.behind,
        )

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

    def _read_early(self, cursor: Cursor, limits: Limits) -> None:
        """Read the events of the topic among which are all that may not be told yet, as far as there is room."""
        start = log.offset_before(self.at - self.reach.policies.longest_delay - EARLY)
        events = log.events_between(start, cursor.offset, self.topic.noun, limits.replay_events + 1)
        self.early = [log_row(event) for event in events[: limits.replay_events]]
        self.has_all_early = len(events) <= limits.replay_events

    def _candidates(self) -> QuerySet[Any]:
        """Return the rows near the view; with them what was near it so long ago, where something is shown late."""
        topic, view, policies = self.topic, self.view, self.reach.policies
        if not policies.delays or view.is_everything:
            return narrowed(topic, view)
        if topic.past is not None:
            moved = Q(**{f"{topic.moved_at}__gt": self.at - policies.longest_delay})
        elif self.has_all_early:
            moved = Q(pk__in={row.object_id for row in self.early})
        else:
            return topic.queryset()
        return topic.queryset().filter(moved | Q(pk__in=narrowed(topic, view).values("pk")))


def _chunks(things: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(things)
    while chunk := list(itertools.islice(rest, FEATURES)):
        yield chunk
