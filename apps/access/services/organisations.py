"""The tree of organisations. Whoever changes its shape holds one lock, since a lineage depends on every parent."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict
from uuid import UUID

from django.db import connection

from apps.access.models import Organisation
from apps.access.queries import authorize_in
from apps.access.services.checks import apply, clean, in_use_is_a_conflict, lock_for
from apps.access.services.recording import recorded
from apps.access.types import Actor
from apps.core.constraints import broken_constraints, taken
from apps.core.locks import lock
from apps.core.types import Conflict, FieldError, Invalid

DEEPEST = 20
BROKEN = {
    "access_organisation_slug_key": lambda: taken("/slug", "Another organisation has this slug."),
    "access_organisation_name_once": lambda: taken("/name", "Another organisation there has this name."),
}


class OrganisationChanges(TypedDict, total=False):
    """What may be changed of an organisation."""

    name: str
    slug: str
    parent_id: UUID | None


@recorded
def create_organisation(
    *, name: str, slug: str, parent_id: UUID | None = None, actor: Actor, at: datetime
) -> Organisation:
    """Return a new organisation; one without a parent is the top of a tree of its own, which superusers make."""
    authorize_in(actor, "organisations.add", parent_id)
    _lock_tree()
    above = lock(Organisation.objects.all(), parent_id).lineage if parent_id else []
    row = Organisation(name=name, slug=slug, parent_id=parent_id, recorded_at=at, changed_at=at)
    row.lineage = [*above, row.pk]
    _require_not_too_deep(len(row.lineage))
    clean(row)
    with broken_constraints(BROKEN):
        row.save(force_insert=True)
    return row


@recorded
def change_organisation(
    organisation_id: UUID,
    changes: OrganisationChanges,
    *,
    actor: Actor,
    at: datetime,
    expected_version: int | None = None,
) -> Organisation:
    """Return the organisation with the changes; a new parent takes along everything below.

    A move takes from those above the old place and gives to those above the new one, so it needs the right to
    change the old parent and to add to the new one.
    """
    if "parent_id" in changes:
        _lock_tree()
    row = lock_for(Organisation.objects.all(), organisation_id, actor=actor, action="organisations.change")
    row.require_version(expected_version)
    old_parent_id = row.parent_id
    apply(row, changes, OrganisationChanges.__annotations__)
    if row.parent_id != old_parent_id:
        authorize_in(actor, "organisations.change", old_parent_id)
        authorize_in(actor, "organisations.add", row.parent_id)
        _move(row)
    row.mark_changed(at)
    clean(row)
    with broken_constraints(BROKEN):
        row.save()
    return row


@recorded
def delete_organisation(
    organisation_id: UUID,
    *,
    actor: Actor,
    at: datetime,
    expected_version: int | None = None,
) -> None:
    """Delete an organisation that owns nothing any more; raises ``Conflict`` while it does."""
    row = lock_for(Organisation.objects.all(), organisation_id, actor=actor, action="organisations.delete")
    row.require_version(expected_version)
    with in_use_is_a_conflict("The organisation still owns something."):
        row.delete()


def _lock_tree() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('access.organisations', 0))")


def _move(row: Organisation) -> None:
    """Give everything below the organisation its new lineage, in one statement; the caller saves the row itself."""
    above = lock(Organisation.objects.all(), row.parent_id).lineage if row.parent_id else []
    if row.pk in above:
        error = FieldError(pointer="/parent_id", code="below_itself", detail="It cannot lie below itself.")
        raise Invalid("An organisation cannot lie below itself.", errors=[error])
    depth = len(row.lineage)
    below = Organisation.objects.filter(lineage__contains=[row.pk]).values_list("lineage", flat=True)
    _require_not_too_deep(len(above) + 1 + max(len(lineage) for lineage in below) - depth)
    row.lineage = [*above, row.pk]
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE access_organisation SET lineage = %s::uuid[] || lineage[%s:] "
            "WHERE lineage @> ARRAY[%s::uuid] AND id <> %s",
            [list(above), depth, row.pk, row.pk],
        )


def _require_not_too_deep(depth: int) -> None:
    if depth > DEEPEST:
        raise Conflict(f"A tree of organisations is at most {DEEPEST} deep.", code="too_deep")
