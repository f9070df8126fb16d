"""What an actor may hand on: nobody gives, or takes over, more than they hold themselves."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from uuid import UUID

from apps.access.judging import Effect
from apps.access.models import User
from apps.access.queries.clauses import Terms, names_action
from apps.access.queries.people import actor_of_user
from apps.access.queries.scopes import scope
from apps.access.queries.standing import Standing, granted, standing_of, windows_in
from apps.access.registry import all_actions, all_protected
from apps.access.types import ALWAYS, Actor, ActorKind, Protected, Subject, covers
from apps.core.types import TimeWindow


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


def holds_for(actor: Actor, actions: Iterable[str], organisation_id: UUID, during: TimeWindow) -> bool:
    """Say whether the actor has every action, by role, in the organisation for all of a period.

    Who holds something for the hours of a shift could otherwise hand on the past.
    """
    if is_all_powerful(actor):
        return True
    standing = _active_standing(actor)
    return standing is not None and all(
        _in_scopes(actor, action)
        and (standing.is_superuser or covers(windows_in(standing, action, organisation_id), during))
        for action in actions
    )


def reaches_for(actor: Actor, action: str, subject: Subject, during: TimeWindow) -> bool:
    """Say whether the actor may do the action to the object, by role or grant, for all of a period."""
    return covers(scope(actor, action, with_periods=True).windows(subject.id, subject.organisation_id), during)


def outranks(actor: Actor, user: User) -> bool:
    """Say whether everything that the user holds, by role or by grant, is held by the actor as well, as long.

    Whoever may set a password may become that person, so it takes no less. A superuser is outranked by superusers
    only. A query or two per kind of grant, so it is for changes of people and not for lists.
    """
    if is_all_powerful(actor) or actor.user_id == user.pk:
        return True
    if user.is_superuser:
        return False
    theirs = standing_of(actor_of_user(user))
    held = all(_holds_as_long(actor, action, theirs) for action in {*theirs.organisations, *theirs.periods})
    permitted = all(_holds_permit(actor, terms) for terms in theirs.terms if terms.effect is Effect.PERMIT)
    return (
        held and permitted and all(_reaches_grants(actor, entry, theirs) for entry in all_protected() if entry.grants)
    )


def _holds_as_long(actor: Actor, action: str, theirs: Standing) -> bool:
    places = {*theirs.organisations.get(action, ()), *theirs.periods.get(action, ())}
    return all(
        holds_for(actor, [action], place, window) for place in places for window in windows_in(theirs, action, place)
    )


def _holds_permit(actor: Actor, terms: Terms) -> bool:
    """Say whether the actor holds what a policy may permit somebody, wherever that may be."""
    actions = [each for each in all_actions() if names_action(terms.actions, each)]
    places = terms.organisation_ids
    return places is not None and all(holds_for(actor, actions, place, terms.during) for place in places)


def _reaches_grants(actor: Actor, entry: Protected, theirs: Standing) -> bool:
    for verb in entry.actions:
        held = granted(theirs, entry, verb)
        ids = held.now | held.periods.keys()
        if not ids:
            continue
        mine = scope(actor, f"{entry.noun}.{verb}", with_periods=True)
        owners = dict(entry.model._default_manager.filter(pk__in=ids).values_list("pk", entry.organisation or "pk"))
        for id_, owner in owners.items():
            windows = mine.windows(id_, owner)
            if not all(covers(windows, each) for each in held.periods.get(id_, ALWAYS)):
                return False
    return True


def _active_standing(actor: Actor) -> Standing | None:
    if not actor.is_account:
        return None
    standing = standing_of(actor)
    return standing if standing.is_active else None


def _in_scopes(actor: Actor, action: str) -> bool:
    return actor.scopes is None or action in actor.scopes
