"""What assets tells the outside: features, event types and the topic. One shape for snapshot, event and feed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final
from uuid import UUID

from django.db.models import QuerySet

from apps.assets.models import Asset, AssetKind
from apps.core.types import Feature
from apps.events import registry
from apps.events.changes import register_changes
from apps.events.registry import Topic
from apps.lifecycle.types import Category

_TEXT: Final = {"type": "string"}
_TEXT_OR_NULL: Final = {"type": ["string", "null"]}
_OBJECT: Final = {"type": "object"}
_SECONDS: Final = {"type": "number", "exclusiveMinimum": 0}
_IDENTIFIERS: Final = {
    "type": "array",
    "items": {"type": "object", "required": ["scheme", "value"], "properties": {"scheme": _TEXT, "value": _TEXT}},
}
ASSET_PROPERTIES: Final = {
    "name": _TEXT,
    "kind": _TEXT,
    "is_active": {"type": "boolean"},
    "attributes": _OBJECT,
    "identifiers": _IDENTIFIERS,
    "state": _TEXT_OR_NULL,
    "state_category": {"enum": [*(each.value for each in Category), None]},
}
ASSET_KIND_PROPERTIES: Final = {
    "slug": _TEXT,
    "name": _TEXT,
    "icon": _TEXT,
    "attributes_schema": _OBJECT,
    "late_after_s": _SECONDS,
    "lost_after_s": _SECONDS,
    "lifecycle": _TEXT,
}
EXAMPLE_ASSET: Final = Feature(
    id=UUID("0197c5a2-7d41-7a3e-8f5b-2c1d9e0a4b66"),
    organisation_id=UUID("0197c5a2-6b0c-7f12-9d3e-51a8c7e4f012"),
    version=3,
    properties={
        "name": "Harbour tug 7",
        "kind": "vessel",
        "is_active": True,
        "attributes": {"length_m": 28.5},
        "identifiers": [{"scheme": "mmsi", "value": "367000001"}],
        "state": "moored",
        "state_category": "active",
    },
)
EXAMPLE_MOVE: Final[Mapping[str, object]] = {
    "transition": "moor",
    "from": "approaching",
    "to": "moored",
    "cause": "hand",
    "reason": "",
    "effective_at": "2026-07-01T08:32:10Z",
}
EXAMPLE_ASSET_KIND: Final = Feature(
    id=UUID("0197c5a2-5e90-7c44-b0a1-90d2f3ab7c31"),
    organisation_id=None,
    version=1,
    properties={
        "slug": "vessel",
        "name": "Vessel",
        "icon": "ship",
        "attributes_schema": {"type": "object", "properties": {"length_m": {"type": "number"}}},
        "late_after_s": 300.0,
        "lost_after_s": 900.0,
        "lifecycle": "",
    },
)


def asset_feature(asset: Asset) -> Feature:
    """Return an asset as the outside sees it. Devices are left out: their ids may be all that it takes to report.

    Reads ``kind`` and ``identifiers``; a list brings them along (``published_assets``).
    """
    return asset_as_published(
        asset.id,
        asset.organisation_id,
        asset.version,
        name=asset.name,
        kind=asset.kind.slug,
        is_active=asset.is_active,
        attributes=asset.attributes,
        identifiers=[(each.scheme, each.value) for each in asset.identifiers.all()],
        state=asset.state,
        state_category=asset.state_category,
    )


def asset_as_published(
    id_: UUID,
    organisation_id: UUID,
    version: int,
    *,
    name: str,
    kind: str,
    is_active: bool,
    attributes: Mapping[str, object],
    identifiers: Iterable[tuple[str, ...]],
    state: str,
    state_category: str,
) -> Feature:
    """Return the feature of an asset whose columns were read in another way."""
    return Feature(
        id=id_,
        organisation_id=organisation_id,
        version=version,
        properties={
            "name": name,
            "kind": kind,
            "is_active": is_active,
            "attributes": attributes,
            "identifiers": [{"scheme": scheme, "value": value} for scheme, value in sorted(identifiers)],
            "state": state or None,
            "state_category": state_category or None,
        },
    )


def asset_kind_feature(kind: AssetKind) -> Feature:
    """Return a kind of asset as the outside sees it."""
    return Feature(
        id=kind.id,
        organisation_id=None,
        version=kind.version,
        properties={
            "slug": kind.slug,
            "name": kind.name,
            "icon": kind.icon,
            "attributes_schema": kind.attributes_schema,
            "late_after_s": kind.late_after.total_seconds(),
            "lost_after_s": kind.lost_after.total_seconds(),
            "lifecycle": kind.lifecycle,
        },
    )


def published_assets() -> QuerySet[Asset]:
    """Return all assets with what their features need: two statements for a page, however long it is."""
    return Asset.objects.select_related("kind").prefetch_related("identifiers")


def asset_features(assets: QuerySet[Asset]) -> Iterator[Feature]:
    """Yield the features of a queryset of ``published_assets``."""
    return map(asset_feature, assets.iterator(chunk_size=2000))


def register_published() -> None:
    """Register the topic and the event types with the log."""
    registry.topics.register(
        Topic(
            name="assets",
            noun="assets",
            view_action="assets.view",
            queryset=published_assets,
            features=asset_features,
        )
    )
    register_changes("asset", a_thing="An asset", properties=ASSET_PROPERTIES, example=EXAMPLE_ASSET, move=EXAMPLE_MOVE)
    register_changes(
        "asset_kind", a_thing="A kind of asset", properties=ASSET_KIND_PROPERTIES, example=EXAMPLE_ASSET_KIND
    )
