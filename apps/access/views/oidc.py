"""Signing in with an identity provider: there, and back again. With none configured these pages do not exist."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account.internal.flows.login import record_authentication
from allauth.account.utils import get_next_redirect_url
from allauth.socialaccount.internal import statekit
from allauth.socialaccount.providers.oauth2.utils import generate_code_challenge
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET

from apps.access.api import oidc
from apps.access.queries import ELSEWHERE
from apps.access.rules import provider_key
from apps.access.services import sign_in_identity
from apps.access.types import Identity, IdentityProvider
from apps.access.views.pages import dress, refused
from apps.access.views.password import go_on
from apps.core import clock
from apps.core.types import NotAllowed, Unavailable

END_SESSION = "oidc_end_session"
LONGEST_ANSWER = 4_000
View = Callable[[HttpRequest, IdentityProvider], HttpResponse]


def _with_provider(view: View) -> Callable[[HttpRequest], HttpResponse]:
    """Give the view the provider, and turn what goes wrong into a page that says so."""

    @wraps(view)
    def guarded(request: HttpRequest) -> HttpResponse:
        provider = settings.WATCHFLOOR.identity_provider
        if provider is None:
            raise Http404
        ways = (
            {"name": f"Try {provider.name} again", "address": reverse("openid_connect_login")},
            {"name": "Sign in with a password", "address": reverse("admin:login")},
        )
        try:
            return dress(view(request, provider))
        except NotAllowed as error:
            return refused(request, error.message, status=403, ways=ways)
        except Unavailable as error:
            return refused(request, error.message, status=503, ways=ways)

    return require_GET(guarded)


@_with_provider
def begin(request: HttpRequest, provider: IdentityProvider) -> HttpResponse:
    """Send somebody to the provider; state, nonce and the PKCE verifier stay in their session."""
    endpoints = oidc.discover(provider)
    pkce, nonce = generate_code_challenge(), secrets.token_urlsafe(32)
    kept = {"nonce": nonce, "verifier": pkce["code_verifier"], "next": get_next_redirect_url(request)}
    state = statekit.stash_state(request, provider_id=provider_key(provider.issuer), state=kept)
    challenge = pkce["code_challenge"]
    return HttpResponseRedirect(
        oidc.authorization_address(
            provider,
            endpoints,
            back_to=_callback(request),
            state=state,
            nonce=nonce,
            challenge=challenge.decode() if isinstance(challenge, bytes) else challenge,
        )
    )


@_with_provider
def come_back(request: HttpRequest, provider: IdentityProvider) -> HttpResponse:
    """Take somebody in whom the provider sends back, if what it says of them holds."""
    kept = _kept_state(request, provider)
    # Mix-up defence (RFC 9207): an answer that says whose it is has to be of the provider that was asked.
    if request.GET.get("iss", provider.issuer) != provider.issuer:
        raise NotAllowed("This answer is of another identity provider. Begin again.", code="other_provider")
    if "error" in request.GET:
        raise NotAllowed(f"{provider.name} did not sign you in.", code="refused_there")
    code = request.GET.get("code", "")
    if not code or len(code) > LONGEST_ANSWER:
        raise NotAllowed("The identity provider sent nothing to go by. Begin again.", code="no_code")
    identity = oidc.redeem(
        provider, code=code, verifier=kept["verifier"], nonce=kept["nonce"], back_to=_callback(request)
    )
    user = sign_in_identity(identity, provider, at=clock.now())
    response = go_on(request, user, method="oidc", to=kept["next"] or reverse("admin:index"))
    if request.user.is_authenticated and request.user.pk == user.pk and _has_two_factors(identity, provider):
        record_authentication(request, user, "mfa", type=ELSEWHERE)
    request.session[END_SESSION] = _end_session(request, provider)
    return response


def sign_in_elsewhere(request: HttpRequest) -> dict[str, str] | None:
    """Return the name and the address of the other way to sign in, if there is one."""
    provider = settings.WATCHFLOOR.identity_provider
    if provider is None:
        return None
    wanted = get_next_redirect_url(request)
    query = f"?{urlencode({'next': wanted})}" if wanted else ""
    return {"name": provider.name, "address": f"{reverse('openid_connect_login')}{query}"}


def sign_out_elsewhere(request: HttpRequest) -> dict[str, str] | None:
    """Return where somebody signs out who has signed in elsewhere; ask before their session is gone."""
    provider, address = settings.WATCHFLOOR.identity_provider, request.session.get(END_SESSION)
    return {"name": provider.name, "address": address} if provider and address else None


def _kept_state(request: HttpRequest, provider: IdentityProvider) -> dict[str, Any]:
    """Return what was kept when this sign-in was begun in this browser; it is good once, for ten minutes."""
    state_id = request.GET.get("state", "")
    kept: dict[str, Any] | None = statekit.unstash_state(
        request, provider_id=provider_key(provider.issuer), state_id=state_id
    )
    if kept is None:
        raise NotAllowed("This sign-in was not begun in this browser, or too long ago. Begin again.", code="no_state")
    return kept


def _has_two_factors(identity: Identity, provider: IdentityProvider) -> bool:
    return bool(identity.texts("amr") & provider.mfa_methods)


def _end_session(request: HttpRequest, provider: IdentityProvider) -> str:
    back_to = request.build_absolute_uri(reverse("admin:login"))
    try:
        endpoints = oidc.discover(provider)
    except (NotAllowed, Unavailable):
        return ""
    return oidc.end_session_address(endpoints, client_id=provider.client_id, back_to=back_to)


def _callback(request: HttpRequest) -> str:
    return request.build_absolute_uri(reverse("openid_connect_callback"))
