"""Who is who: users, and the actors that they become."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from apps.access.models import ApiKey, DeviceKey, SignInFailure, User
from apps.access.rules import API_KEY, DEVICE_KEY, Token, is_in_networks, parse_token, sign_in_subjects
from apps.access.types import ANONYMOUS, Actor, ActorKind

FAILURE_WINDOW = timedelta(minutes=15)


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


def actor_of_token(text: str, address: str | None, at: datetime) -> tuple[User, Actor] | None:
    """Return the user that an API key acts for and the actor confined to it; ``None`` for a key that is no good."""
    token = parse_token(text, API_KEY)
    row = ApiKey.objects.select_related("user").filter(prefix=token.prefix).first() if token else None
    if token is None or row is None or not _is_good(row, token, address, at) or not row.user.is_active:
        return None
    actor = replace(actor_of_user(row.user), scopes=frozenset(row.scopes), key_id=row.pk)
    return row.user, actor


def device_actor_of_token(text: str, address: str | None, at: datetime) -> Actor | None:
    """Return the actor of a device key, which may report and do nothing else; ``None`` for a key that is no good."""
    token = parse_token(text, DEVICE_KEY)
    row = DeviceKey.objects.filter(prefix=token.prefix).first() if token else None
    if token is None or row is None or not _is_good(row, token, address, at):
        return None
    return Actor(kind=ActorKind.DEVICE, label=row.name, organisation_id=row.organisation_id, key_id=row.pk)


def _is_good(row: ApiKey | DeviceKey, token: Token, address: str | None, at: datetime) -> bool:
    proven = token.proves(row.secret_sha256)
    return proven and row.is_usable(at) and is_in_networks(address, row.networks)
