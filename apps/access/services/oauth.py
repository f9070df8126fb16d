"""OAuth clients: which program stands for which service account. Only superusers keep them.

A client's secret is told once and kept as a hash, its tokens as checksums. Tokens themselves are made and revoked by
the toolkit at ``/oauth``; triggers raise the access version when a token or a client goes.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction
from oauth2_provider.generators import generate_client_secret
from oauth2_provider.models import AccessToken, Application

from apps.access.models import User
from apps.access.queries.holdings import is_all_powerful
from apps.access.services.checks import clean, require
from apps.access.services.recording import recorded
from apps.access.types import Actor
from apps.core.types import FieldError, Invalid, NotFound

REFUSAL = "Only a superuser keeps OAuth clients."


@recorded
def create_oauth_client(*, name: str, account_id: UUID, actor: Actor, at: datetime) -> tuple[Application, str]:
    """Return a new client that stands for a service account, and its secret, which cannot be read again."""
    require(is_all_powerful(actor), REFUSAL)
    secret = generate_client_secret()
    row = Application(
        name=name,
        user=_service_account(account_id),
        client_secret=secret,
        client_type=Application.CLIENT_CONFIDENTIAL,
        authorization_grant_type=Application.GRANT_CLIENT_CREDENTIALS,
    )
    clean(row)
    row.save(force_insert=True)
    return row, secret


@recorded
def change_oauth_client(client_pk: int, *, name: str, account_id: UUID, actor: Actor, at: datetime) -> Application:
    """Return the client under its new name, for its new account; what tokens it had end when the account changes."""
    require(is_all_powerful(actor), REFUSAL)
    row = _locked(client_pk)
    account = _service_account(account_id)
    if row.user_id != account.pk:
        AccessToken.objects.filter(application=row).delete()
    row.name, row.user = name, account
    clean(row, exclude=["client_secret"])
    row.save(update_fields=["name", "user", "updated"])
    return row


@recorded
def renew_oauth_secret(client_pk: int, *, actor: Actor, at: datetime) -> str:
    """Return a new secret of the client; the old one, and all tokens that it gave out, end now."""
    require(is_all_powerful(actor), REFUSAL)
    row, secret = _locked(client_pk), generate_client_secret()
    AccessToken.objects.filter(application=row).delete()
    row.client_secret = secret
    row.save(update_fields=["client_secret", "updated"])
    return str(secret)


@recorded
def delete_oauth_client(client_pk: int, *, actor: Actor, at: datetime) -> None:
    """Delete the client and every token of it."""
    require(is_all_powerful(actor), REFUSAL)
    _locked(client_pk).delete()


@transaction.atomic
def forget_expired_tokens(at: datetime) -> int:
    """Delete OAuth tokens that have expired; returns how many. With none it writes nothing, and wakes nobody."""
    expired = AccessToken.objects.filter(expires__lte=at)
    if not expired.exists():
        return 0
    deleted, _ = expired.delete()
    return int(deleted)


def _locked(client_pk: int) -> Application:
    row = Application.objects.select_for_update(of=("self",)).filter(pk=client_pk).first()
    if row is None:
        raise NotFound("There is no such client.")
    return row


def _service_account(account_id: UUID) -> User:
    account = User.objects.filter(pk=account_id, is_service=True).first()
    if account is None:
        error = FieldError(pointer="/user", code="no_service_account", detail="Choose a service account.")
        raise Invalid("An OAuth client stands for a service account.", errors=[error])
    return account
