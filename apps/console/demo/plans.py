"""What is planned in the demonstration: tows, dredging, a closure for fireworks, drones, some in the way of others.

All windows begin a while from when they are loaded, so that some become active and some end while one looks. Two plans
wait for a word: the heights of one cannot be compared with the closure's, and the other is a tow into a narrow channel,
which the harbour reviews by a rule. One is a draft, which the dredging refuses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from apps.access.models import Organisation
from apps.access.types import SYSTEM
from apps.assets.models import Identifier
from apps.console.demo.cast import DRONES, HARBOUR, TUGS
from apps.core.types import Datum
from apps.operations import services
from apps.operations.models import Operation, OperationKind, ReviewRule
from apps.operations.rules.shapes import footprint_of
from apps.operations.types import OVER, Area, Circle, Corridor, OperationDraft, Recurrence, Shape, VolumeDraft
from apps.zones.types import AltitudeBand

SECOND: Final = timedelta(seconds=1)
MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
CLOCKS: Final = "America/New_York"
EVERY_DAY: Final = "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;COUNT=5"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanKind:
    """A kind of operation, as the map draws it, and who gives way to it."""

    slug: str
    name: str
    colour: str
    priority: int = 10
    may_share: bool = False
    tolerance_m: float = 0.0
    contingent_after: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Something planned: where, from when on after loading and for how long; ``vessels`` take part, by MMSI."""

    title: str
    kind: str
    desk: str
    contact: str
    shape: Shape
    after: timedelta
    lasting: timedelta
    heights: tuple[float, float, Datum] | None = None
    rule: str = ""
    vessels: Sequence[str] = ()
    description: str = ""
    is_submitted: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A rule by which a desk reviews operations: its own, and those of the desks below it."""

    name: str
    desk: str
    condition: str
    description: str = ""


REVIEWS: Final = (
    Review(
        name="Tows in the Kill Van Kull",
        desk=HARBOUR,
        condition="kind = 'tow' AND S_INTERSECTS(geometry, BBOX(-74.150, 40.636, -74.080, 40.652))",
        description="The channel is narrow: tows through it are seen by the harbor watch before they go.",
    ),
)
KINDS: Final = (
    PlanKind(slug="tow", name="Tow", colour="#0284c7", may_share=True, tolerance_m=50, contingent_after=5 * MINUTE),
    PlanKind(slug="dredging", name="Dredging", colour="#92400e", priority=20),
    PlanKind(slug="closure", name="Closure", colour="#be123c", priority=40),
    PlanKind(slug="drone_inspection", name="Inspection by drone", colour="#7c3aed", priority=40, tolerance_m=10),
)
_TUG_DESK: Final = "Tug and Tow Desk, VHF 13"
_HARBOUR_DESK: Final = "New York Harbor Watch, VHF 14"
_DRONE_DESK: Final = "Harbor Drone Services, duty pilot, +1 555 0142"
PLANS: Final = (
    Plan(
        title="Tow of a barge through the Narrows",
        kind="tow",
        desk=TUGS,
        contact=_TUG_DESK,
        shape=Corridor(line=((-74.0508, 40.6209), (-74.0449, 40.6052), (-74.0405, 40.5870)), width_m=600),
        after=20 * SECOND,
        lasting=25 * MINUTE,
        vessels=("366939790",),
    ),
    Plan(
        title="Tow into the Kill Van Kull",
        kind="tow",
        desk=TUGS,
        contact=_TUG_DESK,
        shape=Corridor(line=((-74.0681, 40.6480), (-74.0940, 40.6489), (-74.1200, 40.6440)), width_m=300),
        after=2 * HOUR,
        lasting=HOUR,
        vessels=("367351520",),
    ),
    Plan(
        title="Dredging of the Bay Ridge flats",
        kind="dredging",
        desk=HARBOUR,
        contact=_HARBOUR_DESK,
        shape=Area(
            polygons=footprint_of(Corridor(line=((-74.0475, 40.6560), (-74.0360, 40.6625)), width_m=700)),
        ),
        after=10 * SECOND,
        lasting=6 * HOUR,
        rule=EVERY_DAY,
    ),
    Plan(
        title="Fireworks off Governors Island",
        kind="closure",
        desk=HARBOUR,
        contact=_HARBOUR_DESK,
        shape=Circle(centre=(-74.0255, 40.6885), radius_m=450),
        heights=(0, 300, Datum.AMSL),
        after=3 * HOUR,
        lasting=90 * MINUTE,
        description="Closed to all traffic; the barge is in place an hour before.",
    ),
    Plan(
        title="Bridge inspection, east tower",
        kind="drone_inspection",
        desk=DRONES,
        contact=_DRONE_DESK,
        shape=Circle(centre=(-74.0372, 40.6046), radius_m=220),
        heights=(60, 240, Datum.AMSL),
        after=15 * SECOND,
        lasting=3 * MINUTE,
    ),
    Plan(
        title="Seawall inspection, Governors Island",
        kind="drone_inspection",
        desk=DRONES,
        contact=_DRONE_DESK,
        shape=Corridor(line=((-74.0262, 40.6850), (-74.0215, 40.6838), (-74.0150, 40.6868)), width_m=120),
        heights=(0, 90, Datum.AGL),
        after=3 * HOUR + 30 * MINUTE,
        lasting=40 * MINUTE,
        description="Along the seawall, at most 90 m above the ground.",
    ),
    Plan(
        title="Tow to the Bay Ridge piers",
        kind="tow",
        desk=TUGS,
        contact=_TUG_DESK,
        shape=Corridor(line=((-74.0560, 40.6500), (-74.0420, 40.6600), (-74.0250, 40.6560)), width_m=250),
        after=90 * MINUTE,
        lasting=45 * MINUTE,
        vessels=("367796040",),
        is_submitted=False,
        description="In the way of the dredging: another hour, or round it.",
    ),
)


def load_plans(desks: Mapping[str, Organisation], *, at: datetime) -> int:
    """Plan what is not planned, or is over since; return how many are new. Needs the vessels."""
    kinds = _kinds(at)
    _load_reviews(desks, at)
    titles = [plan.title for plan in PLANS]
    going_on = Operation.objects.filter(title__in=titles).exclude(state_category=OVER)
    known = set(going_on.values_list("title", flat=True))
    missing = [plan for plan in PLANS if plan.title not in known]
    for plan in missing:
        _plan(plan, kinds[plan.kind], desks[plan.desk], at)
    return len(missing)


def _kinds(at: datetime) -> dict[str, OperationKind]:
    found = {each.slug: each for each in OperationKind.objects.filter(slug__in=[kind.slug for kind in KINDS])}
    for kind in KINDS:
        found[kind.slug] = found.get(kind.slug) or services.create_operation_kind(
            slug=kind.slug,
            name=kind.name,
            colour=kind.colour,
            default_priority=kind.priority,
            may_share=kind.may_share,
            tolerance_m=kind.tolerance_m,
            contingent_after=kind.contingent_after,
            actor=SYSTEM,
            at=at,
        )
    return found


def _load_reviews(desks: Mapping[str, Organisation], at: datetime) -> None:
    """Let the desks review what they review; before anything is planned."""
    known = set(ReviewRule.objects.values_list("organisation", "name"))
    for each in REVIEWS:
        if (desks[each.desk].pk, each.name) not in known:
            services.create_review_rule(
                organisation=desks[each.desk],
                name=each.name,
                description=each.description,
                condition=each.condition,
                actor=SYSTEM,
                at=at,
            )


def _plan(plan: Plan, kind: OperationKind, desk: Organisation, at: datetime) -> None:
    draft = OperationDraft(
        title=plan.title,
        description=plan.description,
        contact=plan.contact,
        volumes=[_volume(plan, at)],
        asset_ids=_vessels(plan),
    )
    operation = services.create_operation(draft, kind=kind, organisation=desk, actor=SYSTEM, at=at)
    if plan.is_submitted:
        services.move_operation(operation, "submit", actor=SYSTEM, at=at)


def _volume(plan: Plan, at: datetime) -> VolumeDraft:
    starts_at = at.replace(microsecond=0) + plan.after
    lower_m, upper_m, datum = plan.heights or (None, None, None)
    return VolumeDraft(
        shape=plan.shape,
        footprint=footprint_of(plan.shape),
        band=AltitudeBand(lower_m=lower_m, lower_datum=datum, upper_m=upper_m, upper_datum=datum),
        starts_at=starts_at,
        ends_at=starts_at + plan.lasting,
        recurrence=Recurrence(rule=plan.rule, time_zone=CLOCKS) if plan.rule else None,
    )


def _vessels(plan: Plan) -> list[UUID]:
    found = Identifier.objects.filter(scheme="mmsi", value__in=plan.vessels)
    return list(found.values_list("asset", flat=True))
