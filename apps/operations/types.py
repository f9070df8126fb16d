"""The values that operations hands to other apps, and the ones that its services take."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, TypedDict
from uuid import UUID

from apps.core.types import Conflict, OrganisationId
from apps.lifecycle.types import Category
from apps.zones.types import EVERY_HEIGHT, AltitudeBand

if TYPE_CHECKING:
    from shapely import MultiPolygon


LIFECYCLE: Final = "operation"
OVER: Final = Category.DONE.value
# Any lifecycle of operations holds space in states of these names, and in no others.
HOLDING: Final = frozenset({"submitted", "in_review", "approved", "active", "nonconforming", "contingent"})
# While it is in one of these, somebody may still be asked about it.
IN_REVIEW: Final = frozenset({"submitted", "in_review"})
# While it is in one of these, its assets are watched.
RUNNING: Final = frozenset({"active", "nonconforming", "contingent"})

Position: TypeAlias = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """A footprint that was given as polygons: WGS 84, lon lat, valid."""

    polygons: MultiPolygon


@dataclass(frozen=True, slots=True, kw_only=True)
class Circle:
    """A footprint of everything within ``radius_m`` of a place (degrees, lon lat), measured on the ellipsoid."""

    centre: Position
    radius_m: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Corridor:
    """A footprint of everything within half of ``width_m`` of a line (degrees, lon lat), its ends rounded."""

    line: tuple[Position, ...]
    width_m: float


Shape: TypeAlias = Area | Circle | Corridor


@dataclass(frozen=True, slots=True, kw_only=True)
class Recurrence:
    """A weekly rule (RFC 5545, a subset) and the IANA name of the time zone in which it is meant."""

    rule: str
    time_zone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedVolume:
    """An area, a band of heights and a time: ``starts_at`` and ``ends_at``, or the first of those that recur."""

    footprint: MultiPolygon
    band: AltitudeBand = EVERY_HEIGHT
    starts_at: datetime
    ends_at: datetime
    recurrence: Recurrence | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeDraft(PlannedVolume):
    """A volume that somebody plans, by its shape.

    ``footprint`` is the shape as an exact area, at most 1 cm larger where the shape is round.
    """

    shape: Shape


@dataclass(frozen=True, slots=True)
class Span:
    """A closed interval of aware instants: both ends belong to it."""

    start: datetime
    end: datetime


ALWAYS: Final = Span(datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume4D:
    """An area, a band of heights and a time, all closed: what is compared with what.

    ``number`` says which volume of its plan this is a time of.
    """

    footprint: MultiPolygon
    band: AltitudeBand
    during: Span
    number: int = 1


class Meeting(enum.Enum):
    """Whether two volumes share a point of space and time; ``UNKNOWN`` where their heights cannot be compared."""

    APART = "apart"
    MEET = "meet"
    UNKNOWN = "unknown"


class Verdict(enum.StrEnum):
    """What follows for whoever plans a volume that meets another's, or a zone."""

    REFUSED = "refused"
    NEEDS_APPROVAL = "needs_approval"
    OVERRULES = "overrules"
    SHARED = "shared"
    CONDITIONAL = "conditional"
    ADVISORY = "advisory"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What decides who gives way: the higher number goes first; equals may share where both kinds say so."""

    priority: int = 0
    may_share: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A piece of space and time that an operation holds, as ``find_conflicts`` found it to meet a wanted one.

    ``place`` is that of the wanted volume in the list that was asked about, ``version`` that of the operation when it
    was found to have this volume.
    """

    place: int
    operation_id: UUID
    version: int
    volume: Volume4D
    meeting: Meeting


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationRef:
    """What others need to know of an operation that holds space."""

    id: UUID
    organisation_id: OrganisationId
    kind_id: UUID
    title: str
    contact: str
    state: str
    standing: Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationConflict:
    """Another operation in the way, or that one is in the way of: with every volume of it that is met."""

    other: OperationRef
    verdict: Verdict
    meeting: Meeting
    held: Sequence[Held]

    @property
    def version(self) -> int:
        """Return the version of the other that was found to hold this, or an older one."""
        return min(each.version for each in self.held)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneConflict:
    """A zone that bears on what is planned, by its kind. ``place`` is that of the first wanted volume in it."""

    zone_id: UUID
    organisation_id: OrganisationId
    name: str
    verdict: Verdict
    meeting: Meeting
    volume: Volume4D
    place: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """By how much volumes are moved: so much later, so much higher (negative is lower)."""

    later: timedelta = timedelta(0)
    higher_m: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeWindow:
    """A shift by which volumes are free, and the same volumes, in their order, moved by it."""

    shift: Shift
    volumes: Sequence[PlannedVolume]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """All that bears on volumes that somebody wants to hold: what refuses them, and what does not."""

    operations: Sequence[OperationConflict] = ()
    zones: Sequence[ZoneConflict] = ()

    @property
    def is_refused(self) -> bool:
        """Say whether something refuses them."""
        verdicts = [*(each.verdict for each in self.operations), *(each.verdict for each in self.zones)]
        return Verdict.REFUSED in verdicts


class SpaceConflict(Conflict):
    """What was planned meets what others hold (409); ``details`` have ``conflicts`` and ``free``."""

    code = "space_conflict"


class Reason(enum.StrEnum):
    """Why somebody has to agree to an operation."""

    ZONE = "zone"
    ORGANISATION = "organisation"
    RULE = "rule"
    NOT_COMPARABLE = "not_comparable"
    NOT_SHARED = "not_shared"


class Decision(enum.StrEnum):
    """What has become of an approval that was asked for."""

    OPEN = "open"
    APPROVED = "approved"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationDraft:
    """An operation that somebody wants: what it is, not yet whose."""

    title: str
    volumes: Sequence[VolumeDraft]
    description: str = ""
    contact: str = ""
    priority: int | None = None
    asset_ids: Sequence[UUID] = field(default_factory=tuple)


class OperationChanges(TypedDict, total=False):
    """What ``update_operation`` can change; what is absent stays."""

    title: str
    description: str
    contact: str
    priority: int
    volumes: Sequence[VolumeDraft]
    asset_ids: Sequence[UUID]


class OperationKindChanges(TypedDict, total=False):
    """What ``update_operation_kind`` can change; what is absent stays. The slug stays for ever."""

    name: str
    colour: str
    lifecycle: str
    default_priority: int
    may_share: bool
    is_reviewed: bool
    tolerance_m: float
    nonconforming_after: timedelta
    contingent_after: timedelta | None


class ReviewRuleChanges(TypedDict, total=False):
    """What ``update_review_rule`` can change; what is absent stays. The organisation stays for ever."""

    name: str
    description: str
    condition: str
    is_enabled: bool


class ApprovalChanges(TypedDict, total=False):
    """What ``decide_approval`` takes."""

    decision: Literal["open", "approved", "rejected"]
    note: str
