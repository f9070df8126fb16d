"""Who is who: users, and the actors that they become."""

from __future__ import annotations

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
    if actor.token_id is not None:
        mine = AccessToken.objects.filter(pk=actor.token_id, application__user=actor.user_id)
        expires_at = mine.values_list("expires", flat=True).first()
        return Validity(expires_at is not None and at < expires_at, expires_at)
    if actor.key_id is not None:
        row = ApiKey.objects.filter(pk=actor.key_id, user=actor.user_id).first()
        stands = row is not None and row.is_usable(at) and is_in_networks(actor.address, row.networks)
        return Validity(stands, row.expires_at if row else None)
    return Validity()
