"""Grants: one action on one object for one user or group, in guardian's table of the object's own noun."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Model

from apps.access.models import User
from apps.access.queries import authorize
from apps.access.queries.standing import codename
from apps.access.registry import protected_model
from apps.access.types import Actor, Protected
from apps.core.types import Invalid, NotFound


@transaction.atomic
def grant_access(thing: Model, action: str, *, to: User | Group, actor: Actor, at: datetime) -> bool:
    """Let a user or a group do one action, such as ``assets.view``, to one object; ``False`` if they could already.

    The actor needs ``share`` and the action itself on the object, and must see the user.
    """
    entry, verb = _grantable(thing, action)
    authorize(actor, f"{entry.noun}.share", thing)
    authorize(actor, action, thing)
    if isinstance(to, User):
        authorize(actor, "users.view", to)
    _keep(thing)
    table, holder = _table(entry, to)
    _, made = table._default_manager.get_or_create(content_object=thing, permission=_permission(entry, verb), **holder)
    return made


@transaction.atomic
def revoke_access(thing: Model, action: str, *, to: User | Group, actor: Actor, at: datetime) -> bool:
    """Take a grant back, at once; ``False`` if there was none. Needs ``share`` on the object."""
    entry, verb = _grantable(thing, action)
    authorize(actor, f"{entry.noun}.share", thing)
    table, holder = _table(entry, to)
    given = table._default_manager.filter(content_object=thing, permission=_permission(entry, verb), **holder)
    deleted, _ = given.delete()
    return deleted > 0


def _grantable(thing: Model, action: str) -> tuple[Protected, str]:
    entry = protected_model(type(thing))
    noun, _, verb = action.partition(".")
    if entry.grants is None or noun != entry.noun or verb not in entry.actions:
        raise Invalid(f"{action[:64]} cannot be granted on this.", code="not_grantable")
    return entry, verb


def _keep(thing: Model) -> None:
    """Hold the object against deletion until the grant stands."""
    rows = type(thing)._default_manager.select_for_update(of=("self",), no_key=True)
    if rows.filter(pk=thing.pk).first() is None:
        raise NotFound("There is no such thing, or you may not see it.")


def _table(entry: Protected, to: User | Group) -> tuple[type[Model], dict[str, Any]]:
    assert entry.grants is not None  # noqa: S101 - _grantable has looked
    by_user, by_group = entry.grants
    return (by_user, {"user": to}) if isinstance(to, User) else (by_group, {"group": to})


def _permission(entry: Protected, verb: str) -> Permission:
    content_type = ContentType.objects.get_for_model(entry.model)
    return Permission.objects.get(content_type=content_type, codename=codename(entry, verb))
