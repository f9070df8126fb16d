"""Everything that writes zones, their versions and their kinds."""

from __future__ import annotations

from apps.zones.services.imports import import_zones
from apps.zones.services.kinds import create_zone_kind, delete_zone_kind, update_zone_kind
from apps.zones.services.zones import create_zone, delete_zone, update_zone

__all__ = [
    "create_zone",
    "create_zone_kind",
    "delete_zone",
    "delete_zone_kind",
    "import_zones",
    "update_zone",
    "update_zone_kind",
]
