"""Publishing what happened to incidents and rules."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from apps.access.types import Actor
from apps.core.types import Feature
from apps.events.rules import changed
from apps.events.services import publish
from apps.events.types import Change
from apps.incidents.models import Incident, Rule
from apps.incidents.published import incident_feature, rule_feature


def tell_incidents(
    event_type: str, incidents: Sequence[Incident], *, before: Sequence[Feature], actor: Actor, at: datetime
) -> None:
    """Publish that incidents were updated, each with what it was before."""
    told = [
        changed(event_type, "incidents", Change.UPDATED, before=previous, after=incident_feature(incident))
        for incident, previous in zip(incidents, before, strict=True)
    ]
    publish(told, actor=actor, at=at)


def tell_rule(change: Change, rule: Rule, *, before: Feature | None, actor: Actor, at: datetime) -> None:
    """Publish what happened to a rule."""
    after = None if change is Change.DELETED else rule_feature(rule)
    publish([changed(f"watchfloor.rule.{change}.v1", "rules", change, before=before, after=after)], actor=actor, at=at)
