"""The values that zones hands to other apps, and the ones that its services take."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple, TypedDict
from uuid import UUID

from apps.core.types import Datum, FieldError, OrganisationId, TimeWindow, ZoneId

if TYPE_CHECKING:
    from shapely.geometry import MultiPolygon

    from apps.access.models import Organisation
    from apps.zones.models import ZoneKind


class Change(enum.StrEnum):
    """What made a version of a zone."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"


class Constraint(enum.StrEnum):
    """What zones of a kind mean for operations that are planned in them."""

    NONE = ""
    ADVISORY = "advisory"
    CONDITIONAL = "conditional"
    AUTHORISATION = "authorisation"
    PROHIBITED = "prohibited"


@dataclass(frozen=True, slots=True, kw_only=True)
class AltitudeBand:
    """The heights between which a zone holds, both ends included; ``None`` is open.

    Each bound has a datum of its own, since real airspace mixes them (from 1,500 ft above the sea up to a
    pressure altitude). A bound judges only heights above the same datum; for others the footprint counts.
    """

    lower_m: float | None = None
    lower_datum: Datum | None = None
    upper_m: float | None = None
    upper_datum: Datum | None = None

    @property
    def in_words(self) -> str:
        """Return the heights as a person reads them."""
        if self.lower_m is None and self.upper_m is None:
            return "every height"
        lower = "ground" if self.lower_m is None else f"{self.lower_m:g} m {self.lower_datum}"
        upper = "no limit" if self.upper_m is None else f"{self.upper_m:g} m {self.upper_datum}"
        return f"{lower} to {upper}"


EVERY_HEIGHT = AltitudeBand()
ALWAYS = TimeWindow()


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneRef:
    """What somebody who was found in a zone needs to know about it. ``ends_at`` is where its validity ends."""

    id: ZoneId
    organisation_id: OrganisationId
    kind_id: UUID
    name: str
    dwell_after: timedelta | None
    version: int
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstrainingZone:
    """A zone whose kind means something for operations. ``area`` is as it is kept, WGS 84, lon lat."""

    id: ZoneId
    organisation_id: OrganisationId
    name: str
    constraint: Constraint
    area: MultiPolygon
    band: AltitudeBand
    validity: TimeWindow


class ZoneBegun(NamedTuple):
    """A zone that came into force, since when, and the box around it: west, south, east, north."""

    ref: ZoneRef
    starts_at: datetime
    bounds: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneDraft:
    """A zone that somebody wants: what it is, not yet whose. ``area`` is valid, WGS 84, lon lat."""

    name: str
    area: MultiPolygon
    description: str = ""
    band: AltitudeBand = EVERY_HEIGHT
    validity: TimeWindow = ALWAYS
    dwell_after: timedelta | None = None
    is_active: bool = True


class ZoneChanges(TypedDict, total=False):
    """What ``update_zone`` can change; what is absent stays."""

    kind: ZoneKind
    organisation: Organisation
    name: str
    description: str
    area: MultiPolygon
    band: AltitudeBand
    validity: TimeWindow
    dwell_after: timedelta | None
    is_active: bool


class ZoneKindChanges(TypedDict, total=False):
    """What ``update_zone_kind`` can change; what is absent stays. The slug stays for ever: zones show it."""

    name: str
    label: str
    colour: str
    lifecycle: str
    constraint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureRead:
    """What a feature of a file turned out to be: a draft, or errors. ``kind`` is a slug, empty when not told.

    ``key`` is what its source calls it, empty when nobody asked for it.
    """

    name: str
    kind: str = ""
    key: str = ""
    draft: ZoneDraft | None = None
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRow:
    """What became of one feature of an import. ``index`` counts from 0, as the file's array does.

    ``change`` is ``None`` for a zone that was there already and is as the file says.
    """

    index: int
    name: str
    errors: Sequence[FieldError] = ()
    zone_id: ZoneId | None = None
    change: Change | None = Change.CREATED


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import did, or would do, row by row. Either every row became a zone, or none did."""

    rows: tuple[ImportRow, ...]
    is_dry_run: bool = False

    @property
    def faulty(self) -> tuple[ImportRow, ...]:
        """Return the rows that stopped the import."""
        return tuple(row for row in self.rows if row.errors)

    @property
    def imported(self) -> int:
        """Return how many zones were made."""
        return sum(row.zone_id is not None and row.change is Change.CREATED for row in self.rows)

    @property
    def summary(self) -> str:
        """Return what was done, or would be, in a sentence or two."""
        made, updated, kept = (self.count(change) for change in (Change.CREATED, Change.UPDATED, None))
        would = "would be " if self.is_dry_run else ""
        also = f" {updated} {would}updated, {kept} as they were." if updated or kept else ""
        return f"{made} zones {would}imported.{also}"

    def count(self, change: Change | None) -> int:
        """Return how many rows make, change or (``None``) leave a zone, also when nothing was written yet."""
        return sum(row.change is change for row in self.rows)
