"""Who is asking: sessions of people in a browser, API keys of programs. Both end in an ``Actor``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from apps.access.queries import actor_of_user
from apps.access.types import ANONYMOUS, Actor

if TYPE_CHECKING:
    from rest_framework.views import APIView

    from apps.access.models import User

CHALLENGE = 'Bearer realm="watchfloor"'


def actor_of(request: Request | HttpRequest) -> Actor:
    """Return the actor of a request, after authentication; ``ANONYMOUS`` for nobody."""
    if isinstance(request, Request):
        return request.auth if isinstance(request.auth, Actor) else ANONYMOUS
    return actor_of_user(getattr(request, "user", None))


class SessionActorAuthentication(SessionAuthentication):
    """A person signed in with a session; changes need the CSRF token."""

    def authenticate(self, request: Request) -> tuple[User, Actor] | None:
        """Return the user and their actor, or ``None`` without a session."""
        found = super().authenticate(request)
        if found is None:
            return None
        user = found[0]
        return user, actor_of_user(user)

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 - DRF's signature
        """Return the challenge, so that nobody gets 401 and not 403."""
        return CHALLENGE


class ApiKeyAuthentication(BaseAuthentication):
    """A program with ``Authorization: Bearer wf_<prefix>_<secret>``."""

    def authenticate(self, request: Request) -> tuple[User, Actor] | None:
        """Return the user that the key acts for and an actor confined to its scopes."""
        return None

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 - DRF's signature
        """Return the challenge for a 401."""
        return CHALLENGE


class IsSignedIn(BasePermission):
    """Lets users in, by session or key; what they may see is decided by the doors."""

    def has_permission(self, request: Request, view: APIView) -> bool:  # noqa: ARG002 - DRF's signature
        """Say whether somebody is signed in."""
        return actor_of(request).user_id is not None
