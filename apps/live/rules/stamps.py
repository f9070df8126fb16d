"""How new the picture of an object is, over the log and over the positions lane."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from apps.core.types import Feature
from apps.events.registry import Topic
from apps.live.types import Stamp

# The topic whose objects move: its pictures come over the positions lane, not over the log.
LANE_TOPIC: Final = "positions"
NEVER: Final = datetime.min.replace(tzinfo=UTC)


def is_lane(topic: Topic) -> bool:
    """Say whether a topic's pictures come over the positions lane."""
    return topic.name == LANE_TOPIC


def stamp_of(feature: Feature, topic: Topic) -> Stamp:
    """Return how new the picture of an object is."""
    if not is_lane(topic):
        return Stamp(feature.version)
    fixed_at = feature.properties.get("fixed_at")
    at = datetime.fromisoformat(str(fixed_at)) if fixed_at else NEVER
    return Stamp(at, str(feature.properties.get("connectivity") or ""))
