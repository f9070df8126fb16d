"""Assets and their identifiers: made, changed and deleted, each with its event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Unpack
from uuid import UUID

from django.db import transaction

from apps.access.models import Organisation
from apps.access.queries import authorize, authorize_image, authorize_in, visible
from apps.access.types import Actor
from apps.assets import rules
from apps.assets.models import Asset, AssetKind, Identifier
from apps.assets.published import asset_feature
from apps.assets.queries import holders_of
from apps.assets.types import AssetChanges, IdentifierPair
from apps.core.constraints import broken_constraints
from apps.core.locks import lock
from apps.core.text import text_error
from apps.core.types import Conflict, Feature, FieldError, Invalid
from apps.events.rules import changed
from apps.events.services import publish
from apps.events.types import Change
from apps.lifecycle.services import plan_timers, prepare, record_begun


@transaction.atomic
def create_asset(
    *,
    name: str,
    kind: AssetKind,
    organisation: Organisation,
    attributes: Mapping[str, object] | None = None,
    identifiers: Sequence[IdentifierPair] = (),
    is_active: bool = True,
    actor: Actor,
    at: datetime,
) -> Asset:
    """Return the new asset. Raises ``Conflict`` when an identifier is taken, ``Invalid``, ``NotAllowed``."""
    authorize_in(actor, "assets.add", organisation.pk)
    asset = Asset(
        name=name.strip(),
        kind=kind,
        organisation=organisation,
        attributes=dict(attributes or {}),
        is_active=is_active,
        changed_at=at,
    )
    pairs = _normalise(identifiers)
    held = _hold_kind(kind.pk)
    _check(asset, held, pairs)
    prepare(asset, held.lifecycle, at=at)
    asset.save(force_insert=True)
    _replace_identifiers(asset, pairs, actor)
    authorize_image(actor, "assets.add", asset)
    [begun] = record_begun([asset], actor=actor)
    _publish(Change.CREATED, asset, previous=None, lifecycle=begun, actor=actor, at=at)
    return asset


@transaction.atomic
def update_asset(
    asset_id: UUID,
    *,
    actor: Actor,
    at: datetime,
    expected_version: int | None = None,
    **changes: Unpack[AssetChanges],
) -> Asset:
    """Return the asset as changed; ``identifiers``, when given, replace all that it had.

    Locks the asset. What it becomes must be something that the actor may change as well, and in another organisation
    something that it may add there. Nothing to change is no
    change: the version stays and no event is written.
    """
    asset = lock_asset(asset_id)
    authorize(actor, "assets.change", asset)
    asset.require_version(expected_version)
    previous = asset_feature(asset)
    pairs = _normalise(changes["identifiers"]) if "identifiers" in changes else None
    _assign(asset, changes, actor)
    _check(asset, _hold_kind(asset.kind_id), pairs or ())
    if pairs is not None:
        _replace_identifiers(asset, pairs, actor)
    if asset_feature(asset).properties == previous.properties and asset.organisation_id == previous.organisation_id:
        return asset
    authorize_image(actor, "assets.change", asset)
    if asset.organisation_id != previous.organisation_id:
        authorize_image(actor, "assets.add", asset)
    save_changed(asset, previous, actor=actor, at=at)
    plan_timers(asset)
    return asset


@transaction.atomic
def delete_asset(asset_id: UUID, *, actor: Actor, at: datetime, expected_version: int | None = None) -> None:
    """Delete an asset with its identifiers, devices and grants.

    Raises ``Conflict`` when something else points at it; ``is_active=False`` keeps its history and stops reports.
    """
    asset = lock_asset(asset_id)
    authorize(actor, "assets.delete", asset)
    asset.require_version(expected_version)
    previous = asset_feature(asset)
    in_use = "Something else still needs this asset. Make it inactive instead."
    with broken_constraints({"fk": lambda: Conflict(in_use, code="in_use")}):
        Asset.objects.filter(pk=asset_id).delete()
    _publish(Change.DELETED, asset, previous=previous, actor=actor, at=at)


def lock_asset(asset_id: UUID) -> Asset:
    """Return the asset, locked until the transaction ends; raises ``NotFound``."""
    return lock(Asset.objects.select_related("kind", "organisation"), asset_id)


def save_changed(asset: Asset, previous: Feature, *, actor: Actor, at: datetime) -> None:
    """Save a locked asset under its next version and tell it."""
    asset.mark_changed(at)
    asset.save()
    _publish(Change.UPDATED, asset, previous=previous, actor=actor, at=at)


def _hold_kind(kind_id: UUID) -> AssetKind:
    """Return the kind as committed, held until the transaction ends so that its schema cannot change meanwhile.

    ``FOR SHARE`` lets other assets of the kind be written at the same time; Django has no word for it.
    """
    rows = AssetKind.objects.raw("SELECT * FROM assets_assetkind WHERE id = %s FOR SHARE", [kind_id])
    for kind in rows:
        return kind
    error = FieldError(pointer="/kind", code="unknown", detail="There is no such kind of asset.")
    raise Invalid("This is no asset.", errors=[error])


def _assign(asset: Asset, changes: AssetChanges, actor: Actor) -> None:
    if "organisation" in changes and changes["organisation"].pk != asset.organisation_id:
        authorize_in(actor, "assets.add", changes["organisation"].pk)
        asset.organisation = changes["organisation"]
    asset.name = changes.get("name", asset.name).strip()
    asset.kind = changes.get("kind", asset.kind)
    asset.is_active = changes.get("is_active", asset.is_active)
    if "attributes" in changes:
        asset.attributes = changes["attributes"]


def _check(asset: Asset, kind: AssetKind, pairs: Sequence[IdentifierPair]) -> None:
    errors = [
        *text_error(asset.name, "/name", max_length=200),
        *rules.attribute_errors(asset.attributes, kind.attributes_schema),
        *rules.identifier_errors(pairs),
    ]
    if errors:
        raise Invalid("This is no asset.", errors=errors)


def _normalise(pairs: Sequence[IdentifierPair]) -> list[IdentifierPair]:
    return [rules.normalise_identifier(pair) for pair in pairs]


def _replace_identifiers(asset: Asset, pairs: Sequence[IdentifierPair], actor: Actor) -> None:
    """Make the asset's identifiers these; the unique constraint decides when two want the same."""
    kept = {IdentifierPair(each.scheme, each.value): each for each in asset.identifiers.all()}
    new = [pair for pair in pairs if pair not in kept]
    gone = [each.pk for pair, each in kept.items() if pair not in set(pairs)]
    if gone:
        Identifier.objects.filter(pk__in=gone).delete()
    if new:
        with broken_constraints({"identifier_is_one_asset": lambda: _taken(pairs, asset, actor)}):
            Identifier.objects.bulk_create(
                [Identifier(asset=asset, scheme=pair.scheme, value=pair.value) for pair in new]
            )


