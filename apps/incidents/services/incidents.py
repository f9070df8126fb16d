"""Incidents by hand: opened, changed, assigned, commented on. Their states are moved by ``lifecycle``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, Unpack
from uuid import UUID

from django.contrib.gis.geos import Point
from django.db import transaction

from apps.access.models import Organisation, User
from apps.access.queries import actor_of_user, authorize, authorize_image, authorize_in, permits
from apps.access.types import Actor
from apps.core.locks import lock
from apps.core.text import text_error
from apps.core.types import Feature, FieldError, Invalid
from apps.incidents.models import Comment, Incident
from apps.incidents.published import COMMENTED, UPDATED, incident_feature
from apps.incidents.services.telling import tell_incidents
from apps.incidents.types import LONGEST_WAIT, IncidentChanges, Severity
from apps.lifecycle.services import begin, plan_timers

LONGEST_TITLE: Final = 300
LONGEST_TEXT: Final = 20_000


@transaction.atomic
def open_incident(
    *,
    organisation: Organisation,
    title: str,
    severity: int = Severity.MODERATE,
    description: str = "",
    location: Point | None = None,
    escalate_after: timedelta | None = None,
    actor: Actor,
    at: datetime,
) -> Incident:
    """Return a new incident that somebody reports, rather than a rule. Raises ``NotAllowed``, ``Invalid``."""
    authorize_in(actor, "incidents.add", organisation.pk)
    incident = Incident(
        organisation=organisation,
        title=title.strip(),
        severity=severity,
        description=description.strip(),
        location=location,
        escalate_after=escalate_after,
        opened_at=at,
    )
    _check(incident)
    begun = begin(incident, actor=actor, at=at)
    authorize_image(actor, "incidents.add", begun)
    return begun


@transaction.atomic
def update_incident(
    incident_id: UUID,
    *,
    actor: Actor,
    at: datetime,
    expected_version: int | None = None,
    **changes: Unpack[IncidentChanges],
) -> Incident:
    """Return the incident as changed. A new ``escalate_after`` counts from when it entered its state.

    Locks the incident. Nothing to change is no change: the version stays and no event is written.
    """
    incident = lock(Incident.objects.select_related("assignee"), incident_id)
    authorize(actor, "incidents.change", incident)
    incident.require_version(expected_version)
    before = incident_feature(incident)
    for name, value in changes.items():
        setattr(incident, name, value.strip() if isinstance(value, str) else value)
    _check(incident)
    authorize_image(actor, "incidents.change", incident)
    if _save_changed(incident, before, actor=actor, at=at) and "escalate_after" in changes:
        plan_timers(incident)
    return incident


@transaction.atomic
def assign_incident(
    incident_id: UUID,
    assignee: User | None,
    *,
    actor: Actor,
    at: datetime,
    expected_version: int | None = None,
) -> Incident:
    """Return the incident, now in somebody's hands, or in nobody's. Raises ``Invalid`` for who may not see it."""
    incident = lock(Incident.objects.select_related("assignee"), incident_id)
    authorize(actor, "incidents.assign", incident)
    incident.require_version(expected_version)
    if assignee is not None and not _may_see(assignee, incident, by=actor):
        detail = f"{assignee.label} may not see this incident."
        error = FieldError(pointer="/assignee_id", code="may_not_see", detail=detail)
        raise Invalid("It cannot be assigned to somebody who may not see it.", errors=[error])
    before = incident_feature(incident)
    incident.assignee = assignee
    authorize_image(actor, "incidents.assign", incident)
    _save_changed(incident, before, actor=actor, at=at)
    return incident


@transaction.atomic
def comment_on_incident(incident_id: UUID, text: str, *, actor: Actor, at: datetime) -> Comment:
    """Return a new comment. The incident itself, and so its version, stays as it is."""
    incident = lock(Incident.objects.select_related("assignee"), incident_id)
    authorize(actor, "incidents.comment", incident)
    text = text.strip()
    if errors := [*text_error(text, "/text", max_length=LONGEST_TEXT, is_multiline=True)]:
        raise Invalid("This is no comment.", errors=errors)
    comment = Comment.objects.create(
        incident=incident, author_id=actor.user_id, author_label=actor.label[:200], text=text, said_at=at
    )
    tell_incidents(COMMENTED, [incident], before=[incident_feature(incident)], actor=actor, at=at)
    return comment


def _may_see(user: User, incident: Incident, *, by: Actor) -> bool:
    """Say whether somebody may see an incident where another is looking at it just now."""
    return permits(replace(actor_of_user(user), channel=by.channel), "incidents.view", incident)


def _save_changed(incident: Incident, before: Feature, *, actor: Actor, at: datetime) -> bool:
    """Save a locked incident under its next version and tell it; say whether there was anything to save."""
    if incident_feature(incident) == before:
        return False
    incident.mark_changed(at)
    incident.save()
    tell_incidents(UPDATED, [incident], before=[before], actor=actor, at=at)
    return True


def _check(incident: Incident) -> None:
    if errors := list(_errors(incident)):
        raise Invalid("This is no incident.", errors=errors)


def _errors(incident: Incident) -> Iterator[FieldError]:
    yield from text_error(incident.title, "/title", max_length=LONGEST_TITLE)
    yield from text_error(
        incident.description, "/description", max_length=LONGEST_TEXT, may_be_blank=True, is_multiline=True
    )
    if incident.severity not in Severity.values:
        yield FieldError(pointer="/severity", code="unknown", detail="A severity is a number from 1 to 4.")
    if incident.escalate_after is not None and not timedelta(0) < incident.escalate_after <= LONGEST_WAIT:
        detail = "The time until it escalates is above zero and at most a year."
        yield FieldError(pointer="/escalate_after_s", code="out_of_range", detail=detail)
