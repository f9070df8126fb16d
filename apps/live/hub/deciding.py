"""What a row of the log or a position means for those who see a view with a reach; remembers what they hold then."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from apps.access.queries import shows
from apps.access.types import Predicate
from apps.core.types import Feature
from apps.events.registry import Topic
from apps.live.rules.boxes import is_point_in, touches
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
from apps.live.types import ChangeKind, Known, LogRow, Position, Stamp, View

# The topic whose objects move: its pictures come over the positions lane, not over the log.
LANE_TOPIC: Final = "positions"
NEVER: Final = datetime.min.replace(tzinfo=UTC)
Held = dict[UUID, Known]


@dataclass(frozen=True, slots=True)
class Shown:
    """A view as those with one reach see it."""

    topic: Topic
    view: View
    reach: Predicate


def is_lane(topic: Topic) -> bool:
    """Say whether a topic's pictures come over the positions lane."""
    return topic.name == LANE_TOPIC


def decide_row(row: LogRow, shown: Shown, known: Held) -> Decision | None:
    """Decide about one row of the log, and remember it in ``known``."""
    held = known.get(row.object_id)
    if row.noun != shown.topic.noun:
        is_reached = shown.reach.allows(row.object_id, row.organisation_id)
        return _decide_about_judge(row, known, held, is_allowed=is_reached)
    is_allowed = _may_see(row, shown)
    if row.is_deletion:
        return _remember(known, row, decide_deletion(known=held and held.stamp), Stamp(0))
    if row.picture is None:
        return TELL if is_allowed and (shown.view.bbox is None or held) else None
    stamp = Stamp(row.picture.version)
    decision = decide(
        stamp=stamp,
        known=held and held.stamp,
        is_allowed=is_allowed,
        is_in_box=touches(row.boxes, shown.view.bbox),
    )
    return _remember(known, row, decision, stamp)


def decide_row_blindly(row: LogRow, shown: Shown, known: Held) -> Decision | None:
    """Decide about one row for a client that comes back; ``known`` is what its audience holds now."""
    if row.noun != shown.topic.noun:
        return None
    is_allowed = _may_see(row, shown)
    if row.picture is None and not row.is_deletion:
        return TELL if is_allowed and (shown.view.bbox is None or row.object_id in known) else None
    before = row.previous_organisation_id
    return decide_blindly(
        is_deletion=row.is_deletion,
        may_have_known=is_allowed or (before is not None and shown.reach.allows_at(row.object_id, before, row.at)),
        is_allowed=is_allowed,
        is_in_box=touches(row.boxes, shown.view.bbox),
    )


def decide_position(position: Position, shown: Shown, known: Held) -> Decision | None:
    """Decide about one position, and remember it in ``known``; one that is held already is nothing new."""
    held = known.get(position.asset_id)
    is_allowed = shown.reach.allows(position.asset_id, position.organisation_id)
    is_in_box = is_point_in(position.lon, position.lat, shown.view.bbox)
    if held is not None and held.stamp == position.stamp and is_allowed and is_in_box:
        return None
    decision = decide(stamp=position.stamp, known=held and held.stamp, is_allowed=is_allowed, is_in_box=is_in_box)
    if decision is None:
        return None
    if decision.change is ChangeKind.REMOVE:
        del known[position.asset_id]
        return decision
    known[position.asset_id] = Known(position.organisation_id, position.stamp)
    return UPSERT_MOVED if decision is UPSERT_CHANGED else decision


def held_of(features: Iterable[Feature], topic: Topic) -> Held:
    """Return what somebody holds who has got these features."""
    return {feature.id: Known(feature.organisation_id, stamp_of(feature, topic)) for feature in features}


def stamp_of(feature: Feature, topic: Topic) -> Stamp:
    """Return how new the picture of an object is."""
    if not is_lane(topic):
        return Stamp(feature.version)
    fixed_at = feature.properties.get("fixed_at")
    at = datetime.fromisoformat(str(fixed_at)) if fixed_at else NEVER
    return Stamp(at, str(feature.properties.get("connectivity") or ""))


def _may_see(row: LogRow, shown: Shown) -> bool:
    """Say whether a row may be told: a picture as the object would be listed, anything else by when it happened."""
    if row.picture is not None:
        return shows(shown.reach, row.noun, row.picture)
    return shown.reach.allows_at(row.object_id, row.organisation_id, row.at)


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
