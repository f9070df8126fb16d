"""The values that assets hands to other apps, and the ones that its services take."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple, TypedDict
from uuid import UUID

from apps.core.types import AssetId, Feature, OrganisationId

if TYPE_CHECKING:
    from apps.access.models import DeviceKey, Organisation
    from apps.assets.models import AssetKind


class Protocol(enum.StrEnum):
    """How a device talks to us."""

    API = "api"
    OSMAND = "osmand"
    OWNTRACKS = "owntracks"
    AIS = "ais"


class IdentifierPair(NamedTuple):
    """A name that the outside world knows an asset by: MMSI 367000001, plate B-AB 123.

    Two assets never share one; values are kept as ``rules.normalise_identifier`` writes them.
    """

    scheme: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetRef:
    """What the ingest path needs to know about an asset, and nothing else; ``identifiers`` as ``scheme:value``."""

    id: AssetId
    organisation_id: OrganisationId
    kind_id: UUID
    name: str
    late_after: timedelta
    lost_after: timedelta
    is_active: bool
    identifiers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRef:
    """A device as the protocols see it: whose it is, and whether its id alone is enough to report."""

    id: UUID
    asset: AssetRef
    key_id: UUID | None
    is_open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetShown:
    """An asset as the outside sees it, and when it was made and changed."""

    feature: Feature
    recorded_at: datetime
    changed_at: datetime


class AssetChanges(TypedDict, total=False):
    """What ``update_asset`` can change; what is absent stays."""

    kind: AssetKind
    organisation: Organisation
    name: str
    attributes: Mapping[str, object]
    identifiers: Sequence[IdentifierPair]
    is_active: bool


class AssetKindChanges(TypedDict, total=False):
    """What ``update_asset_kind`` can change; what is absent stays. The slug stays for ever: assets show it."""

    name: str
    icon: str
    attributes_schema: Mapping[str, object]
    late_after: timedelta
    lost_after: timedelta
    lifecycle: str


class DeviceChanges(TypedDict, total=False):
    """What ``update_device`` can change; what is absent stays."""

    protocol: str
    device_id: str
    key: DeviceKey | None
    is_open: bool
