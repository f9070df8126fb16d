"""Kinds, assets and devices, made through the services that make them everywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import count

from apps.access.models import DeviceKey, Organisation
from apps.access.types import SYSTEM
from apps.assets import services
from apps.assets.models import Asset, AssetKind, Device
from apps.assets.types import IdentifierPair
from tests.factories.access import make_organisation
from tests.factories.core import NOON

_number = count(1)


def make_asset_kind(
    slug: str = "",
    *,
    attributes_schema: Mapping[str, object] | None = None,
    late_after: timedelta = timedelta(minutes=5),
    lost_after: timedelta = timedelta(minutes=15),
) -> AssetKind:
    """Return a kind of asset that allows any attributes unless told otherwise."""
    slug = slug or f"kind-{next(_number)}"
    return services.create_asset_kind(
        slug=slug,
        name=slug.capitalize(),
        attributes_schema=attributes_schema,
        late_after=late_after,
        lost_after=lost_after,
        actor=SYSTEM,
        at=NOON,
    )


def make_asset(
    name: str = "",
    *,
    kind: AssetKind | None = None,
    organisation: Organisation | None = None,
    attributes: Mapping[str, object] | None = None,
    identifiers: Sequence[tuple[str, str]] = (),
    is_active: bool = True,
) -> Asset:
    """Return an asset, of a kind and an organisation of its own unless they are given."""
    return services.create_asset(
        name=name or f"Asset {next(_number)}",
        kind=kind or make_asset_kind(),
        organisation=organisation or make_organisation(),
        attributes=attributes,
        identifiers=[IdentifierPair(*pair) for pair in identifiers],
        is_active=is_active,
        actor=SYSTEM,
        at=NOON,
    )


def make_device(
    asset: Asset, device_id: str = "", *, protocol: str = "osmand", key: DeviceKey | None = None, is_open: bool = False
) -> Device:
    """Return a device of the asset."""
    return services.add_device(
        asset.pk,
        protocol=protocol,
        device_id=device_id or f"device-{next(_number)}",
        key=key,
        is_open=is_open,
        actor=SYSTEM,
        at=NOON,
    )
