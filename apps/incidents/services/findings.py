"""From findings to incidents: by rule, once per rule, asset and place, and only when a finding has lasted.

The whole batch takes a handful of statements, none of them per finding. It runs inside the transaction that stored
the fixes, so that an incident exists exactly when its evidence does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import Final
from uuid import UUID

import structlog
from django.contrib.gis.geos import Point
from django.db import IntegrityError, connection, transaction
from django.db.models import Q

from apps.access.types import SYSTEM
from apps.core.sweep import work_through
from apps.incidents import rules
from apps.incidents.models import Evidence, Incident, PendingFinding
from apps.incidents.published import UPDATED, incident_feature
from apps.incidents.queries import rules_in_force
from apps.incidents.rules import Ending, Match
from apps.incidents.services.telling import tell_incidents
from apps.incidents.types import OVER, Finding
from apps.lifecycle.rules.durations import pause_after
from apps.lifecycle.services import begin_all, plan_all_timers
from apps.lifecycle.types import Cause

BATCH: Final = 200
LONGEST_ERROR: Final = 2000

log = structlog.get_logger(__name__)

# The keys are hashed; two that share a hash only wait for each other.
_LOCK_KEYS = """
SELECT pg_advisory_xact_lock(hash) FROM (
    SELECT DISTINCT hashtextextended(key, 0) AS hash FROM unnest(%s::text[]) AS key ORDER BY hash
) AS sorted
"""
_END_PENDING = """
DELETE FROM incidents_pendingfinding AS pending
USING unnest(%s::text[], %s::uuid[], %s::uuid[], %s::timestamptz[]) AS ending (kind, asset_id, place_id, at)
WHERE pending.asset_id = ending.asset_id AND pending.place_id IS NOT DISTINCT FROM ending.place_id
  AND pending.kind = ending.kind AND pending.effective_at <= ending.at AND ending.at < pending.due_at
"""

_GROWN: Final = ("id", "last_found_at", "evidence_count", "version", "changed_at")
_GROW: Final = """
UPDATE incidents_incident AS incident SET last_found_at = grown.last_found_at, evidence_count = grown.evidence_count,
    version = grown.version, changed_at = grown.changed_at
FROM unnest(%s::uuid[], %s::timestamptz[], %s::int[], %s::int[], %s::timestamptz[])
    AS grown (id, last_found_at, evidence_count, version, changed_at)
WHERE incident.id = grown.id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """The incidents that findings opened, and those that they joined as further evidence."""

    opened: tuple[UUID, ...] = ()
    joined: tuple[UUID, ...] = ()


@transaction.atomic(savepoint=False)
def record_findings(findings: Sequence[Finding], *, at: datetime) -> Recorded:
    """Act on findings as the rules say: open incidents, add evidence to those there are, or wait.

    In the name of the system, in the caller's transaction. Takes advisory locks on what the incidents are about, in
    one order; two callers that find the same open one incident between them.
    """
    if not findings:
        return Recorded()
    in_force = rules_in_force(findings)
    plan = rules.plan(findings, in_force.rules, in_force.lineages)
    _end_pending(plan.endings)
    _keep_pending(plan.waiting)
    return _open_or_join(plan.acting, at)


def mature_pending(at: datetime) -> int:
    """Act on the findings that have stayed true for long enough; return how many. A tick: safe to run twice."""
    total = 0
    while due := _due_ids(at):
        work_through(due, work=partial(_mature_together, at=at), blame=partial(_blame, at=at))
        total += len(due)
    return total


def _due_ids(at: datetime) -> list[UUID]:
    due = PendingFinding.objects.filter(due_at__lte=at).order_by("due_at", "id")
    return list(due.values_list("id", flat=True)[:BATCH])


@transaction.atomic
def _mature_together(ids: Sequence[UUID], *, at: datetime) -> int:
    """Act on these findings and forget them; what another clock has in hand is waited for, and then gone."""
    rows = PendingFinding.objects.select_for_update(of=("self",)).filter(id__in=ids, due_at__lte=at)
    pending = list(rows.select_related("rule").order_by("id"))
    matches = [
        Match(rule=row.rule.terms, finding=rules.finding_of_json(row.finding)) for row in pending if row.rule.is_enabled
    ]
    PendingFinding.objects.filter(id__in=[row.id for row in pending]).delete()
    _open_or_join(matches, at)
    return len(pending)


@transaction.atomic
def _blame(pending_id: UUID, error: Exception, *, at: datetime) -> None:
    log.error("incidents.pending_failed", pending_id=str(pending_id), exc_info=error)
    for row in PendingFinding.objects.select_for_update().filter(id=pending_id):
        row.attempts += 1
        row.last_error = f"{type(error).__name__}: {error}".replace("\x00", "")[:LONGEST_ERROR]
        row.due_at = at + pause_after(row.attempts)
        row.save(update_fields=["attempts", "last_error", "due_at"])


def _end_pending(endings: Sequence[Ending]) -> None:
    """Forget pending findings that have ceased to be true before they were due."""
    rows = [(kind.value, end.asset_id, end.place_id, end.at) for end in endings for kind in end.kinds]
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(_END_PENDING, [list(column) for column in zip(*rows, strict=True)])


def _keep_pending(matches: Sequence[Match]) -> None:
    """Remember what must last first. One that waits already was found earlier, and stays."""
    if matches:
        PendingFinding.objects.bulk_create([_pending(match) for match in matches], ignore_conflicts=True)


