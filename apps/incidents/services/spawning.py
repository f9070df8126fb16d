"""The effect ``spawn-incident``: a transition of anything opens an incident about it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from apps.access.types import SYSTEM
from apps.incidents.models import Incident
from apps.incidents.types import Severity
from apps.lifecycle.registry import keys_of, register_effect
from apps.lifecycle.services import begin
from apps.lifecycle.types import Cause, Definition, Move, Owed

SPAWN: Final = "spawn-incident"
LONGEST_TITLE: Final = 300
SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["title"],
    "properties": {
        "title": {"type": "string", "minLength": 1, "maxLength": 200},
        "description": {"type": "string", "maxLength": 2000},
        "severity": {"enum": list(Severity.values)},
        "lifecycle": {"type": "string"},
    },
}
_PLACEHOLDER: Final = re.compile(r"\{([a-z_]+)\}")


def register_spawning() -> None:
    """Let definitions open incidents."""
    register_effect(SPAWN, spawn_incident, schema=SCHEMA, check=_check)


def spawn_incident(owed: Owed, at: datetime) -> None:
    """Open an incident about what made the transition, in the organisation that it belongs to; none for what has none.

    Title and description may name properties of the object (``{name}``), as they were right after the transition. It
    counts from the transition. Its id is the effect's: an incident that is there was opened by an earlier attempt.
    """
    organisation_id = owed.object.get("organisation_id")
    if organisation_id is None or Incident.objects.filter(pk=owed.id).exists():
        return
    properties: Mapping[str, Any] = owed.object["properties"]
    incident = Incident(
        id=owed.id,
        organisation_id=UUID(organisation_id),
        title=_filled(owed.params["title"], properties)[:LONGEST_TITLE],
        description=_filled(owed.params.get("description", ""), properties),
        severity=owed.params.get("severity", Severity.MODERATE),
        opened_at=owed.effective_at,
        **_about(owed, properties),
    )
    begin(incident, actor=SYSTEM, at=at, cause=Cause.RULE, key=owed.params.get("lifecycle"))


def _about(owed: Owed, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns that say which asset or zone it is about."""
    name = str(properties.get("name") or "")
    if owed.noun == "assets" and name:
        return {"asset_id": owed.object_id, "asset_name": name}
    if owed.noun == "zones" and name:
        return {"zone_id": owed.object_id, "zone_name": name}
    return {}


def _filled(template: str, properties: Mapping[str, Any]) -> str:
    return _PLACEHOLDER.sub(lambda found: str(properties.get(found[1], found[0])), template)


def _check(params: Mapping[str, Any], _move: Move, _definition: Definition) -> Iterable[str]:
    key = params.get("lifecycle")
    if key is not None and key not in keys_of("incidents"):
        yield f"No lifecycle of incidents that is published is called «{key}»."
