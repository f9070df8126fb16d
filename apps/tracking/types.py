"""The values of tracking: what comes in, what is believed of an asset, and what is found."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from apps.access.types import Actor
from apps.assets.types import AssetRef
from apps.core.types import AssetId, Fix, ZoneId
from apps.incidents.types import FindingKind, OperationSnapshot


class Connectivity(enum.StrEnum):
    """How old the latest fix of an asset is, by the limits of its kind."""

    ONLINE = "online"
    LATE = "late"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Report:
    """One fix and whose it is: ``scheme:value``, the asset's id, or the asset where a device stood for it."""

    asset: str | AssetRef
    fix: Fix


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Something sent to us that is no fix, and that sending again cannot mend.

    ``payload`` is what came, as text, for whoever looks into the quarantine.
    """

    code: str
    detail: str
    asset: str = ""
    payload: str = ""


Item: TypeAlias = Report | Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What one sender sent at once. ``source`` is the slug of a registered source."""

    actor: Actor
    source: str
    received_at: datetime
    items: Sequence[Item]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """One item that was kept aside; ``index`` counts from 0 in what was sent."""

    index: int
    code: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestResult:
    """What became of one submission. ``stored`` + ``duplicate`` + quarantined is what was sent."""

    stored: int
    duplicate: int
    quarantined: tuple[Quarantined, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """The time that an asset spent in a zone, half-open; ``left_at`` is ``None`` while it is inside.

    ``dwelt_at`` is when it had stayed as long as the zone's ``dwell_after``, if it ever had.
    """

    zone_id: ZoneId
    entered_at: datetime
    left_at: datetime | None = None
    dwelt_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """What we believe now about one asset: its latest fix, where it is staying, and whether it is heard of.

    ``fixed_at`` is ``None`` before the first fix. ``stays`` are open ones, in the order of their zones' ids.
    """

    asset_id: AssetId
    fixed_at: datetime | None = None
    connectivity: Connectivity = Connectivity.LOST
    stays: tuple[Stay, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Something found about an asset. ``since`` is when what it speaks of began (a dwell: the entry)."""

    kind: FindingKind
    at: datetime
    zone_id: ZoneId | None = None
    since: datetime | None = None
    operation: OperationSnapshot | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What a late fix changes in what had been found: ``before`` becomes ``after``.

    ``before`` is ``None`` for a fact that was missed, ``after`` for one that never was.
    """

    before: Fact | None
    after: Fact | None
