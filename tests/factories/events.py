"""Events, published as services publish them."""

from __future__ import annotations

from uuid import UUID

from apps.access.types import SYSTEM, Actor, Subject
from apps.core.ids import new_id
from apps.events import services
from apps.events.models import Event
from apps.events.types import Change, NewEvent
from tests.factories.core import NOON

UPDATED = "watchfloor.incident.updated.v1"


def new_event(
    *,
    object_id: UUID | None = None,
    organisation_id: UUID | None = None,
    previous_organisation_id: UUID | None = None,
    noun: str = "incidents",
    title: str = "A tug drifts",
    also: tuple[Subject, ...] = (),
) -> NewEvent:
    """Return an event about an incident that exists nowhere else."""
    object_id = object_id or new_id()
    organisation_id = organisation_id or new_id()
    return NewEvent(
        type=UPDATED,
        noun=noun,
        object_id=object_id,
        organisation_id=organisation_id,
        previous_organisation_id=previous_organisation_id,
        change=Change.UPDATED,
        object={
            "id": str(object_id),
            "organisation_id": str(organisation_id),
            "version": 2,
            "geometry": None,
            "properties": {"title": title},
        },
        also=also,
    )


def publish(*events: NewEvent, actor: Actor = SYSTEM) -> list[Event]:
    """Write events to the log, without numbers, and return their rows in order."""
    services.publish(events or (new_event(),), actor=actor, at=NOON)
    return list(Event.objects.order_by("seq"))[-max(len(events), 1) :]


def logged(*events: NewEvent) -> list[Event]:
    """Write events to the log and number them."""
    rows = publish(*events)
    services.relay(NOON)
    for row in rows:
        row.refresh_from_db()
    return rows
