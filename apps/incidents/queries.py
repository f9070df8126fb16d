"""Reading rules and incidents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.contrib.gis.geos import Polygon
from django.db.models import Count, Q, QuerySet

from apps.access.queries import lineages_of
from apps.core.geometry import SRID
from apps.core.types import BBox
from apps.incidents.models import Comment, Evidence, Incident, PendingFinding, Rule
from apps.incidents.types import OVER, Finding, RuleTerms


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesInForce:
    """The rules that findings may be about, and where every organisation concerned stands in the tree."""

    rules: Sequence[RuleTerms]
    lineages: Mapping[UUID, frozenset[UUID]]


def rules_in_force(findings: Iterable[Finding]) -> RulesInForce:
    """Return what ``rules.plan`` needs to judge the findings: two statements, however many there are."""
    findings = tuple(findings)
    owners = {finding.asset.organisation_id for finding in findings}
    owners |= {finding.zone.organisation_id for finding in findings if finding.zone}
    lineages = lineages_of(owners)
    rules = Rule.objects.filter(
        is_enabled=True,
        finding__in={finding.kind.value for finding in findings},
        organisation__in=frozenset().union(*lineages.values()),
    )
    return RulesInForce(rules=tuple(rule.terms for rule in rules.order_by("id")), lineages=lineages)


def open_incidents() -> QuerySet[Incident]:
    """Return the incidents that something is still to be done about."""
    return Incident.objects.exclude(state__in=OVER)


def incidents_matching(
    incidents: QuerySet[Incident],
    *,
    state: str | None = None,
    is_over: bool | None = None,
    severity: int | None = None,
    bbox: BBox | None = None,
    q: str | None = None,
    ids: Mapping[str, UUID] | None = None,
) -> QuerySet[Incident]:
    """Return the incidents that meet every condition given.

    ``severity`` is the least; ``ids`` are foreign columns by name; ``q`` is looked for in title and names.
    """
    if state is not None:
        incidents = incidents.filter(state=state)
    if is_over is not None:
        incidents = incidents.filter(state__in=OVER) if is_over else incidents.exclude(state__in=OVER)
    if severity is not None:
        incidents = incidents.filter(severity__gte=severity)
    if bbox is not None:
        incidents = incidents.filter(_touches(bbox))
    if q:
        incidents = incidents.filter(Q(title__icontains=q) | Q(asset_name__icontains=q) | Q(zone_name__icontains=q))
    return incidents.filter(**(ids or {}))


def counts_by_state(incidents: QuerySet[Incident]) -> dict[str, int]:
    """Return how many of the incidents are in each state; states without any are absent."""
    counted = incidents.order_by().values_list("state").annotate(count=Count("*"))
    return dict(counted.values_list("state", "count"))


def evidence_of(incident_id: UUID) -> QuerySet[Evidence]:
    """Return what was found about an incident, in the order in which it was true."""
    return Evidence.objects.filter(incident=incident_id).order_by("effective_at", "id")


def comments_on(incident_id: UUID) -> QuerySet[Comment]:
    """Return what was said about an incident, oldest first."""
    return Comment.objects.filter(incident=incident_id).order_by("id")


def pending_findings() -> QuerySet[PendingFinding]:
    """Return the findings that wait for their hysteresis, the next one due first."""
    return PendingFinding.objects.select_related("rule")


def _touches(bbox: BBox) -> Q:
    if bbox.west <= bbox.east:
        return Q(location__intersects=_box(bbox.west, bbox.south, bbox.east, bbox.north))
    return Q(location__intersects=_box(bbox.west, bbox.south, 180.0, bbox.north)) | Q(
        location__intersects=_box(-180.0, bbox.south, bbox.east, bbox.north)
    )


def _box(west: float, south: float, east: float, north: float) -> Polygon:
    box = Polygon.from_bbox((west, south, east, north))
    box.srid = SRID
    return box
