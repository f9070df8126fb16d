"""The words that every application shares: instants, places, heights, and the one error root.

Values only: nothing here reads a clock, a setting or a database.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NewType
from uuid import UUID

AssetId = NewType("AssetId", UUID)
ZoneId = NewType("ZoneId", UUID)
OrganisationId = NewType("OrganisationId", UUID)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldError:
    """One thing wrong with one part of a request.

    ``pointer`` is a JSON Pointer (RFC 6901) into the body, or ``?name`` for a query parameter.
    """

    pointer: str
    code: str
    detail: str


class WatchfloorError(Exception):
    """The root of every error that Watchfloor raises on purpose.

    ``code`` is stable and part of the API (it ends the problem ``type``); ``message`` is for a person;
    ``details`` are typed extras that the border may render.
    """

    code = "error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        errors: Sequence[FieldError] = (),
        details: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.errors = tuple(errors)
        self.details = dict(details or {})


class NotAllowed(WatchfloorError):
    """The actor sees the object but may not do this to it (403)."""

    code = "not_allowed"


class NotFound(WatchfloorError):
    """There is no such object, or the actor may not know that there is (404)."""

    code = "not_found"


class Conflict(WatchfloorError):
    """The state of the object does not permit this now (409); ``details["conflicts"]`` says why."""

    code = "conflict"


class VersionConflict(Conflict):
    """The object has changed since the caller read it (412)."""

    code = "version_conflict"


class Invalid(WatchfloorError):
    """The request is well formed but means nothing that we can do (422)."""

    code = "invalid"


class Unavailable(WatchfloorError):
    """Something that we need is down or full; trying again later may help (503)."""

    code = "unavailable"


class Malformed(WatchfloorError):
    """The request cannot be read at all (400)."""

    code = "malformed"


class TooLarge(WatchfloorError):
    """The body is larger than we read (413)."""

    code = "too_large"


class PreconditionRequired(WatchfloorError):
    """A change was sent without saying which version it changes (428)."""

    code = "precondition_required"


class Gone(WatchfloorError):
    """What was asked for existed and is no longer kept (410)."""

    code = "gone"


class Datum(enum.StrEnum):
    """What a height is measured from."""

    AMSL = "AMSL"  # above mean sea level
    WGS84 = "WGS84"  # above the ellipsoid
    AGL = "AGL"  # above ground
    BARO = "BARO"  # pressure altitude, standard atmosphere


@dataclass(frozen=True, slots=True, kw_only=True)
class BBox:
    """A box in degrees, WGS 84, lon lat. ``west > east`` means that it crosses the antimeridian."""

    west: float
    south: float
    east: float
    north: float

    def contains(self, lon: float, lat: float) -> bool:
        """Say whether a point lies in the box; the boundary counts as inside."""
        if not self.south <= lat <= self.north:
            return False
        if self.west <= self.east:
            return self.west <= lon <= self.east
        return lon >= self.west or lon <= self.east


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeWindow:
    """A half-open interval ``[start, end)`` of aware UTC instants; ``None`` is open."""

    start: datetime | None = None
    end: datetime | None = None

    def contains(self, at: datetime) -> bool:
        """Say whether the instant lies in the window."""
        return (self.start is None or self.start <= at) and (self.end is None or at < self.end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """One reported position of one asset at one instant.

    Degrees WGS 84; metres with the datum beside them; metres per second; ``fixed_at`` is the sensor's
    instant, aware UTC. What was not reported is ``None``, never a sentinel.
    """

    fixed_at: datetime
    lon: float
    lat: float
    altitude_m: float | None = None
    altitude_datum: Datum | None = None
    speed_mps: float | None = None
    course_deg: float | None = None
    heading_deg: float | None = None
    accuracy_m: float | None = None
    attributes: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One object as the outside sees it: the same in REST, snapshot and event.

    ``geometry`` is a GeoJSON geometry as a mapping, or ``None``. ``organisation_id`` owns the object and
    is what ``access`` decides by, together with ``id``; reference data has none.
    """

    id: UUID
    organisation_id: UUID | None
    version: int
    properties: Mapping[str, object]
    geometry: Mapping[str, object] | None = None
