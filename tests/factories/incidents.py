"""Rules, findings and incidents, made as they are made everywhere: through their services."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count
from typing import Unpack
from uuid import UUID

from apps.access.models import Organisation
from apps.access.types import SYSTEM
from apps.core.ids import new_id
from apps.core.types import AssetId, Fix, OrganisationId, ZoneId
from apps.incidents import services
from apps.incidents.models import Incident, Rule
from apps.incidents.types import AssetSnapshot, Finding, FindingKind, RuleChanges, Severity, ZoneSnapshot
from apps.lifecycle.services import advance
from tests.factories.core import NOON

VESSEL = UUID("00000000-0000-7000-8000-000000000001")
SECURITY_ZONE = UUID("00000000-0000-7000-8000-000000000002")
# The shortest way to each state.
WAYS = {
    "open": (),
    "acknowledged": ("acknowledge",),
    "escalated": ("escalate",),
    "resolved": ("resolve",),
    "closed": ("resolve", "close"),
    "reopened": ("resolve", "reopen"),
}

_number = count(1)


def make_asset(organisation_id: UUID, *, name: str = "Tug 7", kind_id: UUID = VESSEL) -> AssetSnapshot:
    """Return an asset as a finding speaks of it."""
    return AssetSnapshot(
        id=AssetId(new_id()),
        name=name,
        kind_id=kind_id,
        organisation_id=OrganisationId(organisation_id),
        identifiers=("mmsi:367000001",),
    )


def make_zone(organisation_id: UUID, *, name: str = "Pier 9", kind_id: UUID = SECURITY_ZONE) -> ZoneSnapshot:
    """Return a zone as a finding speaks of it."""
    return ZoneSnapshot(
        id=ZoneId(new_id()), name=name, kind_id=kind_id, organisation_id=OrganisationId(organisation_id), version=3
    )


def make_finding(
    asset: AssetSnapshot,
    zone: ZoneSnapshot | None = None,
    *,
    kind: FindingKind = FindingKind.ENTERED,
    at: datetime = NOON,
) -> Finding:
    """Return a finding at an instant, with the fix that shows it."""
    fix = Fix(fixed_at=at, lon=-74.03, lat=40.47, speed_mps=4.5, course_deg=182.0)
    return Finding(kind=kind, asset=asset, zone=zone, fix=fix, effective_at=at)


def make_rule(organisation: Organisation, **terms: Unpack[RuleChanges]) -> Rule:
    """Return an enabled rule about everything that enters a zone, unless its terms say otherwise."""
    filled: RuleChanges = {"name": f"Rule {next(_number)}", "finding": FindingKind.ENTERED, "severity": Severity.HIGH}
    filled.update(terms)
    return services.create_rule(organisation=organisation, actor=SYSTEM, at=NOON, **filled)


def make_incident(
    organisation: Organisation,
    *,
    state: str = "open",
    title: str = "A tug drifts",
    escalate_after: timedelta | None = None,
    at: datetime = NOON,
) -> Incident:
    """Return an incident opened by hand and brought to a state."""
    incident = services.open_incident(
        organisation=organisation, title=title, escalate_after=escalate_after, actor=SYSTEM, at=at
    )
    for transition in WAYS[state]:
        incident = advance(incident, transition, actor=SYSTEM, at=at, reason="test")
    return incident
