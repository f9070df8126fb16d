"""What an ID token must be to be believed: each way to forge one, with keys made for the occasion."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from apps.access.api.oidc import read_id_token
from apps.access.types import IdentityProvider
from apps.core.types import NotAllowed

PROVIDER = IdentityProvider(issuer="https://id.example", client_id="watchfloor", client_secret="s" * 32)
KEY, OTHER = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
NONCE = "of this sign-in"


def public(key: Any, **more: str) -> dict[str, Any]:
    return {**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())), "kid": "1", "use": "sig", **more}


KEYS = {"keys": [public(KEY)]}


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    honest = {"iss": PROVIDER.issuer, "aud": "watchfloor", "sub": "sub-1", "nonce": NONCE, "iat": now, "exp": now + 60}
    return {name: value for name, value in {**honest, **changes}.items() if value is not None}


def signed(key: Any = KEY, algorithm: str = "RS256", kid: str | None = "1", **changes: Any) -> str:
    return jwt.encode(claims(**changes), key, algorithm=algorithm, headers={"kid": kid} if kid else {})


def read(text: str, keys: dict[str, Any] = KEYS) -> dict[str, Any]:
    return read_id_token(text, keys, provider=PROVIDER, nonce=NONCE)


def test_an_honest_one_is_believed() -> None:
    assert read(signed())["sub"] == "sub-1"
    assert read(signed(kid=None))["sub"] == "sub-1"
    assert read(signed(aud=["watchfloor"]))["sub"] == "sub-1"
    assert read(signed(aud=["watchfloor", "x"], azp="watchfloor"))["sub"] == "sub-1"


# Signed when they are read: what was signed when the tests were gathered has long expired, for whatever else it is.
FORGED: dict[str, Callable[[], str]] = {
    "nothing": lambda: "",
    "nonsense": lambda: "a.b.c",
    "unsigned": lambda: jwt.encode(claims(), "", algorithm="none", headers={"kid": "1"}),
    "signed with the shared secret": lambda: signed("s" * 32, "HS256"),
    "signed by another key": lambda: signed(OTHER),
    "of an unknown key": lambda: signed(kid="2"),
    "of another issuer": lambda: signed(iss="https://evil.example"),
    "of nearly the issuer": lambda: signed(iss="https://id.example/"),
    "for another program": lambda: signed(aud="other"),
    "for several, and not said which": lambda: signed(aud=["watchfloor", "other"]),
    "for several, and another": lambda: signed(aud=["watchfloor", "other"], azp="other"),
    "expired": lambda: signed(exp=int(time.time()) - 60),
    "from the future": lambda: signed(iat=int(time.time()) + 600),
    "of another sign-in": lambda: signed(nonce="x"),
    "of no sign-in": lambda: signed(nonce=None),
    "of nobody": lambda: signed(sub=None),
    "of an empty subject": lambda: signed(sub=""),
    "of an endless subject": lambda: signed(sub="x" * 192),
    "of a subject with a NUL": lambda: signed(sub="a\x00b"),
    "without an end": lambda: signed(exp=None),
    "without an audience": lambda: signed(aud=None),
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED.keys())
def test_a_forged_one_is_not(forge: Callable[[], str]) -> None:
    text = forge()
    with pytest.raises(NotAllowed) as refusal:
        read(text)
    assert refusal.value.code == "not_verified"


@pytest.mark.parametrize(
    "keys", [{}, {"keys": []}, {"keys": "x"}, {"keys": [{"kty": "oct", "k": "cw"}]}, {"keys": [{}]}]
)
def test_without_a_key_that_fits_none_is_believed(keys: dict[str, Any]) -> None:
    with pytest.raises(NotAllowed):
        read(signed(), keys)


def test_a_key_for_encryption_or_two_of_one_name_sign_nothing() -> None:
    for keys in ([public(KEY, use="enc")], [public(KEY), public(OTHER)]):
        with pytest.raises(NotAllowed):
            read(signed(), {"keys": keys})
