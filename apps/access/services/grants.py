"""Grants: one action on one object for one user or group, in guardian's table of the object's own noun."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model

from apps.access.models import User
from apps.access.queries import authorize, subject_of
from apps.access.queries.holdings import reaches_for
from apps.access.queries.standing import codename
from apps.access.registry import protected_model
from apps.access.services.checks import as_range, require
from apps.access.services.recording import recorded
from apps.access.types import Actor, Protected
from apps.core.constraints import broken_constraints
from apps.core.types import Conflict, Invalid, NotFound, TimeWindow


@recorded
def grant_access(
    thing: Model,
    action: str,
    *,
    to: User | Group,
    during: TimeWindow = TimeWindow(),  # noqa: B008 - frozen
    actor: Actor,
    at: datetime,
) -> bool:
    """Let a user or a group do one action, such as ``assets.view``, to one object, for a period.

    Returns ``False`` if they could already for all of it; raises ``Conflict`` if they could for a part of it. The
    actor needs ``share`` and, for all of the period, the action itself on the object, and must see the user.
    """
    entry, verb = _grantable(thing, action)
    authorize(actor, f"{entry.noun}.share", thing)
    authorize(actor, action, thing)
    require(reaches_for(actor, action, subject_of(thing), during), "You do not hold this for all of that period.")
    if isinstance(to, User):
        authorize(actor, "users.view", to)
    _keep(thing)
    table, holder = _table(entry, to)
    period = as_range(during)
    same = {"content_object": thing, "permission": _permission(entry, verb), **holder}
    if table._default_manager.filter(**same, during__contains=period).exists():
        return False
    once = f"{table._meta.model_name}_once"
    with broken_constraints({once: lambda: Conflict("This is granted for a part of that time.", code="taken")}):
        table._default_manager.create(**same, during=period)
    return True


@recorded
def revoke_access(
    thing: Model, action: str, *, to: User | Group, only: int | None = None, actor: Actor, at: datetime
) -> bool:
    """Take a grant back, at once, with all that it showed of its period; ``False`` if there was none.

    All periods of it, or the ``only`` row of that key. Needs ``share`` on the object.
    """
    entry, verb = _grantable(thing, action)
    authorize(actor, f"{entry.noun}.share", thing)
    table, holder = _table(entry, to)
    given = table._default_manager.filter(content_object=thing, permission=_permission(entry, verb), **holder)
    deleted, _ = (given if only is None else given.filter(pk=only)).delete()
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
