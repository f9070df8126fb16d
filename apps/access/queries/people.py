"""Who is who: users, and the actors that they become."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet
from oauth2_provider.models import AccessToken, Application

from apps.access.models import ApiKey, DeviceKey, SignInFailure, User
from apps.access.rules import (
    API_KEY,
    DEVICE_KEY,
    OAUTH_TOKEN_PREFIX,
    Token,
    checksum_of,
    is_in_networks,
    parse_token,
    sign_in_subjects,
)
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


def actor_of_token(text: str, address: str | None, at: datetime) -> tuple[User, Actor] | None:
    """Return the user that an API key or an OAuth token acts for, and the actor confined to its scopes.

    ``None`` for one that is no good: unknown, expired, revoked, of a deactivated user or not for this address.
    """
    if text.startswith(OAUTH_TOKEN_PREFIX):
        return _actor_of_access_token(text, at)
    token = parse_token(text, API_KEY)
    row = ApiKey.objects.select_related("user").filter(prefix=token.prefix).first() if token else None
    if token is None or row is None or not _is_good(row, token, address, at) or not row.user.is_active:
        return None
    # Not kept where it says nothing: sockets of one actor share what they may see.
    known = address if row.networks else None
    actor = replace(actor_of_user(row.user), scopes=frozenset(row.scopes), key_id=row.pk, address=known)
    return row.user, actor


def device_actor_of_token(text: str, address: str | None, at: datetime) -> Actor | None:
    """Return the actor of a device key, which may report and do nothing else; ``None`` for a key that is no good."""
    token = parse_token(text, DEVICE_KEY)
    row = DeviceKey.objects.filter(prefix=token.prefix).first() if token else None
    if token is None or row is None or not _is_good(row, token, address, at):
        return None
    return Actor(kind=ActorKind.DEVICE, label=row.name, organisation_id=row.organisation_id, key_id=row.pk)


def access_token_of(text: str, at: datetime) -> AccessToken | None:
    """Return the OAuth access token that this is, as long as it is good.

    Its client has to stand for an active service account: a client of nobody, or of a person, acts for nobody.
    """
    checksum = checksum_of(text)
    rows = AccessToken.objects.select_related("application__user")
    row = rows.filter(token_checksum=checksum, expires__gt=at).first() if checksum else None
    return row if row is not None and account_of(row.application) is not None else None


def account_of(application: Application | None) -> User | None:
    """Return the active service account that an OAuth client stands for; ``None`` when there is none."""
    user = None if application is None else application.user
    return user if isinstance(user, User) and user.is_service and user.is_active else None


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


def _actor_of_access_token(text: str, at: datetime) -> tuple[User, Actor] | None:
    row = access_token_of(text, at)
    user = account_of(row.application) if row else None
    if row is None or user is None:
        return None
    return user, replace(actor_of_user(user), scopes=frozenset(row.scope.split()), token_id=row.pk)


def _is_good(row: ApiKey | DeviceKey, token: Token, address: str | None, at: datetime) -> bool:
    proven = token.proves(row.secret_sha256)
    return proven and row.is_usable(at) and is_in_networks(address, row.networks)
