"""The dashboard's figures: incidents, operations, contact, zones. Each counts only what its person may see.

A number is a disclosure too: whoever may see two vessels reads counts of two vessels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Case, Count, F, Func, QuerySet, UUIDField, Value, When

from apps.access.models import User
from apps.access.queries import visible_in_full as visible
from apps.access.types import Actor
from apps.assets.models import Asset
from apps.incidents.models import Incident
from apps.incidents.types import OVER, Severity
from apps.lifecycle.queries import state_of
from apps.lifecycle.types import State
from apps.operations.models import Approval, Operation
from apps.operations.types import IN_REVIEW, RUNNING, Decision
from apps.tracking.models import Presence
from apps.tracking.types import Connectivity
from apps.zones.models import Zone

HIDDEN = "somebody"
MOST_INCIDENTS = 12
MOST_SILENT = 8
MOST_ZONES = 10
MOST_OPERATIONS = 8
# The worst first; whatever else runs comes after.
STRAYED = ("contingent", "nonconforming")
HEARD_WITHIN = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentLine:
    """One open incident in the list. ``age`` counts from its opening; an assignee who may not be seen is «somebody»."""

    id: UUID
    title: str
    severity: Severity
    state: State | None
    age: timedelta
    assignee: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SeverityCount:
    """How many incidents of one severity are not over, and how many of those nobody has taken yet."""

    severity: Severity
    open: int
    unattended: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SilentAsset:
    """An asset that is late or lost."""

    id: UUID
    name: str
    connectivity: Connectivity
    silence: timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """How many assets are followed, heard of, late and lost. ``heard`` is within the last minute."""

    followed: int
    online: int
    late: int
    lost: int
    heard: int
    silent: Sequence[SilentAsset]


@dataclass(frozen=True, slots=True, kw_only=True)
class OccupiedZone:
    """A zone with somebody inside, and how many."""

    id: UUID
    name: str
    kind: str
    colour: str
    inside: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationLine:
    """An operation that is under way. ``left`` counts to its planned end, and is below zero once that is past."""

    id: UUID
    title: str
    state: State | None
    left: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class UnderWay:
    """How many operations run, how many of them no longer conform, and how many approvals wait for the actor."""

    running: int
    nonconforming: int
    contingent: int
    waiting: int
    operations: Sequence[OperationLine]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """Everything that one person's dashboard shows, true at ``at``."""

    at: datetime
    severities: Sequence[SeverityCount]
    incidents: Sequence[IncidentLine]
    open_incidents: int
    unattended: int
    under_way: UnderWay
    contact: Contact
    zones: Sequence[OccupiedZone]
    zones_in_all: int


def dashboard_of(actor: Actor, *, at: datetime) -> Dashboard:
    """Return what the actor's dashboard shows now: a fixed number of statements, however much there is."""
    not_over = visible(Incident.objects.exclude(state_category=OVER), actor, "incidents.view")
    severities = _severities(not_over)
    return Dashboard(
        at=at,
        severities=severities,
        incidents=_incident_lines(not_over, actor, at),
        open_incidents=sum(each.open for each in severities),
        unattended=sum(each.unattended for each in severities),
        under_way=_under_way(actor, at),
        contact=_contact(actor, at),
        zones=_occupied_zones(actor),
        zones_in_all=visible(Zone.objects.filter(is_active=True), actor, "zones.view").count(),
    )


def visible_stays(actor: Actor) -> dict[UUID, list[UUID]]:
    """Return the visible assets inside each visible zone now; zones without any are left out."""
    presences = visible(Presence.objects.exclude(zone_ids=[]), actor, "assets.track")
    stays = [(asset, zone) for asset, zones in presences.values_list("asset_id", "zone_ids") for zone in zones]
    shown = set(
        visible(Zone.objects.filter(pk__in={zone for _, zone in stays}), actor, "zones.view").values_list(
            "pk", flat=True
        )
    )
    inside: dict[UUID, list[UUID]] = {}
    for asset, zone in stays:
        if zone in shown:
            inside.setdefault(zone, []).append(asset)
    return inside


