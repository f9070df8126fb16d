"""Who is who: users, and the actors that they become."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet
from oauth2_provider.models import AccessToken

from apps.access.models import ApiKey, SignInFailure, User
from apps.access.rules import is_in_networks, sign_in_subjects
from apps.access.types import ANONYMOUS, Actor, ActorKind

FAILURE_WINDOW = timedelta(minutes=15)


class Validity(NamedTuple):
    """Whether a key or a token still stands, and until when; ``None`` is without end."""

    stands: bool = True
    until: datetime | None = None


def actor_of_user(user: User | AnonymousUser | None) -> Actor:
    """Return the actor that a signed-in user is; nobody, or a deactivated user, is anonymous."""
    if not isinstance(user, User) or not user.is_active:
        return ANONYMOUS
    kind = ActorKind.SERVICE if user.is_service else ActorKind.USER
    return Actor(kind=kind, label=user.label, user_id=user.pk, is_superuser=user.is_superuser)


def find_user(user_id: UUID | None) -> User | None:
    """Return an active user by id."""
    return User.objects.filter(pk=user_id, is_active=True).first() if user_id else None


def api_keys_of(user_id: UUID) -> QuerySet[ApiKey]:
    """Return the keys that act for a user, newest first."""
    return ApiKey.objects.filter(user=user_id)


def sign_in_blocked_until(username: str, address: str, at: datetime) -> datetime | None:
    """Return until when this name, from this address, has to wait before it may try again."""
    most = sign_in_subjects(username, address)
    rows = SignInFailure.objects.filter(subject__in=list(most), since__gt=at - FAILURE_WINDOW)
    return max((row.since + FAILURE_WINDOW for row in rows if row.failures >= most[row.subject]), default=None)


def validity_of(actor: Actor, at: datetime) -> Validity:
    """Return whether what the actor came with, a key or a token, still stands; for ever with neither."""
    return validities_of([actor], at)[actor]


def validities_of(actors: Collection[Actor], at: datetime) -> dict[Actor, Validity]:
    """Return the same for many actors; two statements at most."""
    tokens = {actor.token_id for actor in actors if actor.token_id is not None}
    keys = {actor.key_id for actor in actors if actor.token_id is None and actor.key_id is not None}
    expiries = {
        (pk, user_id): expires_at
        for pk, user_id, expires_at in (
            AccessToken.objects.filter(pk__in=tokens).values_list("pk", "application__user", "expires")
            if tokens
            else ()
        )
    }
    rows = {(row.pk, row.user_id): row for row in (ApiKey.objects.filter(pk__in=keys) if keys else ())}
    return {actor: _validity(actor, expiries, rows, at) for actor in actors}


def _validity(
    actor: Actor,
    expiries: Mapping[tuple[int, UUID | None], datetime],
    rows: Mapping[tuple[UUID, UUID], ApiKey],
    at: datetime,
) -> Validity:
    if actor.token_id is not None:
        expires_at = expiries.get((actor.token_id, actor.user_id))
        return Validity(expires_at is not None and at < expires_at, expires_at)
    if actor.key_id is None:
        return Validity()
    row = None if actor.user_id is None else rows.get((actor.key_id, actor.user_id))
    stands = row is not None and row.is_usable(at) and is_in_networks(actor.address, row.networks)
    return Validity(stands, row.expires_at if row else None)
