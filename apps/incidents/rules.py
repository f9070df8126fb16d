"""Deciding what findings lead to. Pure: findings, rules and instants in, decisions out.

Also the JSON of a finding, as evidence and pending findings keep it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from apps.core.types import AssetId, Datum, FieldError, Fix, OrganisationId, ZoneId
from apps.incidents.types import AssetSnapshot, Finding, FindingKind, OperationSnapshot, RuleTerms, ZoneSnapshot

# A finding of the first kind says that those of the others are no longer true, for the same asset and place.
ENDS: Final[Mapping[FindingKind, frozenset[FindingKind]]] = {
    FindingKind.ENTERED: frozenset({FindingKind.LEFT}),
    FindingKind.LEFT: frozenset({FindingKind.ENTERED, FindingKind.DWELT}),
    FindingKind.DWELT: frozenset(),
    FindingKind.LOST_CONTACT: frozenset({FindingKind.REGAINED_CONTACT}),
    FindingKind.REGAINED_CONTACT: frozenset({FindingKind.LOST_CONTACT}),
    FindingKind.INTRUDED: frozenset({FindingKind.WITHDREW}),
    FindingKind.WITHDREW: frozenset({FindingKind.INTRUDED}),
}
WORDS: Final[Mapping[FindingKind, str]] = {
    FindingKind.ENTERED: "entered",
    FindingKind.LEFT: "left",
    FindingKind.DWELT: "stays in",
    FindingKind.LOST_CONTACT: "lost contact",
    FindingKind.REGAINED_CONTACT: "regained contact",
    FindingKind.INTRUDED: "intrudes on",
    FindingKind.WITHDREW: "withdrew from",
}
PLACEHOLDERS: Final = ("asset", "zone", "finding")
LONGEST_TITLE: Final = 300
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A rule and a finding that it is about."""

    rule: RuleTerms
    finding: Finding

    @property
    def due_at(self) -> datetime:
        """Return until when the finding must stay true before the rule acts."""
        return self.finding.effective_at + self.rule.hysteresis

    @property
    def dedupe_key(self) -> str:
        """Return what an incident about this is about: rule, asset and place."""
        return dedupe_key(self.rule.id, self.finding)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """From ``at`` on, earlier findings of these kinds, about this asset and zone or operation, are no longer true."""

    kinds: frozenset[FindingKind]
    asset_id: UUID
    place_id: UUID | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a batch of findings leads to: endings first, then what acts now, then what has to wait."""

    endings: Sequence[Ending]
    acting: Sequence[Match]
    waiting: Sequence[Match]


def plan(findings: Iterable[Finding], rules: Sequence[RuleTerms], lineages: Mapping[UUID, frozenset[UUID]]) -> Plan:
    """Return what the findings lead to, in the order in which they were true.

    ``lineages`` gives every organisation with all above it, itself included. A finding that has to wait and is
    ended within the batch leads to nothing, unless it had stayed true for long enough by then.
    """
    endings: list[Ending] = []
    acting: list[Match] = []
    waiting: dict[str, Match] = {}
    for finding in sorted(findings, key=lambda each: each.effective_at):
        if ending := ending_of(finding):
            endings.append(ending)
            for key in [key for key, match in waiting.items() if concerns(ending, match.finding)]:
                match = waiting.pop(key)
                if match.due_at <= ending.at:
                    acting.append(match)
        for rule in rules:
            if not applies(rule, finding, lineages):
                continue
            match = Match(rule=rule, finding=finding)
            if rule.hysteresis:
                waiting.setdefault(match.dedupe_key, match)
            else:
                acting.append(match)
    return Plan(endings=endings, acting=acting, waiting=tuple(waiting.values()))


def applies(rule: RuleTerms, finding: Finding, lineages: Mapping[UUID, frozenset[UUID]]) -> bool:
    """Say whether a rule is about a finding: its kind, its selectors, and everything within its organisation."""
    zone = finding.zone
    if rule.finding != finding.kind or rule.asset_kind_id not in (None, finding.asset.kind_id):
        return False
    if rule.zone_id is not None and (zone is None or zone.id != rule.zone_id):
        return False
    if rule.zone_kind_id is not None and (zone is None or zone.kind_id != rule.zone_kind_id):
        return False
    return all(rule.organisation_id in lineages.get(owner, frozenset()) for owner in finding.owners)


def ending_of(finding: Finding) -> Ending | None:
    """Return what the finding puts an end to, if anything."""
    kinds = ENDS[finding.kind]
    if not kinds:
        return None
    return Ending(kinds=kinds, asset_id=finding.asset.id, place_id=finding.place_id, at=finding.effective_at)


def concerns(ending: Ending, finding: Finding) -> bool:
    """Say whether an ending is about a finding."""
    same_place = (finding.asset.id, finding.place_id) == (ending.asset_id, ending.place_id)
    return same_place and finding.kind in ending.kinds and finding.effective_at <= ending.at


def joins(match: Match, *, is_over: bool, last_found_at: datetime) -> bool:
    """Say whether a match belongs to an incident about the same.

    One that is not over takes all; one that is over takes what was found within the rule's window, before or after.
    """
    return not is_over or abs(match.finding.effective_at - last_found_at) <= match.rule.dedupe_window


def dedupe_key(rule_id: UUID, finding: Finding) -> str:
    """Return the key under which incidents of one rule about one asset and place are the same."""
    return f"{rule_id}:{finding.asset.id}:{finding.place_id or '-'}"


def title(template: str, finding: Finding) -> str:
    """Return a rule's title for a finding; what does not apply leaves no gap. An operation stands for a zone."""
    words = {
        "asset": finding.asset.name,
        "zone": finding.zone.name if finding.zone else finding.operation.title if finding.operation else "",
        "finding": WORDS[finding.kind],
    }
    filled = _PLACEHOLDER.sub(lambda found: words.get(found[1], found[0]), template)
    return " ".join(filled.split())[:LONGEST_TITLE] or WORDS[finding.kind]