def _taken(pairs: Sequence[IdentifierPair], asset: Asset, actor: Actor) -> Conflict:
    """Return the error that names every identifier another asset has, and that asset to whoever may see it."""
    holders = {pair: holder for pair, holder in holders_of(pairs).items() if holder != asset.pk}
    seen = dict(
        visible(Asset.objects.filter(pk__in=set(holders.values())), actor, "assets.view").values_list("pk", "name")
    )
    errors = [
        FieldError(
            pointer=f"/identifiers/{index}/value",
            code="taken",
            detail=f"{pair.scheme} {pair.value} belongs to {seen.get(holders[pair], 'another asset')}.",
        )
        for index, pair in enumerate(pairs)
        if pair in holders
    ]
    told = " ".join(error.detail for error in errors[:3])
    return Conflict(f"An identifier belongs to one asset only. {told}", code="identifier_taken", errors=errors)


def _publish(
    change: Change,
    asset: Asset,
    *,
    previous: Feature | None,
    lifecycle: Mapping[str, object] | None = None,
    actor: Actor,
    at: datetime,
) -> None:
    after = None if change is Change.DELETED else asset_feature(asset)
    event = changed(
        f"watchfloor.asset.{change}.v1", "assets", change, before=previous, after=after, lifecycle=lifecycle
    )
    publish([event], actor=actor, at=at)
