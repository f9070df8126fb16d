"""Asset kinds: reference data that assets are judged by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Unpack
from uuid import UUID

from django.db import transaction

from apps.access.queries import authorize, authorize_image, authorize_in, visible
from apps.access.types import Actor
from apps.assets import rules
from apps.assets.models import Asset, AssetKind
from apps.assets.published import asset_kind_feature
from apps.assets.types import AssetKindChanges
from apps.core.constraints import broken_constraints, taken
from apps.core.locks import lock
from apps.core.text import text_error
from apps.core.types import Conflict, Feature, FieldError, Invalid
from apps.events.rules import changed
from apps.events.services import publish
from apps.events.types import Change
from apps.lifecycle.queries import key_errors

MOST_OFFENDERS_NAMED = 10


@transaction.atomic
def create_asset_kind(
    *,
    slug: str,
    name: str,
    icon: str = "",
    attributes_schema: Mapping[str, object] | None = None,
    late_after: timedelta = timedelta(minutes=5),
    lost_after: timedelta = timedelta(minutes=15),
    lifecycle: str = "",
    actor: Actor,
    at: datetime,
) -> AssetKind:
    """Return the new kind. Raises ``Conflict`` when the slug is taken, ``Invalid``, ``NotAllowed``."""
    authorize_in(actor, "asset-kinds.add", None)
    kind = AssetKind(
        slug=slug,
        name=name.strip(),
        icon=icon.strip(),
        attributes_schema=dict(attributes_schema or {}),
        late_after=late_after,
        lost_after=lost_after,
        lifecycle=lifecycle,
        changed_at=at,
    )
    _check(kind)
    with broken_constraints({"assets_assetkind_slug_key": lambda: taken("/slug", "Another kind has this slug.")}):
        kind.save(force_insert=True)
    authorize_image(actor, "asset-kinds.add", kind)
    _publish(Change.CREATED, kind, previous=None, actor=actor, at=at)
    return kind


@transaction.atomic
def update_asset_kind(
    kind_id: UUID,
    *,
    actor: Actor,
    at: datetime,
    expected_version: int | None = None,
    **changes: Unpack[AssetKindChanges],
) -> AssetKind:
    """Return the kind as changed. A schema that an asset of the kind does not meet is refused with ``Conflict``.

    Locks the kind against assets being written under its old schema meanwhile.
    """
    kind = lock(AssetKind.objects.all(), kind_id)
    authorize(actor, "asset-kinds.change", kind)
    kind.require_version(expected_version)
    previous = asset_kind_feature(kind)
    for field, value in changes.items():
        setattr(kind, field, value)
    if asset_kind_feature(kind) == previous:
        return kind
    _check(kind)
    if "attributes_schema" in changes:
        _require_assets_meet(kind, actor)
    kind.mark_changed(at)
    kind.save()
    authorize_image(actor, "asset-kinds.change", kind)
    _publish(Change.UPDATED, kind, previous=previous, actor=actor, at=at)
    return kind


@transaction.atomic
def delete_asset_kind(kind_id: UUID, *, actor: Actor, at: datetime, expected_version: int | None = None) -> None:
    """Delete a kind that nothing uses; raises ``Conflict`` when something does."""
    kind = lock(AssetKind.objects.all(), kind_id)
    authorize(actor, "asset-kinds.delete", kind)
    kind.require_version(expected_version)
    previous = asset_kind_feature(kind)
    with broken_constraints({"fk": lambda: Conflict("Assets or rules of this kind exist.", code="in_use")}):
        AssetKind.objects.filter(pk=kind_id).delete()
    _publish(Change.DELETED, kind, previous=previous, actor=actor, at=at)


def _check(kind: AssetKind) -> None:
    errors = [
        *rules.slug_errors(kind.slug, "/slug"),
        *text_error(kind.name, "/name", max_length=120),
        *text_error(kind.icon, "/icon", max_length=64, may_be_blank=True),
        *rules.silence_errors(kind.late_after, kind.lost_after),
        *rules.schema_errors(kind.attributes_schema),
        *key_errors("assets", kind.lifecycle),
    ]
    if errors:
        raise Invalid("This is no kind of asset.", errors=errors)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Offender:
    id: UUID
    error: FieldError


def _require_assets_meet(kind: AssetKind, actor: Actor) -> None:
    offenders = _offenders(kind)
    if not offenders:
        return
    seen = visible(Asset.objects.filter(pk__in=[each.id for each in offenders]), actor, "assets.view")
    raise Conflict(
        f"{len(offenders)} assets of this kind do not meet the schema. Change them first.",
        code="attributes_break_schema",
        errors=[
            FieldError(pointer="/attributes_schema", code=each.error.code, detail=each.error.pointer)
            for each in offenders[:MOST_OFFENDERS_NAMED]
        ],
        details={"count": len(offenders), "assets": [str(pk) for pk in seen.values_list("pk", flat=True)[:10]]},
    )


def _offenders(kind: AssetKind) -> Sequence[_Offender]:
    rows = Asset.objects.filter(kind=kind).order_by("pk").values_list("pk", "attributes")
    found = []
    for pk, attributes in rows.iterator(chunk_size=2000):
        error = next(rules.attribute_errors(attributes, kind.attributes_schema), None)
        if error is not None:
            found.append(_Offender(id=pk, error=error))
    return found


def _publish(change: Change, kind: AssetKind, *, previous: Feature | None, actor: Actor, at: datetime) -> None:
    after = None if change is Change.DELETED else asset_kind_feature(kind)
    event = changed(f"watchfloor.asset_kind.{change}.v1", "asset-kinds", change, before=previous, after=after)
    publish([event], actor=actor, at=at)