def template_errors(template: str, pointer: str = "/title_template") -> Iterator[FieldError]:
    """Yield what is wrong with a title template."""
    for name in _PLACEHOLDER.findall(template):
        if name not in PLACEHOLDERS:
            known = ", ".join(f"{{{each}}}" for each in PLACEHOLDERS)
            detail = f"There is no {{{name}}} to fill in; there are {known}."
            yield FieldError(pointer=pointer, code="unknown_placeholder", detail=detail)


def finding_json(finding: Finding) -> dict[str, Any]:
    """Return a finding as JSON, whole: ``finding_of_json`` reads it back."""
    return {
        "kind": finding.kind.value,
        "asset": asset_json(finding.asset),
        "zone": zone_json(finding.zone),
        "operation": operation_json(finding.operation),
        "fix": fix_json(finding.fix),
        "effective_at": finding.effective_at.isoformat(),
        "since": finding.since.isoformat() if finding.since else None,
    }


def asset_json(asset: AssetSnapshot) -> dict[str, Any]:
    """Return an asset's snapshot as JSON."""
    return {
        "id": str(asset.id),
        "name": asset.name,
        "kind_id": str(asset.kind_id),
        "organisation_id": str(asset.organisation_id),
        "identifiers": list(asset.identifiers),
    }


def zone_json(zone: ZoneSnapshot | None) -> dict[str, Any] | None:
    """Return a zone's snapshot as JSON."""
    if zone is None:
        return None
    return {
        "id": str(zone.id),
        "name": zone.name,
        "kind_id": str(zone.kind_id),
        "organisation_id": str(zone.organisation_id),
        "version": zone.version,
    }


def operation_json(operation: OperationSnapshot | None) -> dict[str, Any] | None:
    """Return an operation's snapshot as JSON."""
    if operation is None:
        return None
    return {"id": str(operation.id), "title": operation.title, "organisation_id": str(operation.organisation_id)}


def fix_json(fix: Fix | None) -> dict[str, Any] | None:
    """Return a fix as JSON: degrees WGS 84, metres with their datum, metres per second."""
    if fix is None:
        return None
    return {
        "fixed_at": fix.fixed_at.isoformat(),
        "lon": fix.lon,
        "lat": fix.lat,
        "altitude_m": fix.altitude_m,
        "altitude_datum": fix.altitude_datum.value if fix.altitude_datum else None,
        "speed_mps": fix.speed_mps,
        "course_deg": fix.course_deg,
        "heading_deg": fix.heading_deg,
        "accuracy_m": fix.accuracy_m,
        "attributes": dict(fix.attributes),
    }


def finding_of_json(value: Mapping[str, Any]) -> Finding:
    """Return the finding that ``finding_json`` wrote."""
    return Finding(
        kind=FindingKind(value["kind"]),
        asset=_asset_of_json(value["asset"]),
        zone=_zone_of_json(value["zone"]) if value["zone"] else None,
        fix=_fix_of_json(value["fix"]) if value["fix"] else None,
        effective_at=datetime.fromisoformat(value["effective_at"]),
        since=datetime.fromisoformat(value["since"]) if value["since"] else None,
        # What was written before there were operations names none.
        operation=_operation_of_json(value["operation"]) if value.get("operation") else None,
    )


def _asset_of_json(value: Mapping[str, Any]) -> AssetSnapshot:
    return AssetSnapshot(
        id=AssetId(UUID(value["id"])),
        name=value["name"],
        kind_id=UUID(value["kind_id"]),
        organisation_id=OrganisationId(UUID(value["organisation_id"])),
        identifiers=tuple(value["identifiers"]),
    )


def _zone_of_json(value: Mapping[str, Any]) -> ZoneSnapshot:
    return ZoneSnapshot(
        id=ZoneId(UUID(value["id"])),
        name=value["name"],
        kind_id=UUID(value["kind_id"]),
        organisation_id=OrganisationId(UUID(value["organisation_id"])),
        version=value["version"],
    )


def _operation_of_json(value: Mapping[str, Any]) -> OperationSnapshot:
    owner = OrganisationId(UUID(value["organisation_id"]))
    return OperationSnapshot(id=UUID(value["id"]), title=value["title"], organisation_id=owner)


def _fix_of_json(value: Mapping[str, Any]) -> Fix:
    datum = value["altitude_datum"]
    return Fix(
        **{
            **value,
            "fixed_at": datetime.fromisoformat(value["fixed_at"]),
            "altitude_datum": Datum(datum) if datum else None,
        }
    )
