"""Who a token stands for: API keys, device keys and OAuth access tokens."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from oauth2_provider.models import AccessToken, Application

from apps.access.models import ApiKey, DeviceKey, User
from apps.access.queries.people import actor_of_user
from apps.access.queries.standing import VERSION_SQL, note_version
from apps.access.rules import (
    API_KEY,
    DEVICE_KEY,
    OAUTH_TOKEN_PREFIX,
    Token,
    checksum_of,
    is_in_networks,
    parse_token,
)
from apps.access.types import Actor, ActorKind
from apps.core.prepared import columns_of, first_row, row_of

KEY_FIELDS: Final = ("id", "user_id", "secret_sha256", "networks", "expires_at", "revoked_at", "scopes")
USER_FIELDS: Final = (
    *("id", "version", "username", "display_name", "organisation_id"),
    *("is_active", "is_staff", "is_superuser", "is_service"),
)
# The key, whom it acts for, and the access version that the request will be decided by: one statement.
API_KEY_SQL: Final = f"""
SELECT {columns_of(ApiKey, "key", KEY_FIELDS)}, {columns_of(User, "owner", USER_FIELDS)}, coalesce(({VERSION_SQL}), 0)
FROM access_apikey AS key JOIN access_user AS owner ON owner.id = key.user_id
WHERE key.prefix = %s
"""  # noqa: S608 - names of columns


def actor_of_token(text: str, address: str | None, at: datetime) -> tuple[User, Actor] | None:
    """Return the user that an API key or an OAuth token acts for, and the actor confined to its scopes.

    ``None`` for one that is no good: unknown, expired, revoked, of a deactivated user or not for this address.
    """
    if text.startswith(OAUTH_TOKEN_PREFIX):
        return _actor_of_access_token(text, at)
    token = parse_token(text, API_KEY)
    found = first_row(API_KEY_SQL, [token.prefix]) if token else None
    if token is None or found is None:
        return None
    row = row_of(ApiKey, KEY_FIELDS, found[: len(KEY_FIELDS)])
    user = row_of(User, USER_FIELDS, found[len(KEY_FIELDS) : -1])
    if not _is_good(row, token, address, at) or not user.is_active:
        return None
    note_version(found[-1])
    # Not kept where it says nothing: sockets of one actor share what they may see.
    known = address if row.networks else None
    actor = replace(actor_of_user(user), scopes=frozenset(row.scopes), key_id=row.pk, address=known)
    return user, actor


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


def _actor_of_access_token(text: str, at: datetime) -> tuple[User, Actor] | None:
    row = access_token_of(text, at)
    user = account_of(row.application) if row else None
    if row is None or user is None:
        return None
    return user, replace(actor_of_user(user), scopes=frozenset(row.scope.split()), token_id=row.pk)


def _is_good(row: ApiKey | DeviceKey, token: Token, address: str | None, at: datetime) -> bool:
    proven = token.proves(row.secret_sha256)
    return proven and row.is_usable(at) and is_in_networks(address, row.networks)
