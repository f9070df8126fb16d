"""Who is asking: people by session, programs by API key, devices by device key. All end in an ``Actor``."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import TYPE_CHECKING

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from apps.access.api.addresses import client_address
from apps.access.models import ApiKey, DeviceKey
from apps.access.queries import actor_of_token, actor_of_user, device_actor_of_token, lacks_second_factor
from apps.access.services import note_key_use
from apps.access.types import ANONYMOUS, Actor, Channel
from apps.core import clock
from apps.core.types import NotAllowed

if TYPE_CHECKING:
    from rest_framework.views import APIView

    from apps.access.models import User

CHALLENGE = 'Bearer realm="watchfloor"'


def actor_of(request: Request | HttpRequest) -> Actor:
    """Return the actor of a request, after authentication; ``ANONYMOUS`` for nobody."""
    if isinstance(request, Request):
        return by_rest(request.auth) if isinstance(request.auth, Actor) else ANONYMOUS
    user = getattr(request, "user", None)
    return ANONYMOUS if lacks_second_factor(request) else by_rest(actor_of_user(user))


def by_rest(actor: Actor) -> Actor:
    """Return somebody who comes over REST, unless they came by another door."""
    return actor if actor == ANONYMOUS or actor.channel else replace(actor, channel=Channel.REST)


def bearer_token(authorization: str) -> str | None:
    """Return the token of an ``Authorization`` header, ``None`` when it is of another scheme."""
    scheme, _, token = authorization.strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


class SessionActorAuthentication(SessionAuthentication):
    """A person signed in with a session; changes need the CSRF token."""

    def authenticate(self, request: Request) -> tuple[User, Actor] | None:
        """Return the user and their actor, or ``None`` without a session or when the request brings a key.

        Raises ``NotAllowed`` for staff who have to bring a second factor and have not yet.
        """
        if bearer_token(request.headers.get("Authorization", "")) is not None:
            return None
        found = super().authenticate(request)
        if found and lacks_second_factor(request._request):  # noqa: SLF001 - DRF's own name for it
            raise NotAllowed("Sign in with a second factor first.", code="second_factor_required")
        return (found[0], _carry(request, actor_of_user(found[0]))) if found else None

    def enforce_csrf(self, request: Request) -> None:
        """Check the token; what it is read from is kept, since ``Idempotency-Key`` needs the raw body afterwards."""
        _ = request._request.body  # noqa: SLF001 - DRF's own name for it
        super().enforce_csrf(request)

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge, so that nobody gets 401 and not 403."""
        return CHALLENGE


class ApiKeyAuthentication(BaseAuthentication):
    """A program with ``Authorization: Bearer wf_<prefix>_<secret>``, or with an OAuth access token, ``wfo_...``."""

    def authenticate(self, request: Request) -> tuple[User, Actor] | None:
        """Return the user that it acts for and the actor confined to its scopes; 401 for one that is no good."""
        token = self.token(request.headers.get("Authorization", ""))
        if token is None:
            return None
        at = clock.now()
        found = actor_of_token(token, client_address(request._request), at)  # noqa: SLF001 - DRF's own name for it
        if found is None:
            raise AuthenticationFailed("This key is unknown, expired, revoked or not for this address.")
        if found[1].key_id is not None:
            note_key_use(ApiKey, found[1].key_id, at=at)
        return found[0], _carry(request, found[1])

    def token(self, authorization: str) -> str | None:
        """Return the token of an ``Authorization`` header; ``None`` when it is of another scheme."""
        return bearer_token(authorization)

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge for a 401."""
        return CHALLENGE


class KeyAsPasswordAuthentication(ApiKeyAuthentication):
    """A program that can only ask for a name and a password (RFC 7617), such as a calendar: the password is a key."""

    def token(self, authorization: str) -> str | None:
        """Return the password; whatever the name is."""
        scheme, _, given = authorization.strip().partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            return base64.b64decode(given, validate=True).decode().partition(":")[2]
        except ValueError:
            return ""

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge for a 401, at which a calendar asks its person."""
        return 'Basic realm="watchfloor", charset="UTF-8"'


class DeviceKeyAuthentication(BaseAuthentication):
    """A device with ``Authorization: Bearer wfd_<prefix>_<secret>``; for ingest only, before the other classes."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, Actor] | None:
        """Return nobody and the device's actor; ``None`` for whoever brings no device key."""
        token = bearer_token(request.headers.get("Authorization", ""))
        if token is None or not token.startswith("wfd_"):
            return None
        at = clock.now()
        actor = device_actor_of_token(token, client_address(request._request), at)  # noqa: SLF001 - DRF's own name
        if actor is None or actor.key_id is None:
            raise AuthenticationFailed("This key is unknown, expired, revoked or not for this address.")
        note_key_use(DeviceKey, actor.key_id, at=at)
        return AnonymousUser(), _carry(request, actor)

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge for a 401."""
        return CHALLENGE


class IsSignedIn(BasePermission):
    """Lets users in, by session or key; what they may see is decided by the doors."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Say whether somebody is signed in."""
        return actor_of(request).user_id is not None


class MayReport(BasePermission):
    """Lets users and devices in, on ingest; what they may report for is decided by the doors."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Say whether somebody, or something, is known."""
        return actor_of(request) != ANONYMOUS


def _carry(request: Request, actor: Actor) -> Actor:
    request._request.actor = actor  # type: ignore[attr-defined]  # noqa: SLF001 - read as request.actor
    return actor
