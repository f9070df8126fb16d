"""Operations: planned, changed, moved along their lifecycle, and deleted while they are drafts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Unpack, cast
from uuid import UUID

from django.contrib.gis.geos import MultiPolygon as GeosMultiPolygon
from django.db import transaction
from django.db.models import Q

from apps.access.models import Organisation
from apps.access.queries import authorize, authorize_image, authorize_in, visible, visible_in_full
from apps.access.types import Actor
from apps.assets.models import Asset
from apps.core.geometry import to_geos
from apps.core.locks import lock
from apps.core.types import Conflict, FieldError, Invalid
from apps.events.types import Change
from apps.lifecycle.services import advance, begin, plan_timers
from apps.operations.models import AssignedAsset, Operation, OperationKind, Volume
from apps.operations.published import approval_feature, operation_feature, published_approvals, published_operations
from apps.operations.queries import volumes_held, volumes_of
from apps.operations.rules.checks import (
    assets_errors,
    operation_errors,
    priority_errors,
    text_errors,
    volumes_errors,
    written_out,
)
from apps.operations.rules.shapes import whole_of, write_shape
from apps.operations.services.holding import insert_occupancies, keep_space, require_free
from apps.operations.services.settling import settle, settle_words, tell_asked
from apps.operations.services.telling import tell_operation
from apps.operations.types import HOLDING, LIFECYCLE, OVER, OperationChanges, OperationDraft, Volume4D, VolumeDraft

IS_OVER: Final = "It is over. Plan another."
NOT_A_DRAFT: Final = "Only a draft is deleted. Cancel it instead."
WORDS: Final = ("title", "description", "contact")


@transaction.atomic
def create_operation(
    draft: OperationDraft, *, kind: OperationKind, organisation: Organisation, actor: Actor, at: datetime
) -> Operation:
    """Return the new operation, a draft that holds nothing yet. Raises ``Invalid``, ``NotAllowed``.

    ``SpaceConflict`` where a lifecycle begins in a state that holds space, and others hold it.
    """
    authorize_in(actor, "operations.add", organisation.pk)
    _require(list(operation_errors(draft, at=at)))
    kind = _hold_kind(kind.pk)
    operation = Operation(
        kind=kind,
        organisation=organisation,
        title=draft.title.strip(),
        description=draft.description.strip(),
        contact=draft.contact.strip(),
        priority=kind.default_priority if draft.priority is None else draft.priority,
        contingent_after=kind.contingent_after,
        recorded_at=at,
        changed_at=at,
    )
    times = written_out(draft.volumes)
    _cover(operation, times)
    begin(operation, actor=actor, at=at, key=kind.lifecycle or LIFECYCLE)
    _plan(operation, draft.volumes, times, holds=False)
    _assign(operation, draft.asset_ids, actor)
    if operation.state in HOLDING:
        keep_space([operation], actor, at)
    authorize_image(actor, "operations.add", operation)
    return operation


@transaction.atomic
def update_operation(
    operation_id: UUID,
    *,
    actor: Actor,
    at: datetime,
    expected_version: int | None = None,
    **changes: Unpack[OperationChanges],
) -> Operation:
    """Return the operation as changed. Other volumes or another priority of one that holds space are judged anew.

    Locks the operation, and the cells of what it wants. Nothing to change is no change. Raises ``Conflict`` for one
    that is over, ``SpaceConflict`` where the change is refused; then nothing has changed.
    """
    operation = lock(published_operations(), operation_id)
    authorize(actor, "operations.change", operation)
    operation.require_version(expected_version)
    if operation.state_category == OVER:
        raise Conflict(IS_OVER, code="over")
    before, was_priority = operation_feature(operation), operation.priority
    _say(operation, changes)
    is_replanned = "volumes" in changes and _replan(operation, changes["volumes"], at)
    is_rejudged = operation.state in HOLDING and (is_replanned or operation.priority != was_priority)
    if is_rejudged:
        require_free(operation, volumes_held(operation.pk), actor=actor)
    is_reassigned = "asset_ids" in changes and _assign(operation, changes["asset_ids"], actor)
    if operation_feature(operation) == before and not is_replanned and not is_reassigned:
        return operation
    asked = [(each, approval_feature(each)) for each in published_approvals().filter(operation=operation.pk)]
    operation.mark_changed(at)
    operation.save()
    authorize_image(actor, "operations.change", operation)
    tell_operation(Change.UPDATED, operation, before=before, actor=actor, at=at)
    plan_timers(operation)
    if is_rejudged:
        return settle(operation, at=at, afresh=True)
    tell_asked(operation, asked, at=at)
    return settle_words(operation, before=before, at=at)


@transaction.atomic
def move_operation(
    operation: Operation,
    transition: str,
    *,
    actor: Actor,
    at: datetime,
    reason: str = "",
    answers: Mapping[str, Any] | None = None,
    expected_version: int | None = None,
) -> Operation:
    """Make one transition, as ``lifecycle.advance`` does, and return the operation as it is then.

    What was submitted is settled at once: approved, or in review. Raises what ``advance`` raises, and
    ``SpaceConflict`` where others hold its space.
    """
    moved = advance(
        operation,
        transition,
        actor=actor,
        at=at,
        reason=reason,
        answers=answers,
        expected_version=expected_version,
    )
    return settle(moved, at=at, afresh=True) if moved.state == "submitted" else moved


@transaction.atomic
def delete_operation(operation_id: UUID, *, actor: Actor, at: datetime, expected_version: int | None = None) -> None:
    """Delete a draft. Raises ``Conflict`` for what is none."""
    operation = lock(published_operations(), operation_id)
    authorize(actor, "operations.delete", operation)
    operation.require_version(expected_version)
    if not operation.is_draft:
        raise Conflict(NOT_A_DRAFT, code="not_a_draft")
    before = operation_feature(operation)
    Operation.objects.filter(pk=operation_id).delete()
    operation.mark_changed(at)
    tell_operation(Change.DELETED, operation, before=before, actor=actor, at=at)


def _hold_kind(kind_id: UUID) -> OperationKind:
    """Return a kind, which is not deleted until the transaction ends. Django has no word for ``FOR KEY SHARE``."""
    statement = "SELECT * FROM operations_operationkind WHERE id = %s FOR KEY SHARE"
    for kind in OperationKind.objects.raw(statement, [kind_id]):
        return kind
    error = FieldError(pointer="/kind", code="unknown", detail="There is no such kind of operation.")
    raise Invalid("This is no operation.", errors=[error])


def _say(operation: Operation, changes: OperationChanges) -> None:
    """Give the operation its words and its priority. Raises ``Invalid``."""
    said = {name: str(cast("Any", changes).get(name, getattr(operation, name))).strip() for name in WORDS}
    priority = changes.get("priority", operation.priority)
    _require([*text_errors(**said), *priority_errors(priority, "/priority")])
    for name, text in said.items():
        setattr(operation, name, text)
    operation.priority = priority


def _replan(operation: Operation, drafts: Sequence[VolumeDraft], at: datetime) -> bool:
    """Put other volumes in the place of the operation's, holding as much as those did; say whether they differ."""
    _require(list(volumes_errors(drafts, at=at)))
    planned = [_volume(operation, number, draft) for number, draft in enumerate(drafts, start=1)]
    if list(map(_said, planned)) == list(map(_said, volumes_of([operation.pk]).get(operation.pk, []))):
        return False
    times = written_out(drafts)
    Volume.objects.filter(operation=operation).delete()
    # Whoever was outside of what was planned before may be inside of this: the next fix tells.
    AssignedAsset.objects.filter(operation=operation).update(outside_since=None, distance_m=None, progress=None)
    _plan(operation, drafts, times, holds=operation.state in HOLDING)
    _cover(operation, times)
    return True


