"""What assets registers with access: who may be allowed what."""

from __future__ import annotations

from apps.access import registry
from apps.access.types import Protected
from apps.assets.models import Asset, AssetGroupGrant, AssetKind, AssetUserGrant, Device

WRITE = ("view", "add", "change", "delete")


def register_nouns() -> None:
    """Register assets and their kinds. Devices are parts of their asset and judged as it."""
    registry.register(
        Protected(
            noun="assets",
            model=Asset,
            actions=(*WRITE, "track", "report", "share"),
            grants=(AssetUserGrant, AssetGroupGrant),
        )
    )
    registry.register(
        Protected(
            noun="devices",
            model=Device,
            organisation="asset__organisation_id",
            object_path="asset_id",
            judged_as="assets",
        )
    )
    registry.register(Protected(noun="asset-kinds", model=AssetKind, actions=WRITE, organisation=None))
