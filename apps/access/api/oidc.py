"""OpenID Connect, the client's side: authorization code flow with PKCE, state and nonce.

Nothing that the provider says is believed before it is verified: the discovery document must be of the issuer that the
operator named; the ID token must be signed by one of its keys, for us, now, and for this very sign-in; what the
userinfo endpoint adds must be of the same subject. Errors are ``Unavailable`` (it cannot be reached) and ``NotAllowed``
(what it says does not hold), with a sentence for the person.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote_plus, urlencode

import jwt
import requests
import structlog

from apps.access.services import is_subject
from apps.access.types import Identity, IdentityProvider
from apps.core.types import NotAllowed, Unavailable

TIMEOUT_S: Final = 5
LEEWAY_S: Final = 30
# Signatures by a key pair only: a secret that both sides know proves nothing about who signed, and "none" less.
ALGORITHMS: Final = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
)  # fmt: skip
log = structlog.get_logger(__name__)


def discover(provider: IdentityProvider) -> Mapping[str, Any]:
    """Return the provider's own description of its endpoints."""
    found = _get(f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration")
    if found.get("issuer") != provider.issuer:
        raise _distrust("The identity provider describes itself as another one.", issuer=found.get("issuer"))
    return found


def authorization_address(
    provider: IdentityProvider, endpoints: Mapping[str, Any], *, back_to: str, state: str, nonce: str, challenge: str
) -> str:
    """Return where the person is sent to sign in."""
    asked = {
        "response_type": "code",
        "client_id": provider.client_id,
        "redirect_uri": back_to,
        "scope": " ".join(provider.scopes),
        "state": state,
        "nonce": nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    return f"{_endpoint(endpoints, 'authorization_endpoint')}?{urlencode(asked)}"


def redeem(provider: IdentityProvider, *, code: str, verifier: str, nonce: str, back_to: str) -> Identity:
    """Return who signed in, from the code that they brought back; every claim of it is verified."""
    endpoints = discover(provider)
    tokens = _redeem_code(provider, endpoints, code=code, verifier=verifier, back_to=back_to)
    keys = _get(_endpoint(endpoints, "jwks_uri"))
    claims = read_id_token(str(tokens.get("id_token", "")), keys, provider=provider, nonce=nonce)
    more = _user_info(endpoints, str(tokens.get("access_token", "")), claims["sub"])
    # What is signed counts where both speak.
    return Identity(issuer=provider.issuer, subject=claims["sub"], claims={**more, **claims})


def read_id_token(text: str, keys: Mapping[str, Any], *, provider: IdentityProvider, nonce: str) -> dict[str, Any]:
    """Return the claims of an ID token, verified as OpenID Connect Core 3.1.3.7 asks.

    Raises ``NotAllowed`` for one of another issuer, for somebody else, expired, not of this sign-in, or not signed by
    one of the keys.
    """
    try:
        claims: dict[str, Any] = jwt.decode(
            text,
            key=_key_of(text, keys),
            algorithms=list(ALGORITHMS),
            issuer=provider.issuer,
            audience=provider.client_id,
            leeway=LEEWAY_S,
            options={"require": ["iss", "sub", "aud", "exp", "iat"]},
        )
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise _distrust("The identity provider's answer does not hold.", error=str(error)) from error
    is_for_us_alone = isinstance(claims["aud"], str) or len(claims["aud"]) == 1
    if not is_for_us_alone and claims.get("azp") != provider.client_id:
        raise _distrust("The identity provider's answer is for another program.", azp=claims.get("azp"))
    if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
        raise _distrust("The identity provider's answer is of another sign-in.")
    if not is_subject(claims["sub"]):
        raise _distrust("The identity provider does not say who this is.")
    return claims


def end_session_address(endpoints: Mapping[str, Any], *, client_id: str, back_to: str) -> str:
    """Return where somebody signs out at the provider; empty when it has no such place."""
    address = endpoints.get("end_session_endpoint")
    if not isinstance(address, str) or not address:
        return ""
    return f"{address}?{urlencode({'client_id': client_id, 'post_logout_redirect_uri': back_to})}"


def _redeem_code(
    provider: IdentityProvider, endpoints: Mapping[str, Any], *, code: str, verifier: str, back_to: str
) -> Mapping[str, Any]:
    sent = {"grant_type": "authorization_code", "code": code, "redirect_uri": back_to, "code_verifier": verifier}
    ways = endpoints.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    named: tuple[str, str] | None = (quote_plus(provider.client_id), quote_plus(provider.client_secret))
    if "client_secret_basic" not in ways:
        named, sent = None, {**sent, "client_id": provider.client_id, "client_secret": provider.client_secret}
    address = _endpoint(endpoints, "token_endpoint")
    try:
        answer = requests.post(address, data=sent, auth=named, timeout=TIMEOUT_S, allow_redirects=False)
    except requests.RequestException as error:
        raise _away(error) from error
    if answer.status_code >= 500:
        raise _away(f"status {answer.status_code}")
    tokens = _object(answer)
    if answer.status_code != 200:
        raise _distrust("The identity provider does not know this sign-in.", answer=str(tokens.get("error"))[:100])
    return tokens


def _user_info(endpoints: Mapping[str, Any], access_token: str, subject: str) -> Mapping[str, Any]:
    """Return what the provider adds about the subject; nothing when it has no such endpoint."""
    address = endpoints.get("userinfo_endpoint")
    if not isinstance(address, str) or not access_token:
        return {}
    more = _get(address, token=access_token)
    if more.get("sub") != subject:
        raise _distrust("The identity provider speaks of two people.")
    return more


def _key_of(text: str, keys: Mapping[str, Any]) -> jwt.PyJWK:
    """Return the key that the token says it is signed by."""
    header = jwt.get_unverified_header(text)
    known = jwt.PyJWKSet.from_dict(dict(keys)).keys
    fitting = [key for key in known if header.get("kid") in (None, key.key_id) and key.public_key_use in (None, "sig")]
    if len(fitting) != 1:
        raise ValueError("no key, or more than one, fits")
    return fitting[0]


def _get(address: str, *, token: str = "") -> Mapping[str, Any]:
    headers = {"Accept": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    try:
        answer = requests.get(address, headers=headers, timeout=TIMEOUT_S, allow_redirects=False)
        if answer.status_code != 200:
            raise _away(f"status {answer.status_code}")
        return _object(answer)
    except requests.RequestException as error:
        raise _away(error) from error


def _object(answer: requests.Response) -> Mapping[str, Any]:
    try:
        found = answer.json()
    except ValueError as error:
        raise _away("no JSON") from error
    if not isinstance(found, dict):
        raise _away("no JSON object")
    return found


def _endpoint(endpoints: Mapping[str, Any], name: str) -> str:
    address = endpoints.get(name)
    if not isinstance(address, str) or not address.startswith(("https://", "http://")):
        raise _away(f"it names no {name}")
    return address


def _away(why: object) -> Unavailable:
    log.warning("oidc.away", why=str(why))
    return Unavailable("The identity provider cannot be reached just now. Try again in a moment.", code="provider_away")


def _distrust(message: str, **why: object) -> NotAllowed:
    log.warning("oidc.distrusted", message=message, **why)
    return NotAllowed(f"{message} Begin again; if it stays so, tell whoever runs this.", code="not_verified")
