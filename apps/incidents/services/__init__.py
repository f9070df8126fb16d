"""Everything that writes rules and incidents."""

from __future__ import annotations

from apps.incidents.services.findings import Recorded, mature_pending, record_findings
from apps.incidents.services.incidents import assign_incident, comment_on_incident, open_incident, update_incident
from apps.incidents.services.rules import create_rule, delete_rule, update_rule
from apps.incidents.services.spawning import register_spawning

__all__ = [
    "Recorded",
    "assign_incident",
    "comment_on_incident",
    "create_rule",
    "delete_rule",
    "mature_pending",
    "open_incident",
    "record_findings",
    "register_spawning",
    "update_incident",
    "update_rule",
]
