"""Everything that writes assets, their kinds, identifiers and devices."""

from __future__ import annotations

from apps.assets.services.assets import create_asset, delete_asset, update_asset
from apps.assets.services.devices import add_device, remove_device, update_device
from apps.assets.services.kinds import create_asset_kind, delete_asset_kind, update_asset_kind

__all__ = [
    "add_device",
    "create_asset",
    "create_asset_kind",
    "delete_asset",
    "delete_asset_kind",
    "remove_device",
    "update_asset",
    "update_asset_kind",
    "update_device",
]
