"""What incidents register with access and with the lifecycle engine: who may do what, and what stands against it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Final

from apps.access.registry import register
from apps.access.types import Protected
from apps.incidents.models import Incident, IncidentGroupGrant, IncidentUserGrant, PendingFinding, Rule
from apps.incidents.published import INCIDENT_PROPERTIES, incident_feature, rule_feature
from apps.incidents.types import LIFECYCLE, LONGEST_WAIT, OVER, AlreadyOpen, Severity
from apps.lifecycle import registry as lifecycles
from apps.lifecycle.policy import CALLS
from apps.lifecycle.types import Category, Settable

GOING_ON: Final = frozenset(each.value for each in Category) - {OVER}
LIFECYCLES: Final = Path(__file__).parent / "lifecycles"
MOVES: Final = ("acknowledge", "escalate", "resolve", "close", "reopen")
NEWER_OPEN: Final = "A newer incident about the same is open; go on there."


def register_nouns() -> None:
    """Register incidents and rules. Evidence and comments are parts of their incident and judged as it."""
    register(
        Protected(
            noun="incidents",
            model=Incident,
            actions=("view", "add", "change", "comment", "assign", *MOVES, *CALLS, "share"),
            grants=(IncidentUserGrant, IncidentGroupGrant),
            instant="opened_at",
            while_in=("state_category", GOING_ON),
            feature=incident_feature,
            fields=(*INCIDENT_PROPERTIES, "geometry"),
            place="location",
            copies=("assets.track",),
        )
    )
    register(
        Protected(
            noun="rules",
            model=Rule,
            actions=("view", "add", "change", "delete"),
            feature=rule_feature,
        )
    )
    register(
        Protected(
            noun="pending-findings",
            model=PendingFinding,
            organisation="rule__organisation_id",
            judged_as="rules",
            object_path="rule_id",
        )
    )


def register_lifecycle() -> None:
    """Register the lifecycle of incidents."""
    lifecycles.register(
        lifecycles.Lifecycle(
            noun="incidents",
            word="incident",
            model=Incident,
            feature=incident_feature,
            key=LIFECYCLE,
            stamps=("acknowledged_at", "escalated_at", "resolved_at", "closed_at"),
            fields={
                "severity": Settable(schema={"enum": list(Severity.values)}, column="severity"),
                "description": Settable(schema={"type": "string", "maxLength": 20_000}, column="description"),
                "escalate_after_s": Settable(
                    schema={"type": ["number", "null"], "exclusiveMinimum": 0, "maximum": LONGEST_WAIT.total_seconds()},
                    column="escalate_after",
                    read=lambda seconds: None if seconds is None else timedelta(seconds=seconds),
                ),
            },
            guards={"nothing_newer_open": nothing_newer_open},
            conflicts={"incident_once_while_not_over": lambda: AlreadyOpen(NEWER_OPEN)},
        ),
        definitions=LIFECYCLES,
    )


def nothing_newer_open(incident: Incident) -> str | None:
    """Refuse to reopen an incident while another about the same is not over."""
    if incident.dedupe_key is None:
        return None
    same = Incident.objects.filter(dedupe_key=incident.dedupe_key).exclude(pk=incident.pk)
    return NEWER_OPEN if same.exclude(state_category=OVER).exists() else None
