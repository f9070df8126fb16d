"""The words of the feed: close codes, what a frame does to the client's picture and why, limits, positions."""

from __future__ import annotations

import enum
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from apps.core.types import BBox, Feature, WatchfloorError
from apps.filters.types import Filter

SUBPROTOCOL: Final = "watchfloor.feed.v1"
TICKET_LIFETIME: Final = timedelta(seconds=30)
TICKET_PREFIX: Final = "wft_"


class Close(enum.IntEnum):
    """Why the server ends a socket. 44xx is final, 45xx asks to come back (docs/feed.md)."""

    BAD_FRAME = 4400
    NOBODY = 4401
    FORBIDDEN = 4403
    TOO_MANY_FRAMES = 4429
    FAULT = 4500
    GOING_AWAY = 4503
    ACCESS_UNKNOWN = 4504
    TOO_SLOW = 4508
    NO_SIGN_OF_LIFE = 4510


class ChangeKind(enum.StrEnum):
    """What an event frame does to the picture that the client holds."""

    UPSERT = "upsert"
    REMOVE = "remove"
    EVENT = "event"


class Reason(enum.StrEnum):
    """Why an event frame is sent."""

    CHANGED = "changed"
    ENTERED = "entered"
    LEFT = "left"
    DELETED = "deleted"
    ACCESS = "access"
    BOX = "box"
    FILTER = "filter"
    MOVED = "moved"
    RESYNC = "resync"
    FOUND = "found"


class GapReason(enum.StrEnum):
    """Why a subscription went blind until its next snapshot."""

    SLOW_CONSUMER = "slow_consumer"
    TOO_OLD = "too_old"
    EPOCH_CHANGED = "epoch_changed"
    VIEW_CHANGED = "view_changed"
    LOG_AHEAD = "log_ahead"
    HELD_BACK = "held_back"


class FeedError(WatchfloorError):
    """Ends the socket with a close code; the message is the close reason."""

    code = "feed_ended"

    def __init__(self, close: Close, message: str) -> None:
        super().__init__(message)
        self.close = close


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one socket may ask of the server, and how long things may take.

    ``queue_chars`` and ``queue_frames`` bound what waits for a slow reader; snapshots are not counted,
    ``snapshot_features`` bounds those. ``held_events`` bounds what an audience that hears something late waits for.
    So long, ``catch_up_s``, somebody who comes back waits for what has happened to get its number.
    """

    subscriptions: int = 32
    frame_bytes: int = 65_536
    frames_per_s: int = 50
    snapshot_features: int = 50_000
    chunk_features: int = 500
    replay_events: int = 10_000
    held_events: int = 10_000
    queue_frames: int = 2_000
    queue_chars: int = 4_000_000
    message_chars: int = 262_144
    overflows: int = 3
    overflow_window_s: float = 60.0
    stall_s: float = 30.0
    auth_s: float = 10.0
    heartbeat_s: float = 20.0
    silence_s: float = 50.0
    access_poll_s: float = 0.5
    access_blind_s: float = 10.0
    standing_s: float = 2.0
    poll_s: float = 1.0
    poll_without_doorbell_s: float = 0.25
    lane_poll_s: float = 2.0
    read_events: int = 500
    catch_up_s: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a subscription shows, apart from who is looking.

    ``fields`` are sorted property names, ``None`` for all; ``min_interval_ms`` matters for positions only. Two filters
    that mean the same are equal, so those who ask for the same share one decision.
    """

    topic: str
    bbox: BBox | None = None
    filter: Filter | None = None
    fields: tuple[str, ...] | None = None
    min_interval_ms: int = 0

    @property
    def is_everything(self) -> bool:
        """Whether every object of the topic is in it."""
        return self.bbox is None and self.filter is None


class Stamp(NamedTuple):
    """How new a picture of an object is: its version, or the instant of its fix.

    ``age`` orders pictures; ``detail`` tells two of the same age apart (the connectivity of a presence).
    """

    age: int | datetime
    detail: str = ""

    def is_older_than(self, other: Stamp) -> bool:
        """Say whether this picture was overtaken by the other; stamps of one topic are of one kind."""
        return self.age < other.age  # type: ignore[operator]  # versions meet versions, instants instants


class Known(NamedTuple):
    """What the hub remembers of an object that an audience holds: whose it is and how new."""

    organisation_id: UUID | None
    stamp: Stamp


class Position(msgspec.Struct, frozen=True, array_like=True):
    """One message of the positions lane: where an asset is now. Degrees, metres, metres per second."""

    asset_id: UUID
    organisation_id: UUID
    fixed_at: datetime
    lon: float
    lat: float
    altitude_m: float | None = None
    speed_mps: float | None = None
    course_deg: float | None = None
    heading_deg: float | None = None
    connectivity: str | None = None

    @property
    def stamp(self) -> Stamp:
        """How new it is."""
        return Stamp(self.fixed_at, self.connectivity or "")


@dataclass(slots=True, kw_only=True, eq=False)
class LogRow:
    """One numbered event as the hub reads it.

    ``picture`` is the object after the change, where the event carries one; ``boxes`` are those of its geometry.
    ``at`` is when it happened, and ``occurred_at`` the same as told. ``corrected`` is what was found before, where
    this finding takes its place.
    ``also`` are (view action, id, organisation) of what a reader must be allowed to see besides. ``texts`` keeps
    the encodings made so far, so that each is made once for all sockets.
    """

    offset: int
    id: UUID
    type: str
    noun: str
    object_id: UUID
    organisation_id: UUID | None
    previous_organisation_id: UUID | None
    also: tuple[tuple[str, UUID, UUID | None], ...]
    at: datetime
    occurred_at: str
    recorded_at: datetime
    change: str
    content: Mapping[str, object] | None
    lifecycle: Mapping[str, object] | None
    corrected: Mapping[str, object] | None = None
    picture: Feature | None = None
    boxes: tuple[BBox, ...] = ()
    texts: dict[Hashable, str] = field(default_factory=dict)

    @property
    def is_deletion(self) -> bool:
        """Whether the object is gone."""
        return self.change == "deleted"

    @property
    def changed_hands(self) -> bool:
        """Whether the object went from one organisation to another."""
        return self.previous_organisation_id not in (None, self.organisation_id)
