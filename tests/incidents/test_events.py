"""What incidents tell: every event is what its schema says, and a snapshot plus the events is the next snapshot."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jsonschema
import pytest

from apps.access.types import SYSTEM
from apps.events.models import Event
from apps.events.registry import event_types, topics
from apps.events.rules import feature_object
from apps.incidents import services
from apps.incidents.models import Incident
from apps.lifecycle import services as lifecycles
from tests.factories.access import Cast, make_cast
from tests.factories.core import NOON, after
from tests.factories.incidents import make_asset, make_finding, make_incident, make_rule, make_zone

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def snapshot() -> dict[str, Any]:
    topic = topics.get("incidents")
    return {str(feature.id): feature_object(feature) for feature in topic.features(topic.queryset())}


def applied(before: dict[str, Any], since: int) -> dict[str, Any]:
    """Return the snapshot that somebody has who had ``before`` and read the events since."""
    state = dict(before)
    for event in Event.objects.filter(noun="incidents", seq__gt=since).order_by("seq"):
        state[str(event.object_id)] = event.data["object"]
    return state


def open_by_rule(cast: Cast) -> None:
    make_rule(cast.harbour, escalate_after=timedelta(minutes=5))
    finding = make_finding(make_asset(cast.harbour.pk), make_zone(cast.harbour.pk))
    services.record_findings([finding], at=NOON)
    services.record_findings([finding], at=after(1))


def escalate_by_clock(cast: Cast) -> None:
    make_incident(cast.harbour, escalate_after=timedelta(minutes=5))
    claim = lifecycles.claim_due(10, after(minutes=6))
    lifecycles.advance_due(claim.fresh, at=after(minutes=6))


def the_only(cast: Cast) -> Incident:
    return Incident.objects.first() or make_incident(cast.harbour)


@pytest.mark.parametrize(
    "change",
    [
        open_by_rule,
        escalate_by_clock,
        lambda cast: make_incident(cast.harbour, state="reopened"),
        lambda cast: lifecycles.advance(the_only(cast), "acknowledge", actor=SYSTEM, at=NOON),
        lambda cast: services.update_incident(the_only(cast).pk, actor=SYSTEM, at=NOON, title="Two tugs", severity=4),
        lambda cast: services.assign_incident(the_only(cast).pk, cast.bob, actor=SYSTEM, at=NOON),
        lambda cast: services.comment_on_incident(the_only(cast).pk, "Look.", actor=SYSTEM, at=NOON),
    ],
)
def test_a_snapshot_and_the_events_make_the_next_snapshot(cast: Cast, change: Callable[[Cast], object]) -> None:
    make_incident(cast.harbour)
    before, since = snapshot(), Event.objects.latest("seq").seq
    change(cast)
    assert applied(before, since) == snapshot()
    assert applied(before, since) != before or Event.objects.latest("seq").type.endswith("commented.v1")


def test_every_event_is_what_its_schema_says(cast: Cast) -> None:
    open_by_rule(cast)
    escalate_by_clock(cast)
    rule = make_rule(cast.harbour)
    services.update_rule(rule.pk, actor=SYSTEM, at=NOON, is_enabled=False)
    services.delete_rule(rule.pk, actor=SYSTEM, at=NOON)
    services.comment_on_incident(the_only(cast).pk, "Look.", actor=SYSTEM, at=NOON)
    told = list(Event.objects.filter(noun__in=["incidents", "rules"]))
    wrong = []
    for event in told:
        validator = jsonschema.Draft202012Validator(event_types.get(event.type).schema)
        wrong += [f"{event.type}: {error.json_path} {error.message}" for error in validator.iter_errors(event.data)]
    assert wrong == []
    assert {event.type.split(".")[1] + "." + event.type.split(".")[2] for event in told} == {
        "incident.created", "incident.updated", "incident.transitioned", "incident.commented",
        "rule.created", "rule.updated", "rule.deleted",
    }  # fmt: skip
