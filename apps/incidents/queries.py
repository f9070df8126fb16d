"""Reading rules and incidents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.contrib.gis.geos import Polygon
from django.db import connection
from django.db.models import Count, Q, QuerySet

from apps.access.queries import VERSION_SQL as ACCESS_VERSION_SQL
from apps.access.queries import lineages_of
from apps.core.geometry import SRID
from apps.core.types import BBox
from apps.incidents.models import Comment, Evidence, Incident, PendingFinding, Rule
from apps.incidents.types import OVER, Finding, RuleTerms

_VERSION_SQL: Final = "SELECT version FROM incidents_ruleset"
_VERSIONS: Final = ", ".join(f"coalesce(({sql}), 0)" for sql in (_VERSION_SQL, ACCESS_VERSION_SQL))


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesInForce:
    """The rules that findings may be about, and where every organisation concerned stands in the tree."""

    rules: Sequence[RuleTerms]
    lineages: Mapping[UUID, frozenset[UUID]]


def rules_in_force(findings: Iterable[Finding]) -> RulesInForce:
    """Return what ``rules.plan`` needs to judge the findings: one small statement while no rule or right changes."""
    findings = tuple(findings)
    book = _rulebook()
    owners = {owner for finding in findings for owner in finding.owners}
    lineages = book.lineages_of(owners)
    concerned = frozenset[UUID]().union(*lineages.values())
    kinds = {finding.kind for finding in findings}
    rules = (rule for rule in book.rules if rule.organisation_id in concerned and rule.finding in kinds)
    return RulesInForce(rules=tuple(rules), lineages=lineages)


def open_incidents() -> QuerySet[Incident]:
    """Return the incidents that something is still to be done about."""
    return Incident.objects.exclude(state_category=OVER)


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
        incidents = incidents.filter(state_category=OVER) if is_over else incidents.exclude(state_category=OVER)
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


class _Rulebook:
    """The enabled rules and the lineages asked for, as they were at one version of rules and of access."""

    def __init__(self, versions: tuple[int, int]) -> None:
        self.versions = versions
        self.rules = tuple(rule.terms for rule in Rule.objects.filter(is_enabled=True).order_by("id"))
        self._lineages: dict[UUID, frozenset[UUID]] = {}

    def lineages_of(self, organisation_ids: AbstractSet[UUID]) -> Mapping[UUID, frozenset[UUID]]:
        """Return each organisation with all above it; others may be among them."""
        if not self._lineages.keys() >= organisation_ids:
            self._lineages |= lineages_of(organisation_ids)
        return {each: self._lineages[each] for each in organisation_ids if each in self._lineages}


def _rulebook() -> _Rulebook:
    """Return the rules as this transaction sees them. Versions first: a change in between is read again next time."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {_VERSIONS}")
        versions = cursor.fetchone()
    book = _kept.rulebook
    if book is None or book.versions != versions:
        book = _kept.rulebook = _Rulebook(versions)
    return book


class _Kept:
    """The rules that this process read last. Threads that read them at once all read what is true for them."""

    def __init__(self) -> None:
        self.rulebook: _Rulebook | None = None


_kept = _Kept()


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
