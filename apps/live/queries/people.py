"""Who is looking: what each may see, and who is nobody any more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar
from uuid import UUID

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.sessions.models import Session
from django.utils.crypto import constant_time_compare

from apps.access.queries import predicate
from apps.access.queries.many import learn_standings
from apps.access.queries.standing import one_moment, standing_of
from apps.access.types import Actor, Predicate

T = TypeVar("T")
# So many are read at a time: fewer than access keeps.
PEOPLE: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """A browser session that a socket lives by; ``password_hash`` is Django's proof that the password is the same."""

    session_key: str
    user_id: UUID
    password_hash: str


def reaches(wanted: Iterable[tuple[Actor, str]]) -> dict[tuple[Actor, str], Predicate]:
    """Return what each actor may do each action to, now."""
    found: dict[tuple[Actor, str], Predicate] = {}
    with one_moment():
        for pairs in _blocks(tuple(wanted)):
            learn_standings({actor for actor, _ in pairs}, {action for _, action in pairs})
            found |= {(actor, action): predicate(actor, action) for actor, action in pairs}
    return found


def fallen(actors: Iterable[Actor]) -> frozenset[Actor]:
    """Return the actors that are nobody any more: disabled, or their key revoked or expired."""
    found: set[Actor] = set()
    with one_moment():
        for block in _blocks(tuple(actors)):
            learn_standings(block, ())
            found |= {actor for actor in block if not standing_of(actor).is_active}
    return frozenset(found)


def ended_sessions(sessions: Iterable[SignIn], at: datetime) -> frozenset[str]:
    """Return the keys of the sessions that have ended: by signing out, by time, or by a new password."""
    asked = tuple(sessions)
    if not asked:
        return frozenset()
    keys = [sign_in.session_key for sign_in in asked]
    alive = set(Session.objects.filter(session_key__in=keys, expire_date__gt=at).values_list("session_key", flat=True))
    users = get_user_model().objects.in_bulk({sign_in.user_id for sign_in in asked})
    return frozenset(
        sign_in.session_key
        for sign_in in asked
        if sign_in.session_key not in alive or not _is_password_of(users.get(sign_in.user_id), sign_in)
    )


def _is_password_of(user: AbstractBaseUser | None, sign_in: SignIn) -> bool:
    return user is not None and constant_time_compare(user.get_session_auth_hash(), sign_in.password_hash)


def _blocks(things: Sequence[T]) -> Iterator[Sequence[T]]:
    return (things[start : start + PEOPLE] for start in range(0, len(things), PEOPLE))
