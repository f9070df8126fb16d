"""Publishing what happened to incidents and rules."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from apps.access.types import Actor
from apps.core.types import Feature
from apps.events.rules import feature_object
from apps.events.services import publish
from apps.events.types import Change, NewEvent
from apps.incidents.models import Incident, Rule
from apps.incidents.published import incident_feature, rule_feature


def tell_incidents(
    event_type: str, incidents: Sequence[Incident], *, before: Sequence[Feature], actor: Actor, at: datetime
) -> None:
    """Publish that incidents were updated, each with what it was before."""
    publish(
        [
            NewEvent(
                type=event_type,
                noun="incidents",
                object_id=incident.id,
                organisation_id=incident.organisation_id,
                change=Change.UPDATED,
                object=feature_object(incident_feature(incident)),
                previous=feature_object(previous),
            )
            for incident, previous in zip(incidents, before, strict=True)
        ],
        actor=actor,
        at=at,
    )


def tell_rule(change: Change, rule: Rule, *, before: Feature | None, actor: Actor, at: datetime) -> None:
    """Publish what happened to a rule."""
    moved = before is not None and before.organisation_id != rule.organisation_id
    event = NewEvent(
        type=f"watchfloor.rule.{change}.v1",
        noun="rules",
        object_id=rule.id,
        organisation_id=rule.organisation_id,
        previous_organisation_id=before.organisation_id if before and moved else None,
        change=change,
        object=None if change is Change.DELETED else feature_object(rule_feature(rule)),
        previous=feature_object(before) if before else None,
    )
    publish([event], actor=actor, at=at)
