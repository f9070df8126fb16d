"""Berth visits in the demonstration: the two desks that are called, and the lifecycle that books both or neither."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from apps.access.types import SYSTEM
from apps.console.demo.dataset import DATA
from apps.lifecycle import services as lifecycles
from apps.lifecycle.models import DefinitionVersion, Service

LIFECYCLE: Final = "berth-visit"
DEFINITION: Final = DATA / "berth-visit.yaml"
KINDS: Final = frozenset({"cargo", "passenger", "tanker"})
NAMES: Final = {"berths": "Berth booking", "pilots": "Pilot dispatch"}


def load_visits(addresses: Mapping[str, str], *, at: datetime) -> None:
    """Register the desks where they are now, and publish the lifecycle once."""
    known = {each.key: each for each in Service.objects.filter(key__in=NAMES)}
    for key, address in addresses.items():
        if key in known:
            changes = {"base_url": address}
            lifecycles.update_service(known[key].pk, changes, expected_version=None, actor=SYSTEM, at=at)
        else:
            given = {
                "key": key,
                "name": NAMES[key],
                "base_url": address,
                "timeout": timedelta(seconds=3),
                "break_for": timedelta(seconds=5),
            }
            lifecycles.create_service(given, actor=SYSTEM, at=at)
    if not DefinitionVersion.objects.filter(key=LIFECYCLE).exists():
        draft = lifecycles.create_draft(DEFINITION.read_text(encoding="utf-8"), actor=SYSTEM, at=at)
        lifecycles.publish_definition(draft.pk, actor=SYSTEM, at=at)