def _severities(not_over: QuerySet[Incident]) -> list[SeverityCount]:
    counts = not_over.order_by().values_list("severity", "state").annotate(n=Count("*"))
    in_all: Counter[int] = Counter()
    taken: Counter[int] = Counter()
    for severity, state, number in counts:
        in_all[severity] += number
        taken[severity] += number if state == "acknowledged" else 0
    return [
        SeverityCount(severity=each, open=in_all[each], unattended=in_all[each] - taken[each])
        for each in sorted(Severity, reverse=True)
    ]


def _incident_lines(not_over: QuerySet[Incident], actor: Actor, at: datetime) -> list[IncidentLine]:
    worst_first = list(not_over.order_by("-severity", "opened_at", "id")[:MOST_INCIDENTS])
    assignees = User.objects.filter(pk__in={incident.assignee_id for incident in worst_first})
    names = {user.pk: user.label for user in visible(assignees, actor, "users.view")}
    return [
        IncidentLine(
            id=incident.id,
            title=incident.title,
            severity=Severity(incident.severity),
            state=state_of(incident),
            age=max(at - incident.opened_at, timedelta(0)),
            assignee=names.get(incident.assignee_id, HIDDEN) if incident.assignee_id else "",
        )
        for incident in worst_first
    ]


def _under_way(actor: Actor, at: datetime) -> UnderWay:
    running = visible(Operation.objects.filter(state__in=RUNNING), actor, "operations.view")
    counts = dict(running.order_by().values_list("state").annotate(n=Count("*")).values_list("state", "n"))
    worst_first = Case(*(When(state=name, then=Value(place)) for place, name in enumerate(STRAYED)), default=Value(9))
    asked = Approval.objects.filter(decision=Decision.OPEN, operation__state__in=IN_REVIEW)
    return UnderWay(
        running=sum(counts.values()),
        nonconforming=counts.get("nonconforming", 0),
        contingent=counts.get("contingent", 0),
        waiting=visible(asked, actor, "approvals.decide").count(),
        operations=[
            OperationLine(id=each.id, title=each.title, state=state_of(each), left=each.ends_at - at)
            for each in running.defer("area").order_by(worst_first, "ends_at", "id")[:MOST_OPERATIONS]
        ],
    )


def _contact(actor: Actor, at: datetime) -> Contact:
    presences = visible(Presence.objects.filter(fixed_at__isnull=False), actor, "assets.track")
    counts: dict[str, int] = dict(
        presences.order_by().values_list("connectivity").annotate(n=Count("*")).values_list("connectivity", "n")
    )
    return Contact(
        followed=visible(Asset.objects.filter(is_active=True), actor, "assets.track").count(),
        online=counts.get(Connectivity.ONLINE, 0),
        late=counts.get(Connectivity.LATE, 0),
        lost=counts.get(Connectivity.LOST, 0),
        heard=presences.filter(received_at__gt=at - HEARD_WITHIN).count(),
        silent=_silent(presences, at),
    )


def _silent(presences: QuerySet[Presence], at: datetime) -> list[SilentAsset]:
    longest_first = (
        presences.exclude(connectivity=Connectivity.ONLINE)
        .select_related("asset")
        .order_by("-connectivity", "fixed_at")[:MOST_SILENT]
    )
    return [
        SilentAsset(
            id=presence.asset_id,
            name=presence.asset.name,
            connectivity=Connectivity(presence.connectivity),
            silence=at - presence.fixed_at if presence.fixed_at else None,
        )
        for presence in longest_first
    ]


def _occupied_zones(actor: Actor) -> list[OccupiedZone]:
    """Count only visible assets, and name only visible zones: neither tells of the other."""
    stays = (
        visible(Presence.objects.exclude(zone_ids=[]), actor, "assets.track")
        .order_by()
        .annotate(zone=Func(F("zone_ids"), function="unnest", output_field=UUIDField()))
        .values_list("zone")
        .annotate(n=Count("*"))
    )
    inside: dict[UUID, int] = dict(stays.values_list("zone", "n"))
    zones = visible(Zone.objects.filter(pk__in=inside).select_related("kind"), actor, "zones.view")
    occupied = [
        OccupiedZone(id=zone.id, name=zone.name, kind=zone.kind.name, colour=zone.kind.colour, inside=inside[zone.id])
        for zone in zones
    ]
    return sorted(occupied, key=lambda zone: (-zone.inside, zone.name))[:MOST_ZONES]
