"""OAuth 2 for programs: client credentials, introspection (RFC 7662) and revocation (RFC 7009), and no other grant.

A client stands for a service account. One that stands for nobody, or whose account is switched off, is refused here
as if its secret were wrong; what a token may do is decided by the doors, as everywhere.
"""

from __future__ import annotations

from typing import Any, Protocol

from django.db import DataError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from oauth2_provider.oauth2_validators import OAuth2Validator
from oauth2_provider.scopes import BaseScopes
from oauth2_provider.views import IntrospectTokenView, RevokeTokenView, TokenView

from apps.access.queries import access_token_of, account_of
from apps.access.registry import all_actions
from apps.access.rules import new_access_token
from apps.core import clock

CHALLENGE = 'Basic realm="watchfloor"'


class OauthRequest(Protocol):
    """What oauthlib knows of a request."""

    client: Any


def new_token(_: OauthRequest) -> str:
    """Return a fresh access token."""
    return new_access_token()


class ActionScopes(BaseScopes):  # type: ignore[misc]  # oauth2_provider is untyped
    """The scopes are our actions. Without a scope asked for there is none: a program says what it needs."""

    def get_all_scopes(self) -> dict[str, str]:
        """Return every action."""
        return {action: action for action in sorted(all_actions())}

    def get_available_scopes(self, *_: Any, **__: Any) -> list[str]:
        """Return what may be asked for; the rights of the account bound what it is worth."""
        return sorted(all_actions())

    def get_default_scopes(self, *_: Any, **__: Any) -> list[str]:
        """Return nothing."""
        return []


class ClientValidator(OAuth2Validator):  # type: ignore[misc]  # oauth2_provider is untyped
    """Lets a client in that knows its secret and stands for an active service account."""

    def authenticate_client(self, request: OauthRequest, *args: Any, **kwargs: Any) -> bool:
        """Say whether it is such a client."""
        try:
            is_known = bool(super().authenticate_client(request, *args, **kwargs))
        except (ValueError, DataError):
            return False  # what was sent is no base64 and no text that a database can hold
        return is_known and account_of(request.client) is not None

    def authenticate_client_id(self, *_: Any, **__: Any) -> bool:
        """Say no: there are no clients without a secret."""
        return False

    def validate_grant_type(self, client_id: str, grant_type: str, client: Any, *args: Any, **kwargs: Any) -> bool:
        """Say whether it is the one grant that there is."""
        known = grant_type == "client_credentials"
        return known and bool(super().validate_grant_type(client_id, grant_type, client, *args, **kwargs))

    def validate_scopes(self, client_id: str, scopes: list[str], *args: Any, **kwargs: Any) -> bool:
        """Say whether at least one action was asked for, and only actions that exist."""
        return bool(scopes) and bool(super().validate_scopes(client_id, scopes, *args, **kwargs))


@method_decorator([csrf_exempt, never_cache], name="dispatch")
class Token(TokenView):  # type: ignore[misc]  # oauth2_provider is untyped
    """``POST /oauth/token``: an access token for a client that knows its secret."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Give out a token; the toolkit's own detour for devices is not taken."""
        response: HttpResponse = self.authorization_flow_token_response(request, *args, **kwargs)
        return response


@method_decorator([csrf_exempt, never_cache], name="dispatch")
class Introspect(IntrospectTokenView):  # type: ignore[misc]  # oauth2_provider is untyped
    """``POST /oauth/introspect``: what a token is worth now, for clients only."""

    http_method_names = ["post", "options"]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Answer, unless something stands in the address, which is written to logs; the other two refuse it too."""
        if request.method == "POST" and request.META.get("QUERY_STRING"):
            told = {"error": "invalid_request", "error_description": "URL query parameters are not allowed"}
            return JsonResponse(told, status=400)
        response: HttpResponse = super().dispatch(request, *args, **kwargs)
        return response

    @staticmethod
    def get_token_response(token_value: str | None = None) -> HttpResponse:
        """Return what RFC 7662 says of a token; of one that is no good, for whatever reason, only that."""
        if not token_value:
            return JsonResponse({"error": "invalid_request", "error_description": "Name a token."}, status=400)
        row = access_token_of(token_value, clock.now())
        account = account_of(row.application) if row else None
        if row is None or account is None:
            return JsonResponse({"active": False})
        return JsonResponse(
            {
                "active": True,
                "scope": row.scope,
                "client_id": row.application.client_id,
                "username": account.username,
                "sub": str(account.pk),
                "token_type": "Bearer",
                "iat": int(row.created.timestamp()),
                "exp": int(row.expires.timestamp()),
            }
        )

    def unauthenticated_response(self, request: HttpRequest, oauthlib_request: Any = None) -> HttpResponse:
        """Return the challenge for who is no client; a token of one's own opens nothing here."""
        return JsonResponse({"error": "invalid_client"}, status=401, headers={"WWW-Authenticate": CHALLENGE})


@method_decorator([csrf_exempt, never_cache], name="dispatch")
class Revoke(RevokeTokenView):  # type: ignore[misc]  # oauth2_provider is untyped
    """``POST /oauth/revoke``: a client takes its own token back."""


token, introspect, revoke = Token.as_view(), Introspect.as_view(), Revoke.as_view()
