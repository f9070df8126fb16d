"""Reads of assets: who is meant by an identifier or a device, and the rows that lists show. Never writes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

import orjson
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, Q, QuerySet, TextField, Value
from django.db.models.functions import Concat

from apps.assets.models import Asset, AssetKind, Device, Identifier
from apps.assets.published import asset_as_published
from apps.assets.rules import normalise_identifier
from apps.assets.types import AssetRef, AssetShown, DeviceRef, IdentifierPair
from apps.core.prepared import first_row, read_token
from apps.core.text import is_storable
from apps.core.types import AssetId, OrganisationId

# For whoever keeps assets in memory and asks in a statement of their own whether these still stand.
VERSION_SQL: Final = "SELECT version FROM assets_assetset"
# What ``asset_feature`` reads of an asset by the ORM.
SHOWN_SQL: Final = """
SELECT asset.id, asset.organisation_id, asset.version, asset.name, kind.slug, asset.is_active, asset.attributes,
       ARRAY(SELECT ARRAY[scheme, value] FROM assets_identifier WHERE asset_id = asset.id),
       asset.state, asset.state_category, asset.recorded_at, asset.changed_at
FROM assets_asset AS asset JOIN assets_assetkind AS kind ON kind.id = asset.kind_id
WHERE asset.id = %s
"""
REF_COLUMNS = ("id", "organisation_id", "kind_id", "name", "kind__late_after", "kind__lost_after", "is_active")
_NAMES: Final = Concat("scheme", Value(":"), "value", output_field=TextField())


def asset_set_version() -> int:
    """Return the token of all assets: equal tokens mean equal assets, identifiers and kinds; 0 before the first."""
    return read_token(VERSION_SQL)


def assets_by_identifier(pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], AssetRef]:
    """Return the assets that the outside calls by these names, under the pairs as given; one statement.

    Pairs are looked up as they are stored (``normalise_identifier``); those that nobody has, or could have, are absent.
    """
    asked = {pair: normalise_identifier(IdentifierPair(*pair)) for pair in pairs if all(map(is_storable, pair))}
    columns = [f"asset__{column}" for column in REF_COLUMNS]
    rows = _identifiers(asked.values()).values_list("scheme", "value", *columns, _names_of("asset_id"))
    found = {(scheme, value): _ref(ref) for scheme, value, *ref in rows}
    return {pair: found[stored] for pair, stored in asked.items() if stored in found}


def asset_shown(asset_id: UUID) -> AssetShown | None:
    """Return one asset as the outside sees it, and when it was made and changed; one statement that is kept prepared.

    Nobody has been asked whether it may be seen.
    """
    row = first_row(SHOWN_SQL, [asset_id])
    if row is None:
        return None
    id_, organisation_id, version, name, kind, is_active, attributes, identifiers, *state, recorded_at, changed_at = row
    feature = asset_as_published(
        id_,
        organisation_id,
        version,
        name=name,
        kind=kind,
        is_active=is_active,
        attributes=orjson.loads(attributes),
        identifiers=map(tuple, identifiers),
        state=state[0],
        state_category=state[1],
    )
    return AssetShown(feature=feature, recorded_at=recorded_at, changed_at=changed_at)


def asset_refs(asset_ids: Iterable[UUID]) -> dict[AssetId, AssetRef]:
    """Return the assets of these ids, by id; one statement."""
    rows = Asset.objects.filter(pk__in=list(asset_ids)).values_list(*REF_COLUMNS, _names_of("pk"))
    return {ref.id: ref for ref in map(_ref, rows)}


def device(protocol: str, device_id: str) -> DeviceRef | None:
    """Return the device that a protocol knows by this id, with its asset; one statement."""
    if not is_storable(device_id):
        return None
    return devices(protocol, [device_id]).get(device_id)


def devices(protocol: str, device_ids: Iterable[str]) -> dict[str, DeviceRef]:
    """Return the devices that a protocol knows by these ids, under the ids as given; one statement."""
    asked = {device_id: device_id.strip() for device_id in device_ids if "\0" not in device_id}
    columns = [f"asset__{column}" for column in REF_COLUMNS]
    rows = Device.objects.filter(protocol=protocol, device_id__in=set(asked.values()))
    found = {
        device_id: DeviceRef(id=device_pk, asset=_ref(ref), key_id=key_id, is_open=is_open)
        for device_id, device_pk, key_id, is_open, *ref in rows.values_list(
            "device_id", "id", "key_id", "is_open", *columns, _names_of("asset_id")
        )
    }
    return {device_id: found[stored] for device_id, stored in asked.items() if stored in found}


def holders_of(pairs: Iterable[IdentifierPair]) -> dict[IdentifierPair, UUID]:
    """Return which asset has each of these identifiers, given as they are stored."""
    rows = _identifiers(pairs).values_list("scheme", "value", "asset_id")
    return {IdentifierPair(scheme, value): asset_id for scheme, value, asset_id in rows}


def assets_matching(
    assets: QuerySet[Asset],
    *,
    kind: str | None = None,
    organisation_id: UUID | None = None,
    identifier: IdentifierPair | None = None,
    is_active: bool | None = None,
    q: str | None = None,
) -> QuerySet[Asset]:
    """Return the assets that meet every condition given. ``q`` is looked for in names and identifiers."""
    if kind is not None:
        assets = assets.filter(kind__slug=kind)
    if organisation_id is not None:
        assets = assets.filter(organisation_id=organisation_id)
    if is_active is not None:
        assets = assets.filter(is_active=is_active)
    if identifier is not None:
        assets = assets.filter(pk__in=_identifiers([normalise_identifier(identifier)]).values("asset_id"))
    if q:
        # One set of ids, and not a condition on either: the planner takes no index for "this, or among those".
        named = Asset.objects.filter(name__icontains=q).order_by().values("pk")
        known = Identifier.objects.filter(value__icontains=q).order_by().values("asset_id")
        assets = assets.filter(pk__in=named.union(known))
    return assets


def find_asset_kind(slug: str) -> AssetKind | None:
    """Return the kind of that slug, if there is one."""
    return AssetKind.objects.filter(slug=slug).first()


def devices_of(asset_id: UUID) -> QuerySet[Device]:
    """Return the devices of one asset, with their keys."""
    return Device.objects.filter(asset=asset_id).select_related("key")


def _identifiers(pairs: Iterable[IdentifierPair]) -> QuerySet[Identifier]:
    """Return the rows of these pairs by the unique index: one ``IN`` per scheme, of which there are few."""
    values: defaultdict[str, list[str]] = defaultdict(list)
    for scheme, value in pairs:
        values[scheme].append(value)
    condition = Q(pk__in=[])
    for scheme, of_scheme in values.items():
        condition |= Q(scheme=scheme, value__in=of_scheme)
    return Identifier.objects.filter(condition)


def _names_of(asset: str) -> ArraySubquery:
    """Return the column of an asset's identifiers, in their order, beside whatever has the asset's id there."""
    identifiers = Identifier.objects.filter(asset=OuterRef(asset)).order_by("scheme", "value")
    return ArraySubquery(identifiers.values_list(_NAMES))


def _ref(row: Any) -> AssetRef:
    asset_id, organisation_id, kind_id, name, late_after, lost_after, is_active, identifiers = row
    return AssetRef(
        id=AssetId(asset_id),
        organisation_id=OrganisationId(organisation_id),
        kind_id=kind_id,
        name=name,
        late_after=late_after,
        lost_after=lost_after,
        is_active=is_active,
        identifiers=tuple(identifiers),
    )
