"""Roles and their assignments. Nobody puts into a role, or assigns by it, an action that they do not hold there."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from apps.access.models import Assignment, Organisation, Role, User
from apps.access.queries import authorize, authorize_in
from apps.access.queries.holdings import holds, holds_at_root, holds_for
from apps.access.services.checks import (
    apply,
    as_range,
    clean,
    in_use_is_a_conflict,
    lock_for,
    require,
    require_known_actions,
)
from apps.access.services.recording import recorded
from apps.access.types import Actor
from apps.core.constraints import broken_constraints, taken
from apps.core.locks import lock
from apps.core.types import Conflict, Invalid, NotFound, TimeWindow

MORE_THAN_HELD = "A role gives at most what you hold yourself."
TWICE = "This role is assigned there for that time already."
BROKEN = {
    "access_role_name_once": lambda: taken("/name", "Another role has this name."),
    "access_assignment_once_per_user": lambda: Conflict(TWICE, code="taken"),
    "access_assignment_once_per_group": lambda: Conflict(TWICE, code="taken"),
    "access_assignment_period_not_empty": lambda: Invalid("The period is empty.", code="empty_period"),
    "fk": lambda: NotFound("There is no such user, group or organisation."),
}


class RoleChanges(TypedDict, total=False):
    """What may be changed of a role."""

    name: str
    description: str
    actions: list[str]


@recorded
def create_role(*, name: str, actions: Iterable[str], description: str = "", actor: Actor, at: datetime) -> Role:
    """Return a new role; its actions must be registered, and held by the actor at the top of a tree."""
    authorize_in(actor, "roles.add", None)
    row = Role(name=name, description=description, actions=_unique(actions), recorded_at=at, changed_at=at)
    require_known_actions(row.actions, "/actions")
    require(holds_at_root(actor, row.actions), MORE_THAN_HELD)
    clean(row)
    with broken_constraints(BROKEN):
        row.save(force_insert=True)
    return row


@recorded
def change_role(
    role_id: UUID, changes: RoleChanges, *, actor: Actor, at: datetime, expected_version: int | None = None
) -> Role:
    """Return the role with the changes, at once in force wherever it is assigned.

    So the actor needs ``roles.change``, and every added action, in all those places.
    """
    row = lock_for(Role.objects.all(), role_id, actor=actor, action="roles.change")
    row.require_version(expected_version)
    before = set(row.actions)
    apply(row, changes, RoleChanges.__annotations__)
    row.actions = _unique(row.actions)
    added = set(row.actions) - before
    require_known_actions(added, "/actions")
    require(holds_at_root(actor, added), MORE_THAN_HELD)
    require(holds(actor, {"roles.change", *added}, _places(row)), "This role is used where you may not change it.")
    row.mark_changed(at)
    clean(row)
    with broken_constraints(BROKEN):
        row.save()
    return row


@recorded
def delete_role(role_id: UUID, *, actor: Actor, at: datetime, expected_version: int | None = None) -> None:
    """Delete a role that is not assigned any more; raises ``Conflict`` while it is."""
    row = lock_for(Role.objects.all(), role_id, actor=actor, action="roles.delete")
    row.require_version(expected_version)
    with in_use_is_a_conflict("The role is still assigned to somebody."):
        row.delete()


@recorded
def assign_role(
    *,
    role_id: UUID,
    organisation_id: UUID,
    user_id: UUID | None = None,
    group_id: int | None = None,
    during: TimeWindow = TimeWindow(),  # noqa: B008 - frozen
    actor: Actor,
    at: datetime,
) -> Assignment:
    """Return a new assignment: the role, in the organisation and below, for the user or the group, for the period.

    The actor needs ``assignments.add`` and, for all of the period, every action of the role in that organisation, and
    must see the user.
    """
    authorize_in(actor, "assignments.add", organisation_id)
    role = Role.objects.select_for_update(no_key=True).filter(pk=role_id).first()
    if role is None or not Organisation.objects.filter(pk=organisation_id).exists():
        raise NotFound("There is no such role or organisation.")
    require(holds_for(actor, role.actions, organisation_id, during), MORE_THAN_HELD)
    if user_id is not None:
        authorize(actor, "users.view", lock(User.objects.all(), user_id))
    if (user_id is None) == (group_id is None):
        raise Invalid("An assignment is for a user or for a group, not both.", code="user_or_group")
    row = Assignment(
        role=role,
        organisation_id=organisation_id,
        user_id=user_id,
        group_id=group_id,
        during=as_range(during),
        recorded_at=at,
        changed_at=at,
    )
    with broken_constraints(BROKEN):
        row.save(force_insert=True)
    return row


@recorded
def end_assignment(assignment_id: UUID, *, actor: Actor, at: datetime, expected_version: int | None = None) -> None:
    """Take an assignment away, at once, with all that it showed of its period."""
    row = lock_for(Assignment.objects.all(), assignment_id, actor=actor, action="assignments.delete")
    row.require_version(expected_version)
    row.delete()


def _places(role: Role) -> list[UUID]:
    return list(Assignment.objects.filter(role=role).values_list("organisation_id", flat=True).distinct())


def _unique(actions: Iterable[str]) -> list[str]:
    return sorted(set(actions))