def _pending(match: Match) -> PendingFinding:
    finding = match.finding
    return PendingFinding(
        rule_id=match.rule.id,
        kind=finding.kind.value,
        asset_id=finding.asset.id,
        place_id=finding.place_id,
        effective_at=finding.effective_at,
        due_at=match.due_at,
        finding=rules.finding_json(finding),
    )


def _open_or_join(matches: Sequence[Match], at: datetime) -> Recorded:
    """Open an incident for every key that has none which takes its findings, and add evidence to the others.

    The locks keep two callers apart; an incident that is being reopened by hand takes none, so the unique
    constraint has the last word and the second try sees what it met.
    """
    if not matches:
        return Recorded()
    by_key = _by_key(matches)
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_KEYS, [list(by_key)])
    try:
        with transaction.atomic():
            return _open_or_join_once(by_key, at)
    except IntegrityError:
        return _open_or_join_once(by_key, at)


def _by_key(matches: Sequence[Match]) -> dict[str, list[Match]]:
    ordered = sorted(matches, key=lambda match: (match.dedupe_key, match.finding.effective_at))
    return {key: list(group) for key, group in groupby(ordered, key=attrgetter("dedupe_key"))}


def _open_or_join_once(by_key: Mapping[str, list[Match]], at: datetime) -> Recorded:
    existing = _incidents_of(by_key)
    joined = {existing[key].id: (existing[key], matches) for key, matches in by_key.items() if key in existing}
    opened = [(_incident(matches), matches) for key, matches in by_key.items() if key not in existing]
    _begin(opened, at)
    _grow(list(joined.values()), at)
    Evidence.objects.bulk_create(
        [_evidence(incident, match.finding) for incident, matches in [*opened, *joined.values()] for match in matches]
    )
    return Recorded(opened=tuple(incident.id for incident, _ in opened), joined=tuple(joined))


def _begin(opened: Sequence[tuple[Incident, Sequence[Match]]], at: datetime) -> None:
    """Insert new incidents, those of each lifecycle together."""
    by_lifecycle: defaultdict[str, list[Incident]] = defaultdict(list)
    for incident, matches in opened:
        by_lifecycle[matches[0].rule.lifecycle].append(incident)
    for key, incidents in by_lifecycle.items():
        begin_all(incidents, actor=SYSTEM, at=at, cause=Cause.RULE, key=key or None)


def _incidents_of(by_key: Mapping[str, list[Match]]) -> dict[str, Incident]:
    """Return, locked, the incident of each key that its first match joins, where there is one."""
    first = [matches[0] for matches in by_key.values()]
    earliest = min(match.finding.effective_at - match.rule.dedupe_window for match in first)
    rows = Incident.objects.select_for_update(of=("self",)).filter(
        ~Q(state_category=OVER) | Q(last_found_at__gte=earliest), dedupe_key__in=list(by_key)
    )
    found: dict[str, Incident] = {}
    for incident in rows.order_by("id"):
        key = incident.dedupe_key or ""
        kept = found.get(key)
        if not _takes(incident, by_key[key][0]) or (kept is not None and not kept.is_over):
            continue
        found[key] = incident
    return found


def _takes(incident: Incident, match: Match) -> bool:
    last_found_at = incident.last_found_at or incident.opened_at
    return rules.joins(match, is_over=incident.is_over, last_found_at=last_found_at)


def _incident(matches: Sequence[Match]) -> Incident:
    """Return a new incident about what the matches have in common; it speaks of the first of them."""
    rule, finding = matches[0].rule, matches[0].finding
    return Incident(
        organisation_id=finding.asset.organisation_id,
        rule_id=rule.id,
        finding=finding.kind.value,
        title=rules.title(rule.title_template, finding),
        severity=rule.severity,
        asset_id=finding.asset.id,
        asset_name=finding.asset.name,
        zone_id=finding.zone.id if finding.zone else None,
        zone_name=finding.zone.name if finding.zone else "",
        location=Point(finding.fix.lon, finding.fix.lat, srid=4326) if finding.fix else None,
        escalate_after=rule.escalate_after,
        dedupe_key=matches[0].dedupe_key,
        opened_at=finding.effective_at,
        last_found_at=matches[-1].finding.effective_at,
        evidence_count=len(matches),
    )


def _grow(grown: Sequence[tuple[Incident, Sequence[Match]]], at: datetime) -> None:
    """Count further evidence on incidents that are locked, and tell it."""
    if not grown:
        return
    before = [incident_feature(incident) for incident, _ in grown]
    for incident, matches in grown:
        latest = matches[-1].finding.effective_at
        incident.last_found_at = max(incident.last_found_at or latest, latest)
        incident.evidence_count += len(matches)
        incident.mark_changed(at)
    incidents = [incident for incident, _ in grown]
    columns = [[getattr(incident, name) for incident in incidents] for name in _GROWN]
    with connection.cursor() as cursor:
        cursor.execute(_GROW, columns)
    plan_all_timers(incidents, changed={"last_found_at"})
    tell_incidents(UPDATED, incidents, before=before, actor=SYSTEM, at=at)


def _evidence(incident: Incident, finding: Finding) -> Evidence:
    return Evidence(
        incident=incident,
        finding=finding.kind.value,
        effective_at=finding.effective_at,
        since=finding.since,
        asset=rules.asset_json(finding.asset),
        zone=rules.zone_json(finding.zone),
        operation=rules.operation_json(finding.operation),
        fix=rules.fix_json(finding.fix),
    )