def _plan(operation: Operation, drafts: Sequence[VolumeDraft], times: Sequence[Volume4D], *, holds: bool) -> None:
    planned = [_volume(operation, number, draft) for number, draft in enumerate(drafts, start=1)]
    Volume.objects.bulk_create(planned)
    insert_occupancies(operation.pk, planned, times, holds=holds)


def _cover(operation: Operation, times: Sequence[Volume4D]) -> None:
    """Say of the operation where and when all of its volumes are."""
    operation.area = cast("GeosMultiPolygon", to_geos(whole_of([each.footprint for each in times])))
    operation.starts_at = min(each.during.start for each in times)
    operation.ends_at = max(each.during.end for each in times)


def _assign(operation: Operation, asset_ids: Sequence[UUID], actor: Actor) -> bool:
    """Make these the operation's assets; say whether they differ. Raises ``Invalid`` for one that may not be assigned.

    Whether an operation conforms tells where its assets are: those of others are for whoever may track them exactly.
    Assets that are assigned already stay, also those that the actor may not see.
    """
    _require(list(assets_errors(asset_ids)))
    wanted = set(asset_ids)
    had = set(AssignedAsset.objects.filter(operation=operation).values_list("asset", flat=True))
    new = wanted - had
    seen = visible(Asset.objects.filter(pk__in=new), actor, "assets.view")
    tracked = visible_in_full(Asset.objects.filter(pk__in=new), actor, "assets.track")
    mine = seen.filter(Q(organisation=operation.organisation_id) | Q(pk__in=tracked.values("pk")))
    if unknown := new.difference(mine.values_list("pk", flat=True)):
        detail = f"There is no asset {min(unknown)} that you may assign: of others', those that you may track exactly."
        error = FieldError(pointer="/asset_ids", code="unknown", detail=detail)
        raise Invalid("An asset is not known.", errors=[error])
    AssignedAsset.objects.filter(operation=operation, asset__in=had - wanted).delete()
    AssignedAsset.objects.bulk_create([AssignedAsset(operation=operation, asset_id=each) for each in sorted(new)])
    return wanted != had


def _volume(operation: Operation, number: int, draft: VolumeDraft) -> Volume:
    return Volume(
        operation=operation,
        number=number,
        shape=write_shape(draft.shape),
        footprint=cast("GeosMultiPolygon", to_geos(draft.footprint)),
        lower_m=draft.band.lower_m,
        lower_datum=draft.band.lower_datum or "",
        upper_m=draft.band.upper_m,
        upper_datum=draft.band.upper_datum or "",
        starts_at=draft.starts_at,
        ends_at=draft.ends_at,
        rule=draft.recurrence.rule if draft.recurrence else "",
        time_zone=draft.recurrence.time_zone if draft.recurrence else "",
    )


def _said(volume: Volume) -> tuple[object, ...]:
    """Return what makes a volume another one."""
    place = bytes(volume.footprint.wkb)
    return place, volume.band, volume.starts_at, volume.ends_at, volume.rule, volume.time_zone


def _require(errors: Sequence[FieldError]) -> None:
    if errors:
        raise Invalid("This is no operation.", errors=errors)
