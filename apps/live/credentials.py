"""Who is at the other end of a socket: by ticket, key, token or session; and whether the page may ask at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, get_user
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest, parse_cookie
from django.http.request import split_domain_port, validate_host

from apps.access.api.addresses import address_behind
from apps.access.models import ApiKey
from apps.access.queries import actor_of_token, actor_of_user, lacks_second_factor
from apps.access.services import note_key_use
from apps.access.types import ANONYMOUS, Actor, ActorKind
from apps.live.queries import SignIn
from apps.live.services import redeem_ticket

Scope = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """Who somebody is, and the browser session that this hangs on, if it does."""

    actor: Actor
    sign_in: SignIn | None = None


def is_origin_trusted(scope: Scope) -> bool:
    """Say whether the page that opens the socket is one of ours, or no page at all.

    Browsers always send ``Origin`` and pages cannot change it, so that a foreign page cannot use somebody's cookie
    (cross-site WebSocket hijacking). Programs send none.
    """
    origin, host = header(scope, b"origin"), header(scope, b"host")
    domain, _ = split_domain_port(host or "")
    if not domain or not validate_host(domain, settings.ALLOWED_HOSTS):
        return False
    if origin is None or origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    try:
        return urlsplit(origin).netloc == host
    except ValueError:
        return False


def credential_of_request(scope: Scope, at: datetime) -> Credential | None:
    """Return who opened the socket, ``None`` if the request does not say; the first credential present counts.

    One that is present and wrong is nobody as well, never the next one.
    """
    tickets = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("ticket")
    if tickets:
        return credential_of_ticket(tickets[0], scope, at)
    authorization = header(scope, b"authorization")
    if authorization is not None:
        kind, _, token = authorization.partition(" ")
        return credential_of_token(token.strip(), scope, at) if kind.lower() == "bearer" else None
    return credential_of_session(scope)


def has_credential(scope: Scope) -> bool:
    """Say whether the request itself brings a ticket or a key, so that no ``auth`` frame is to be waited for."""
    return header(scope, b"authorization") is not None or b"ticket=" in scope.get("query_string", b"")


def credential_of_ticket(ticket: str, scope: Scope, at: datetime) -> Credential | None:
    """Use a ticket up. One of a session is worth what that is worth now, and its socket ends with it."""
    redeemed = redeem_ticket(ticket, address=address_of(scope), at=at)
    if redeemed is None:
        return None
    return _of_session(redeemed.session_key) if redeemed.session_key else Credential(actor=redeemed.actor)


def credential_of_token(token: str, scope: Scope, at: datetime) -> Credential | None:
    """Return the actor of an API key or an OAuth token that may be used from where the socket comes from."""
    found = actor_of_token(token, address_of(scope), at)
    if found is None:
        return None
    actor = found[1]
    if actor.key_id is not None:
        note_key_use(ApiKey, actor.key_id, at=at)
    return Credential(actor=actor)


def credential_of_session(scope: Scope) -> Credential | None:
    """Return who is signed in with the session of the cookie.

    Read here and not by Channels' middleware, which would stay between the hub and the socket and look at the
    session again with every message that is sent: it cost a fifth of all deliveries.
    """
    session_key = parse_cookie(header(scope, b"cookie") or "").get(settings.SESSION_COOKIE_NAME)
    return _of_session(session_key) if session_key else None


def _of_session(session_key: str) -> Credential | None:
    session = SessionStore(session_key)
    request = HttpRequest()
    request.session = session
    request.user = get_user(request)
    actor = ANONYMOUS if lacks_second_factor(request) else actor_of_user(request.user)
    if actor.kind is not ActorKind.USER or actor.user_id is None:
        return None
    sign_in = SignIn(session_key=session_key, user_id=actor.user_id, password_hash=session.get(HASH_SESSION_KEY, ""))
    return Credential(actor=actor, sign_in=sign_in)


def address_of(scope: Scope) -> str:
    """Return where the socket comes from; behind our own proxy, what that one added last."""
    peer = (scope.get("client") or ("",))[0]
    # A proxy may add a line of its own below the client's.
    return address_behind(str(peer), ",".join(_lines(scope, b"x-forwarded-for")))


def header(scope: Scope, name: bytes) -> str | None:
    """Return a request header, the first of that name."""
    return next(_lines(scope, name), None)


def _lines(scope: Scope, name: bytes) -> Iterator[str]:
    headers: Iterable[tuple[bytes, bytes]] = scope.get("headers", ())
    return (value.decode("latin-1") for key, value in headers if key.lower() == name)
