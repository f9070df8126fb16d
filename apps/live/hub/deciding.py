"""What a row of the log or a position means for those who see a view with a reach; remembers what they hold then."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final
from uuid import UUID

from apps.access.judging import FREE, Obligations
from apps.access.queries import owed_for, shows
from apps.access.registry import protected
from apps.access.types import Predicate
from apps.access.veils import snap, veiled
from apps.core.types import Feature
from apps.events.registry import Topic
from apps.live.hub.judged import Judged
from apps.live.hub.waiting import Waiting
from apps.live.queries import is_wanted
from apps.live.rules.boxes import boxes_of, is_point_in, touches
from apps.live.rules.decide import (
    REMOVE_LOST,
    TELL,
    UPSERT_CHANGED,
    UPSERT_MOVED,
    Decision,
    decide,
    decide_blindly,
    decide_deletion,
)
from apps.live.rules.stamps import stamp_of
from apps.live.rules.texts import position_feature
from apps.live.types import ChangeKind, Known, LogRow, Position, Stamp, View

Held = dict[UUID, Known]


@dataclass(frozen=True, slots=True)
class Shown:
    """A view as those with one reach see it."""

    topic: Topic
    view: View
    reach: Predicate
    judged: Judged = field(compare=False, repr=False)

    def about(self, id_: UUID) -> Feature | None:
        """Return what an object of the topic is judged as, where that is something else and a policy asks."""
        return self.judged.get(id_) if self.reach.policies and protected(self.topic.noun).judged_as else None

    def owed(self, feature: Feature) -> Obligations:
        """Return what is to be kept of an object that is shown."""
        return owed_for(self.reach, self.topic.noun, feature, self.about(feature.id)) if self.reach.policies else FREE

    def delay_of(self, id_: UUID, known: Known) -> timedelta:
        """Return by how much an object is told late, of which no more is known than whose it is."""
        return self.reach.obligations(id_, known.organisation_id, self.about(id_)).delay


def decide_row(row: LogRow, shown: Shown, known: Held) -> Decision | None:
    """Decide about one row of the log, and remember it in ``known``."""
    held = known.get(row.object_id)
    if row.noun != shown.topic.noun:
        is_reached = shown.reach.allows(row.object_id, row.organisation_id, row.picture)
        return _decide_about_judge(row, known, held, is_allowed=is_reached)
    is_allowed = _may_see(row, shown)
    if row.is_deletion:
        return _remember(known, row, decide_deletion(known=held and held.stamp), Stamp(0))
    if row.picture is None:
        return TELL if is_allowed and (shown.view.is_everything or held) else None
    stamp = Stamp(row.picture.version)
    decision = decide(
        stamp=stamp,
        known=held and held.stamp,
        is_allowed=is_allowed,
        is_in_view=_is_in_view(row, shown),
    )
    return _remember(known, row, decision, stamp)


def decide_row_blindly(row: LogRow, shown: Shown, known: Held) -> Decision | None:
    """Decide about one row for a client that comes back; ``known`` is what its audience holds now."""
    if row.noun != shown.topic.noun:
        return None
    is_allowed = _may_see(row, shown)
    if row.picture is None and not row.is_deletion:
        return TELL if is_allowed and (shown.view.is_everything or row.object_id in known) else None
    before = row.previous_organisation_id
    return decide_blindly(
        is_deletion=row.is_deletion,
        may_have_known=is_allowed or (before is not None and shown.reach.allows_at(row.object_id, before, row.at)),
        is_allowed=is_allowed,
        is_in_view=_is_in_view(row, shown),
    )


def decide_position(position: Position, shown: Shown, known: Held, *, is_past: bool = False) -> Decision | None:
    """Decide about one position, and remember it in ``known``; one that is held already is nothing new.

    Of what may be seen only late, only what ``is_past`` is told: where it was so long ago.
    """
    held = known.get(position.asset_id)
    is_allowed = shown.reach.allows(position.asset_id, position.organisation_id, shown.about(position.asset_id))
    owed = owed_of(position, shown)
    if is_allowed and owed.delay and not is_past:
        return None
    lon, lat = snap(position.lon, position.lat, owed.coarsen_m) if owed.coarsen_m else (position.lon, position.lat)
    is_in_view = is_point_in(lon, lat, shown.view.bbox)
    if is_in_view and shown.view.filter is not None:
        is_in_view = is_wanted(veiled(feature_of(position), owed), shown.view.filter)
    if held is not None and held.stamp == position.stamp and is_allowed and is_in_view:
        return None
    decision = decide(stamp=position.stamp, known=held and held.stamp, is_allowed=is_allowed, is_in_view=is_in_view)
    if decision is None:
        return None
    if decision.change is ChangeKind.REMOVE:
        del known[position.asset_id]
        return decision
    known[position.asset_id] = Known(position.organisation_id, position.stamp)
    return UPSERT_MOVED if decision is UPSERT_CHANGED else decision


def due_at(row: LogRow, shown: Shown) -> datetime | None:
    """Return when a row may be told that may be told only late; ``None`` for one that may be told at once.

    That something is gone is told at once: whoever asks for it does not find it either.
    """
    if row.noun != shown.topic.noun or row.is_deletion:
        return None
    delay = owed_of_row(row, shown).delay
    return row.at + delay if delay else None


def withhold(row: LogRow, shown: Shown, waiting: Waiting, at: datetime) -> bool:
    """Say whether a row must not be told now; then it waits, if there is room. Call it for every row, in order.

    Pictures that wait are forgotten with what they show: once it is gone, or not to be seen any more, or may be seen
    as it is now.
    """
    due = due_at(row, shown)
    if due is None or not _may_see(row, shown):
        if _outdates(row, shown):
            waiting.forget_pictures(row.object_id)
        if due is None or row.picture is not None:
            return False
    return waiting.withhold(row, due, at)


def is_withheld(row: LogRow, shown: Shown, waiting: Waiting, at: datetime) -> bool:
    """Say the same of a row that ``waiting`` has heard of already."""
    due = due_at(row, shown)
    return due is not None and (at < due or waiting.withholds(row.offset))


def held_of(features: Iterable[Feature], topic: Topic) -> Held:
    """Return what somebody holds who has got these features."""
    return {feature.id: Known(feature.organisation_id, stamp_of(feature, topic)) for feature in features}


# One position is judged for every audience in turn; it becomes a feature once.
feature_of: Final = lru_cache(maxsize=4_096)(position_feature)


def _is_in_view(row: LogRow, shown: Shown) -> bool:
    """Say whether the picture that a row carries is one that the view shows.

    What is shown of it is asked, not what is kept: by moving a box, nobody finds out where a coarsened place is.
    """
    view, picture = shown.view, row.picture
    if picture is None:
        return touches(row.boxes, view.bbox)
    owed = shown.owed(picture)
    if owed == FREE:
        return touches(row.boxes, view.bbox) and is_wanted(picture, view.filter)
    seen = veiled(picture, owed)
    return touches(boxes_of(seen.geometry), view.bbox) and is_wanted(seen, view.filter)


def _outdates(row: LogRow, shown: Shown) -> bool:
    """Say whether earlier pictures of the object are worth nothing after a row."""
    if row.noun == shown.topic.noun:
        return row.is_deletion or row.picture is not None
    return row.is_deletion or (
        row.changed_hands and not shown.reach.allows(row.object_id, row.organisation_id, row.picture)
    )


def _may_see(row: LogRow, shown: Shown) -> bool:
    """Say whether a row may be told: a picture as the object would be listed, anything else by when it happened."""
    if row.picture is not None:
        return shows(shown.reach, row.noun, row.picture)
    return shown.reach.allows_at(row.object_id, row.organisation_id, row.at, shown.about(row.object_id))


def owed_of(position: Position, shown: Shown) -> Obligations:
    """Return what is to be kept of a position."""
    if not shown.reach.policies:
        return FREE
    return shown.reach.obligations(position.asset_id, position.organisation_id, shown.about(position.asset_id))


def owed_of_row(row: LogRow, shown: Shown) -> Obligations:
    """Return what is to be kept of what a row tells."""
    if not shown.reach.policies:
        return FREE
    if row.picture is not None and row.noun == shown.topic.noun:
        return shown.owed(row.picture)
    return shown.reach.obligations(row.object_id, row.organisation_id, shown.about(row.object_id))


def _decide_about_judge(row: LogRow, known: Held, held: Known | None, *, is_allowed: bool) -> Decision | None:
    """Decide about a row of the noun that the topic's objects are judged as: gone, or in other hands."""
    if held is None:
        return None
    if row.is_deletion:
        del known[row.object_id]
        return decide_deletion(known=held.stamp)
    if not row.changed_hands:
        return None
    if is_allowed:
        known[row.object_id] = held._replace(organisation_id=row.organisation_id)
        return None
    del known[row.object_id]
    return REMOVE_LOST


def _remember(known: Held, row: LogRow, decision: Decision | None, stamp: Stamp) -> Decision | None:
    if decision is None:
        return None
    if decision.change is ChangeKind.REMOVE:
        known.pop(row.object_id, None)
    elif decision.change is ChangeKind.UPSERT:
        known[row.object_id] = Known(row.organisation_id, stamp)
    return decision
