"""Kinds of operations: reference data that says who gives way, who is asked, and what still conforms.

What holds space already follows a change of its kind within seconds, and not in its transaction: there may be more of
a kind than a request has time for (``sharing.follow_kinds``, ``settling.follow_rules``).
"""

from __future__ import annotations

from datetime import datetime
from typing import Unpack
from uuid import UUID

from django.db import transaction

from apps.access.queries import authorize, authorize_image, authorize_in
from apps.access.types import Actor
from apps.core.constraints import broken_constraints, taken
from apps.core.locks import lock
from apps.core.types import Conflict, Invalid
from apps.events.types import Change
from apps.lifecycle.queries import key_errors
from apps.operations.models import KindChange, OperationKind
from apps.operations.published import operation_kind_feature
from apps.operations.rules.checks import kind_errors
from apps.operations.services.telling import tell_kind
from apps.operations.types import OperationKindChanges


@transaction.atomic
def create_operation_kind(
    *, slug: str, actor: Actor, at: datetime, **terms: Unpack[OperationKindChanges]
) -> OperationKind:
    """Return the new kind. Raises ``Conflict`` when the slug is taken, ``Invalid``, ``NotAllowed``."""
    authorize_in(actor, "operation-kinds.add", None)
    kind = OperationKind(slug=slug, changed_at=at)
    _assign(kind, terms)
    with broken_constraints(
        {"operations_operationkind_slug_key": lambda: taken("/slug", "Another kind has this slug.")}
    ):
        kind.save(force_insert=True)
    authorize_image(actor, "operation-kinds.add", kind)
    tell_kind(Change.CREATED, kind, before=None, actor=actor, at=at)
    return kind


@transaction.atomic
def update_operation_kind(
    kind_id: UUID,
    *,
    actor: Actor,
    at: datetime,
    expected_version: int | None = None,
    **changes: Unpack[OperationKindChanges],
) -> OperationKind:
    """Return the kind as changed; nothing to change is no change.

    Where its operations may not share space any more, those that do are put in review, or told while they are under
    way; where they may again, nobody is asked about it any more. Where whether it is reviewed changes, what is in
    review follows; what is approved stays approved.
    """
    kind = lock(OperationKind.objects.all(), kind_id)
    authorize(actor, "operation-kinds.change", kind)
    kind.require_version(expected_version)
    before, might_share = operation_kind_feature(kind), kind.may_share
    _assign(kind, changes)
    if operation_kind_feature(kind) == before:
        return kind
    kind.mark_changed(at)
    kind.save()
    if kind.may_share is not might_share:
        KindChange.objects.create(kind=kind)
    authorize_image(actor, "operation-kinds.change", kind)
    tell_kind(Change.UPDATED, kind, before=before, actor=actor, at=at)
    return kind


@transaction.atomic
def delete_operation_kind(kind_id: UUID, *, actor: Actor, at: datetime, expected_version: int | None = None) -> None:
    """Delete a kind that nothing uses; raises ``Conflict`` when something does."""
    kind = lock(OperationKind.objects.all(), kind_id)
    authorize(actor, "operation-kinds.delete", kind)
    kind.require_version(expected_version)
    before = operation_kind_feature(kind)
    with broken_constraints({"fk": lambda: Conflict("Operations of this kind exist.", code="in_use")}):
        OperationKind.objects.filter(pk=kind_id).delete()
    tell_kind(Change.DELETED, kind, before=before, actor=actor, at=at)


def _assign(kind: OperationKind, terms: OperationKindChanges) -> None:
    """Give the kind its terms. Raises ``Invalid``."""
    for name, value in terms.items():
        setattr(kind, name, value.strip() if isinstance(value, str) else value)
    kind.colour = kind.colour.lower()
    errors = [
        *kind_errors(
            slug=kind.slug,
            name=kind.name,
            colour=kind.colour,
            default_priority=kind.default_priority,
            tolerance_m=kind.tolerance_m,
            limits=(kind.nonconforming_after, kind.contingent_after),
        ),
        *key_errors("operations", kind.lifecycle),
    ]
    if errors:
        raise Invalid("This is no kind of operation.", errors=errors)
