"""What the operator says of signing in: nothing changes unless it is said, and what cannot be meant is refused."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from apps.access.types import IdentityProvider
from project.env import Environment, read_environment

GIVEN = {
    "WATCHFLOOR_OIDC_ISSUER": "https://id.example",
    "WATCHFLOOR_OIDC_CLIENT_ID": "watchfloor",
    "WATCHFLOOR_OIDC_CLIENT_SECRET": "secret",
}


def read(monkeypatch: pytest.MonkeyPatch, **given: str) -> Environment:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return read_environment.__wrapped__()


def test_with_nothing_said_there_is_no_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    found = read(monkeypatch)
    assert (found.identity_provider, found.require_mfa) == (None, None)
    empty = read(monkeypatch, WATCHFLOOR_OIDC_ISSUER="", WATCHFLOOR_REQUIRE_MFA="")
    assert (empty.identity_provider, empty.require_mfa) == (None, None)


@pytest.mark.parametrize(("text", "expected"), [("true", True), ("false", False), ("0", False)])
def test_whether_staff_need_a_second_factor(monkeypatch: pytest.MonkeyPatch, text: str, *, expected: bool) -> None:
    assert read(monkeypatch, WATCHFLOOR_REQUIRE_MFA=text).require_mfa is expected


def test_a_provider_with_the_least_and_with_all(monkeypatch: pytest.MonkeyPatch) -> None:
    least = IdentityProvider(issuer="https://id.example", client_id="watchfloor", client_secret="secret")
    assert read(monkeypatch, **GIVEN).identity_provider == least
    more = read(
        monkeypatch,
        WATCHFLOOR_OIDC_NAME="Harbour ID",
        WATCHFLOOR_OIDC_LINK_CLAIM="email",
        WATCHFLOOR_OIDC_UNKNOWN="create",
        WATCHFLOOR_OIDC_STAFF_GROUPS="watch,masters",
        WATCHFLOOR_OIDC_GROUP_MAP="pilots=Pilots, masters=Harbour masters",
        WATCHFLOOR_OIDC_MFA_METHODS="mfa",
    )
    assert more.identity_provider == IdentityProvider(
        issuer="https://id.example",
        client_id="watchfloor",
        client_secret="secret",
        name="Harbour ID",
        link_claim="email",
        creates_unknown=True,
        staff_groups=frozenset({"watch", "masters"}),
        group_map=(("pilots", "Pilots"), ("masters", "Harbour masters")),
        mfa_methods=frozenset({"mfa"}),
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WATCHFLOOR_OIDC_ISSUER", "http://id.example"),
        ("WATCHFLOOR_OIDC_ISSUER", "id.example"),
        ("WATCHFLOOR_OIDC_UNKNOWN", "maybe"),
        ("WATCHFLOOR_OIDC_GROUP_MAP", "pilots"),
        ("WATCHFLOOR_OIDC_GROUP_MAP", "=Pilots"),
    ],
)
def test_what_cannot_be_meant_stops_the_process(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    with pytest.raises(ImproperlyConfigured):
        read(monkeypatch, **{**GIVEN, name: value})
