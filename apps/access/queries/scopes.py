"""What an actor may do one action to, as a frozen ``Scope``: roles, grants and policies of its standing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from apps.access.judging import Policies
from apps.access.queries.standing import (
    NOTHING,
    REPORT,
    Standing,
    access_version,
    granted,
    policies_over,
    standing_of,
)
from apps.access.registry import protected
from apps.access.types import READING, Actor, ActorKind, Protected, Scope
from apps.core import clock

# How long a scope stands in which the time of day has a say.
TIMED_FOR: Final = timedelta(seconds=1)


def scope(actor: Actor, action: str, *, with_periods: bool | None = None) -> Scope:
    """Return everything that the actor may do the action to, such as ``assets.view``; a frozen snapshot.

    Periods are told of actions that read, for only these reach into the past, unless ``with_periods`` asks for them.
    """
    entry, verb = entry_of(action)
    if actor.kind is ActorKind.SYSTEM:
        return Scope(everything=True, version=access_version())
    if actor.kind is ActorKind.ANONYMOUS:
        return Scope(version=access_version())
    standing = standing_of(actor)
    if not standing.is_active or not in_scopes(actor, action):
        return Scope(version=standing.version, expires_at=standing.expires_at)
    policies = policies_over(standing, action, actor.channel)
    if actor.kind is ActorKind.DEVICE:
        return _scope_of_device(actor, verb, standing, policies)
    periods = verb in READING if with_periods is None else with_periods
    return scope_of_user(entry, verb, standing, policies, with_periods=periods)


def entry_of(action: str) -> tuple[Protected, str]:
    """Return the noun and the verb of an action; raises ``LookupError`` for one that nobody registered."""
    noun, _, verb = action.partition(".")
    entry = protected(noun)
    if verb not in entry.actions:
        raise LookupError(f"{action} is not an action that anybody registered.")
    return entry, verb


def in_scopes(actor: Actor, action: str) -> bool:
    """Say whether what the actor came with, a key or a token, lets it do the action at all."""
    return actor.scopes is None or action in actor.scopes


def _scope_of_device(actor: Actor, verb: str, standing: Standing, policies: Policies) -> Scope:
    if verb != REPORT:
        return Scope(version=standing.version, expires_at=standing.expires_at)
    only = frozenset() if actor.asset_id is None else frozenset({actor.asset_id})
    below = standing.organisations.get(REPORT, frozenset()) if actor.asset_id is None else frozenset()
    return Scope(
        organisation_ids=below,
        object_ids=only,
        policies=policies,
        version=standing.version,
        expires_at=_expiry(standing, policies),
    )


def scope_of_user(entry: Protected, verb: str, standing: Standing, policies: Policies, *, with_periods: bool) -> Scope:
    """Return what a standing gives a user for one action, with the policies that count for it."""
    action = f"{entry.noun}.{verb}"
    if standing.is_superuser or entry.organisation is None:
        # Reference data: whoever is signed in reads it; who holds the action at the top of a tree changes it.
        return Scope(
            everything=standing.is_superuser or verb == "view" or action in standing.at_root,
            policies=policies,
            version=standing.version,
            expires_at=_expiry(standing, policies),
        )
    objects = granted(standing, entry, verb) if entry.grants or entry.owner else NOTHING
    return Scope(
        organisation_ids=standing.organisations.get(action, frozenset()),
        object_ids=objects.now,
        organisation_periods=standing.periods.get(action, {}) if with_periods else {},
        object_periods=objects.periods if with_periods else {},
        policies=policies,
        version=standing.version,
        expires_at=_expiry(standing, policies),
    )


def _expiry(standing: Standing, policies: Policies) -> datetime | None:
    if not policies.is_timed:
        return standing.expires_at
    soon = clock.now() + TIMED_FOR
    return soon if standing.expires_at is None else min(soon, standing.expires_at)
