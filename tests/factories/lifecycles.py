"""Definitions, written, published and followed as they are everywhere."""

from __future__ import annotations

from datetime import datetime

from apps.access.models import Organisation
from apps.access.types import SYSTEM
from apps.assets.models import AssetKind
from apps.assets.services import update_asset_kind
from apps.events.services import relay
from apps.incidents.models import Incident
from apps.lifecycle import services
from apps.lifecycle.models import DefinitionVersion
from apps.lifecycle.registry import keys_of
from apps.zones.models import ZoneKind
from apps.zones.services import update_zone_kind
from tests.factories.assets import make_asset_kind
from tests.factories.core import NOON
from tests.factories.zones import make_zone_kind

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


MOORING = """
key: mooring
noun: assets
title: Mooring
initial: away
states:
  away:   {label: Away, tone: calm, category: open}
  moored: {label: Moored, tone: notice}
  gone:   {label: Gone, tone: done, final: true}
transitions:
  moor:
    label: Moor
    from: [away]
    to: moored
    action: assets.advance
    if: is_active = TRUE
  leave:
    label: Leave
    from: [moored]
    to: gone
    action: assets.advance
    effects:
      - {kind: set-field, field: is_active, value: false}
      - {kind: spawn-incident, title: "{name} has left", severity: 1}
"""


def make_moored_kind() -> AssetKind:
    """Return a kind of asset whose assets follow «mooring»."""
    if "mooring" not in keys_of("assets"):
        make_definition(MOORING)
    kind = make_asset_kind()
    return update_asset_kind(kind.pk, actor=SYSTEM, at=NOON, lifecycle="mooring")


CLOSURE = """
key: closure
noun: zones
title: Closure
initial: proposed
states:
  proposed: {label: Proposed, tone: calm, category: open}
  closed:   {label: Closed, tone: alert}
  lifted:   {label: Lifted, tone: done, final: true}
transitions:
  close:
    label: Close
    from: [proposed]
    to: closed
    action: zones.advance
    form: {type: object, required: [notice], properties: {notice: {type: string, minLength: 1}}}
    effects:
      - {kind: set-field, field: is_active, value: true}
  lift:
    label: Lift
    from: [closed]
    to: lifted
    timer: {after: PT1H}
    effects:
      - {kind: set-field, field: is_active, value: false}
"""


def make_closing_kind() -> ZoneKind:
    """Return a kind of zone whose zones follow «closure»."""
    if "closure" not in keys_of("zones"):
        make_definition(CLOSURE)
    kind = make_zone_kind()
    return update_zone_kind(kind.pk, actor=SYSTEM, at=NOON, lifecycle="closure")
