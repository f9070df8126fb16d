"""Users and groups. Whoever can set a password can become that person, so it takes no less than they hold."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from apps.access.models import User
from apps.access.queries import authorize, authorize_image, authorize_in
from apps.access.queries.holdings import is_all_powerful, outranks
from apps.access.services.checks import apply, clean, in_use_is_a_conflict, lock_for, require
from apps.access.services.recording import recorded
from apps.access.types import Actor
from apps.core.constraints import broken_constraints, taken
from apps.core.locks import lock
from apps.core.types import FieldError, Invalid, NotFound

BROKEN = {
    "access_user_username_key": lambda: taken("/username", "Another user has this name."),
    "access_user_username_once": lambda: taken("/username", "Another user has this name."),
    "auth_group_name_key": lambda: taken("/name", "Another group has this name."),
}


class UserChanges(TypedDict, total=False):
    """What may be changed of a user."""

    username: str
    email: str
    display_name: str
    organisation_id: UUID | None
    is_active: bool
    is_staff: bool
    is_superuser: bool


@recorded
def create_user(
    *,
    username: str,
    password: str | None = None,
    email: str = "",
    display_name: str = "",
    organisation_id: UUID | None = None,
    is_staff: bool = False,
    is_superuser: bool = False,
    is_service: bool = False,
    actor: Actor,
    at: datetime,
) -> User:
    """Return a new user; without a password nobody can sign in as them, only keys act for them.

    A service account has neither password nor the admin: asked for together, that is ``Invalid``.
    """
    authorize_in(actor, "users.add", organisation_id)
    require(not is_superuser or is_all_powerful(actor), "Only a superuser makes another.")
    _require_never_signs_in(
        is_service=is_service, password=password is not None, is_staff=is_staff, is_superuser=is_superuser
    )
    row = User(
        username=User.normalize_username(username),
        email=email,
        display_name=display_name,
        organisation_id=organisation_id,
        is_staff=is_staff,
        is_superuser=is_superuser,
        is_service=is_service,
        recorded_at=at,
        changed_at=at,
    )
    _set_password(row, password)
    clean(row, exclude=["password"])
    with broken_constraints(BROKEN):
        row.save(force_insert=True)
    return row


@recorded
def change_user(
    user_id: UUID, changes: UserChanges, *, actor: Actor, at: datetime, expected_version: int | None = None
) -> User:
    """Return the user with the changes.

    It takes ``users.change`` where the user is, and where they are moved to, and nothing that they hold may be
    missing to the actor. Only superusers make superusers.
    """
    row = lock_for(User.objects.all(), user_id, actor=actor, action="users.change")
    row.require_version(expected_version)
    require(outranks(actor, row), "This user holds more than you do.")
    before = (row.organisation_id, row.is_superuser)
    apply(row, changes, UserChanges.__annotations__)
    if row.organisation_id != before[0]:
        authorize_in(actor, "users.add", row.organisation_id)
    require(row.is_superuser == before[1] or is_all_powerful(actor), "Only a superuser makes another.")
    _require_never_signs_in(is_service=row.is_service, is_staff=row.is_staff, is_superuser=row.is_superuser)
    authorize_image(actor, "users.change", row)
    row.username = User.normalize_username(row.username)
    row.mark_changed(at)
    clean(row, exclude=["password"])
    with broken_constraints(BROKEN):
        row.save()
    return row


@recorded
def set_password(user_id: UUID, password: str, *, actor: Actor, at: datetime) -> User:
    """Return the user with a new password, which ends their sessions; everybody may set their own."""
    row = lock(User.objects.all(), user_id)
    if actor.user_id != row.pk or actor.scopes is not None:
        authorize(actor, "users.change", row)
        require(outranks(actor, row), "This user holds more than you do.")
    _require_never_signs_in(is_service=row.is_service, password=True)
    _set_password(row, password)
    row.mark_changed(at)
    row.save(update_fields=["password", "version", "changed_at"])
    return row


@recorded
def create_group(*, name: str, actor: Actor, at: datetime) -> Group:
    """Return a new group. Groups span organisations, so superusers keep them."""
    require(is_all_powerful(actor), "Only a superuser keeps groups.")
    row = Group(name=name)
    clean(row)
    with broken_constraints(BROKEN):
        row.save(force_insert=True)
    return row


@recorded
def set_group_members(group_id: int, user_ids: Iterable[UUID], *, actor: Actor, at: datetime) -> Group:
    """Return the group with exactly these members."""
    require(is_all_powerful(actor), "Only a superuser keeps groups.")
    group = Group.objects.select_for_update().filter(pk=group_id).first()
    if group is None:
        raise NotFound("There is no such group.")
    group.user_set.set(User.objects.filter(pk__in=list(user_ids)))
    return group


@recorded
def set_user_groups(user_id: UUID, group_ids: Iterable[int], *, actor: Actor, at: datetime) -> User:
    """Return the user, a member of exactly these groups."""
    require(is_all_powerful(actor), "Only a superuser keeps groups.")
    user = lock(User.objects.all(), user_id)
    user.groups.set(Group.objects.filter(pk__in=list(group_ids)))
    return user


@recorded
def delete_group(group_id: int, *, actor: Actor, at: datetime) -> None:
    """Delete a group together with its assignments and grants."""
    require(is_all_powerful(actor), "Only a superuser keeps groups.")
    with in_use_is_a_conflict("The group is still needed."):
        Group.objects.filter(pk=group_id).delete()


def _require_never_signs_in(*, is_service: bool, **given: bool) -> None:
    """Raise ``Invalid`` for a service account that is given what only people have."""
    wrong = [name for name, is_given in given.items() if is_service and is_given]
    if wrong:
        detail = "A service account acts by keys and tokens only."
        errors = [FieldError(pointer=f"/{name}", code="service_account", detail=detail) for name in wrong]
        raise Invalid("A service account does not sign in.", code="service_account", errors=errors)


def _set_password(row: User, password: str | None) -> None:
    if password is None:
        row.set_unusable_password()
        return
    try:
        validate_password(password, row)
    except ValidationError as error:
        errors = [
            FieldError(pointer="/password", code=str(each.code or "weak"), detail=" ".join(each.messages))
            for each in error.error_list
        ]
        raise Invalid("The password is too weak.", code="weak_password", errors=errors) from error
    row.set_password(password)
