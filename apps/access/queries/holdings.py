"""What an actor may hand on: nobody gives, or takes over, more than they hold themselves."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from uuid import UUID

from apps.access.models import User
from apps.access.queries.doors import visible
from apps.access.queries.people import actor_of_user
from apps.access.queries.standing import Standing, granted_ids, standing_of
from apps.access.registry import all_actions, all_protected
from apps.access.types import Actor, ActorKind, Protected


def is_all_powerful(actor: Actor) -> bool:
    """Say whether the actor is the system or a superuser whom no key confines."""
    if actor.kind is ActorKind.SYSTEM:
        return True
    return actor.is_signed_in and standing_of(actor).is_superuser


def holds(actor: Actor, actions: Iterable[str], organisation_ids: Collection[UUID]) -> bool:
    """Say whether the actor has every action, by role, in every one of the organisations."""
    if is_all_powerful(actor):
        return True
    standing = _active_standing(actor)
    wanted = frozenset(organisation_ids)
    return standing is not None and all(
        _in_scopes(actor, action)
        and (standing.is_superuser or wanted <= standing.organisations.get(action, frozenset()))
        for action in actions
    )


def holds_at_root(actor: Actor, actions: Iterable[str]) -> bool:
    """Say whether the actor has every action, by role, at the top of a tree."""
    if is_all_powerful(actor):
        return True
    standing = _active_standing(actor)
    return standing is not None and all(
        _in_scopes(actor, action) and (standing.is_superuser or action in standing.at_root) for action in actions
    )


def held_actions(actor: Actor) -> frozenset[str]:
    """Return the actions that the actor holds by role anywhere, within the scopes of its key."""
    standing = _active_standing(actor)
    if standing is None:
        return frozenset()
    held = all_actions() if standing.is_superuser else frozenset(standing.organisations) & all_actions()
    return frozenset(action for action in held if _in_scopes(actor, action))


def outranks(actor: Actor, user: User) -> bool:
    """Say whether everything that the user holds, by role or by grant, is held by the actor as well.

    Whoever may set a password may become that person, so it takes no less. A superuser is outranked by superusers
    only. A query or two per kind of grant, so it is for changes of people and not for lists.
    """
    if is_all_powerful(actor) or actor.user_id == user.pk:
        return True
    if user.is_superuser:
        return False
    theirs = standing_of(actor_of_user(user))
    held = all(holds(actor, [action], owners) for action, owners in theirs.organisations.items())
    return held and all(_reaches_grants(actor, entry, theirs) for entry in all_protected() if entry.grants)


def _reaches_grants(actor: Actor, entry: Protected, theirs: Standing) -> bool:
    for verb in entry.actions:
        granted = granted_ids(theirs, entry, verb)
        rows = entry.model._default_manager.filter(pk__in=granted)
        if granted and visible(rows, actor, f"{entry.noun}.{verb}").count() < len(granted):
            return False
    return True


def _active_standing(actor: Actor) -> Standing | None:
    if not actor.is_account:
        return None
    standing = standing_of(actor)
    return standing if standing.is_active else None


def _in_scopes(actor: Actor, action: str) -> bool:
    return actor.scopes is None or action in actor.scopes
