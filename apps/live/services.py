"""Feed tickets: given out, redeemed once, swept away. The feed itself writes nothing."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from django.db import transaction

from apps.access.queries import actor_of_user, validity_of
from apps.access.types import Actor
from apps.core.types import NotAllowed
from apps.live.models import FeedTicket
from apps.live.types import TICKET_LIFETIME, TICKET_PREFIX

SECRET_BYTES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedTicket:
    """A ticket as its owner gets it; the secret can never be shown again."""

    ticket: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RedeemedTicket:
    """Who a ticket stood for, and the browser session that it was asked for in, if it was."""

    actor: Actor
    session_key: str


@transaction.atomic
def issue_ticket(*, actor: Actor, at: datetime, session_key: str = "") -> IssuedTicket:
    """Return a new ticket for the actor; raises ``NotAllowed`` unless that is a user.

    Sweeps away what has expired, so that the table stays as small as half a minute of sign-ins.
    """
    if not actor.is_account or actor.user_id is None:
        raise NotAllowed("Only users may follow the feed.")
    FeedTicket.objects.filter(expires_at__lte=at).delete()
    ticket = TICKET_PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    row = FeedTicket.objects.create(
        secret_sha256=_digest(ticket),
        user_id=actor.user_id,
        api_key_id=actor.key_id,
        oauth_token_id=actor.token_id,
        scopes=None if actor.scopes is None else sorted(actor.scopes),
        session_key=session_key,
        expires_at=at + TICKET_LIFETIME,
    )
    return IssuedTicket(ticket=ticket, expires_at=row.expires_at)


@transaction.atomic
def redeem_ticket(ticket: str, *, address: str | None, at: datetime) -> RedeemedTicket | None:
    """Use a ticket up and return who it stands for; ``None`` for one that is unknown, used or expired.

    The same for one whose key or token is no good any more, or not from this address: a ticket is no way around the
    networks of a key. The row is locked before it is deleted: of two with one ticket, the second finds nothing.
    """
    row = (
        FeedTicket.objects.select_for_update(of=("self",))
        .select_related("user", "api_key")
        .filter(secret_sha256=_digest(ticket))
        .first()
    )
    if row is None:
        return None
    row.delete()
    if row.expires_at <= at:
        return None
    scopes = None if row.scopes is None else frozenset(row.scopes)
    actor = replace(
        actor_of_user(row.user),
        scopes=scopes,
        key_id=row.api_key_id,
        token_id=row.oauth_token_id,
        address=address if row.api_key is not None and row.api_key.networks else None,
    )
    if not (actor.is_account and validity_of(actor, at).stands):
        return None
    return RedeemedTicket(actor=actor, session_key=row.session_key)


def _digest(ticket: str) -> bytes:
    return hashlib.sha256(ticket.encode()).digest()
