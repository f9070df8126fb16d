"""What zones registers with access: who may be allowed what."""

from __future__ import annotations

from apps.access import registry
from apps.access.types import Protected
from apps.zones.models import Zone, ZoneGroupGrant, ZoneKind, ZoneUserGrant

WRITE = ("view", "add", "change", "delete")


def register_nouns() -> None:
    """Register zones and their kinds. Who may see a zone may see its versions."""
    registry.register(
        Protected(noun="zones", model=Zone, actions=(*WRITE, "share"), grants=(ZoneUserGrant, ZoneGroupGrant))
    )
    registry.register(Protected(noun="zone-kinds", model=ZoneKind, actions=WRITE, organisation=None))
