"""Definitions, written, published and followed as they are everywhere."""

from __future__ import annotations

from datetime import datetime

from apps.access.models import Organisation
from apps.access.types import SYSTEM
from apps.events.services import relay
from apps.incidents.models import Incident
from apps.lifecycle import services
from apps.lifecycle.models import DefinitionVersion
from tests.factories.core import NOON

DRILL = """
key: drill
noun: incidents
title: Drill
initial: planned
states:
  planned: {label: Planned, tone: calm, category: open}
  running: {label: Running, tone: notice}
  over:    {label: Over, tone: done, final: true, stamps: resolved_at}
transitions:
  start:
    label: Start
    from: [planned]
    to: running
    action: incidents.acknowledge
  finish:
    label: Finish
    from: [running]
    to: over
    action: incidents.resolve
"""


def make_definition(document: str = DRILL, *, at: datetime = NOON) -> DefinitionVersion:
    """Return a published version of what a text describes."""
    draft = services.create_draft(document, actor=SYSTEM, at=at)
    return services.publish_definition(draft.pk, actor=SYSTEM, at=at)


def begin_incident(
    organisation: Organisation, key: str = "drill", *, at: datetime = NOON, **columns: object
) -> Incident:
    """Return a new incident that follows a definition."""
    incident = Incident(organisation=organisation, title="A drill", opened_at=at, **columns)
    return services.begin(incident, actor=SYSTEM, at=at, key=key)


def hear_all(at: datetime) -> int:
    """Number what was logged and read it."""
    relay(at)
    return services.read_log(at)
