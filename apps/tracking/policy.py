"""What tracking registers with access: a position is judged as the asset that it is a position of."""

from __future__ import annotations

from apps.access.registry import register
from apps.access.types import Protected
from apps.tracking.models import Presence, Quarantine, Source


def register_nouns() -> None:
    """Register positions, what is quarantined, and the sources."""
    register(
        Protected(
            noun="positions",
            model=Presence,
            organisation="asset__organisation_id",
            judged_as="assets",
            object_path="asset_id",
            fields=("fixed_at", "altitude_m", "speed_mps", "course_deg", "heading_deg", "connectivity", "geometry"),
        )
    )
    register(Protected(noun="quarantine", model=Quarantine, actions=("view", "delete"), instant="received_at"))
    register(Protected(noun="sources", model=Source, actions=("view", "add", "change"), organisation=None))
