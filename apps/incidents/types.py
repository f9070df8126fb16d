"""Findings as tracking hands them over, and the small vocabularies of rules and incidents."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, TypedDict
from uuid import UUID

from django.db import models

from apps.core.types import AssetId, Conflict, Fix, OrganisationId, ZoneId
from apps.lifecycle.types import Category

if TYPE_CHECKING:
    from apps.assets.models import AssetKind
    from apps.zones.models import Zone, ZoneKind


class FindingKind(enum.StrEnum):
    """What can be detected from fixes and clocks."""

    ENTERED = "entered"
    LEFT = "left"
    DWELT = "dwelt"
    LOST_CONTACT = "lost_contact"
    REGAINED_CONTACT = "regained_contact"
    INTRUDED = "intruded"
    WITHDREW = "withdrew"


class Severity(models.IntegerChoices):
    """How bad; higher is worse, so that a list can be sorted by it."""

    LOW = 1, "Low"
    MODERATE = 2, "Moderate"
    HIGH = 3, "High"
    CRITICAL = 4, "Critical"


# The definition that incidents follow when their rule chooses no other.
LIFECYCLE: Final = "incident"
# What a timer can be asked to wait for; longer is a mistake in the unit.
LONGEST_WAIT: Final = timedelta(days=365)
# The category of the states in which nothing more is to be done.
OVER: Final = Category.DONE.value


class AlreadyOpen(Conflict):
    """Another incident about the same thing is open; ``details["incident"]`` is its id."""

    code = "already_open"


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetSnapshot:
    """An asset as it was when something was found about it. Identifiers are written ``scheme:value``."""

    id: AssetId
    name: str
    kind_id: UUID
    organisation_id: OrganisationId
    identifiers: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneSnapshot:
    """A zone as it was when something was found about it; ``version`` says which of its versions."""

    id: ZoneId
    name: str
    kind_id: UUID
    organisation_id: OrganisationId
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationSnapshot:
    """An operation as it was when something was found about it."""

    id: UUID
    title: str
    organisation_id: OrganisationId


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One fact about one asset, and one zone or operation where it is about one.

    ``effective_at`` is when it became true; ``since`` is when what it speaks of began (a dwell: the entry; a
    loss of contact: the last fix). ``fix`` is the fix that shows it, or the last one known.
    """

    kind: FindingKind
    asset: AssetSnapshot
    zone: ZoneSnapshot | None
    fix: Fix | None
    effective_at: datetime
    since: datetime | None = None
    operation: OperationSnapshot | None = None

    @property
    def place_id(self) -> UUID | None:
        """Return the id of the zone or the operation that it is about."""
        place = self.zone or self.operation
        return place.id if place else None

    @property
    def owners(self) -> frozenset[OrganisationId]:
        """Return whose the things are that it is about."""
        things = (self.asset, self.zone, self.operation)
        return frozenset(each.organisation_id for each in things if each is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTerms:
    """A rule as findings are judged by it. ``None`` in a selector means any."""

    id: UUID
    organisation_id: UUID
    finding: FindingKind
    zone_id: UUID | None = None
    zone_kind_id: UUID | None = None
    asset_kind_id: UUID | None = None
    severity: Severity = Severity.MODERATE
    hysteresis: timedelta = timedelta(0)
    dedupe_window: timedelta = timedelta(0)
    escalate_after: timedelta | None = None
    title_template: str = "{asset} {finding} {zone}"
    lifecycle: str = ""


class IncidentChanges(TypedDict, total=False):
    """What ``update_incident`` can change; what is absent stays."""

    title: str
    description: str
    severity: int
    escalate_after: timedelta | None


class RuleChanges(TypedDict, total=False):
    """The terms of a rule; what is absent stays, or is what the model says."""

    name: str
    finding: str
    zone_kind: ZoneKind | None
    zone: Zone | None
    asset_kind: AssetKind | None
    severity: int
    hysteresis: timedelta
    dedupe_window: timedelta
    escalate_after: timedelta | None
    title_template: str
    lifecycle: str
    is_enabled: bool
