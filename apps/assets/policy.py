"""What assets registers with access: who may be allowed what."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from apps.access import registry
from apps.access.types import Protected
from apps.assets.models import Asset, AssetGroupGrant, AssetKind, AssetUserGrant, Device
from apps.assets.published import ASSET_PROPERTIES, asset_feature, asset_kind_feature, published_assets
from apps.filters.rules.times import parse_instant
from apps.lifecycle import registry as lifecycles
from apps.lifecycle.policy import CALLS
from apps.lifecycle.types import Settable

WRITE = ("view", "add", "change", "delete")


def register_nouns() -> None:
    """Register assets and their kinds. Devices are parts of their asset and judged as it."""
    registry.register(
        Protected(
            noun="assets",
            model=Asset,
            actions=(*WRITE, "track", "report", "advance", *CALLS, "share"),
            grants=(AssetUserGrant, AssetGroupGrant),
            feature=asset_feature,
            fields=tuple(ASSET_PROPERTIES),
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
    registry.register(
        Protected(
            noun="asset-kinds",
            model=AssetKind,
            actions=WRITE,
            organisation=None,
            feature=asset_kind_feature,
        )
    )


def register_lifecycle() -> None:
    """Let assets follow lifecycles; their kinds choose which, if any."""
    lifecycles.register(
        lifecycles.Lifecycle(
            noun="assets",
            word="asset",
            model=Asset,
            feature=asset_feature,
            whole=published_assets,
            chosen_by="kind__lifecycle",
            instants={"attributes": instant_attribute},
            fields={"is_active": Settable(schema={"type": "boolean"}, column="is_active")},
        )
    )


def instant_attribute(asset: Asset, path: str) -> datetime | None:
    """Return the instant that an attribute of an asset says (``eta``, ``call.eta``); ``None`` for anything else."""
    value: Any = asset.attributes
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return parse_instant(value) if isinstance(value, str) else None
