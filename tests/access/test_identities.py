"""Who an identity provider's people are here, asked of the service: what HTTP adds is tried in ``identity``."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount

from apps.access.models import User
from apps.access.services import sign_in_identity
from apps.access.types import Identity, IdentityProvider
from apps.core.types import NotAllowed
from tests.factories.access import make_user
from tests.factories.core import NOON

pytestmark = pytest.mark.django_db
ISSUER = "https://id.example"


def provider(claim: str) -> IdentityProvider:
    return IdentityProvider(
        issuer=ISSUER,
        client_id="watchfloor",
        client_secret="only for tests",
        name="Harbour ID",
        scopes=("openid",),
        link_claim=claim,
        creates_unknown=False,
        groups_claim="groups",
        staff_groups=frozenset(),
        group_map=(),
        mfa_methods=frozenset(),
    )


def sign_in(claim: str, **claims: Any) -> User:
    identity = Identity(issuer=ISSUER, subject="sub-1", claims={**claims, "email_verified": True})
    return sign_in_identity(identity, provider(claim), at=NOON)


@pytest.mark.parametrize(("claim", "domain"), [("email", "@example.org"), ("preferred_username", "")])
def test_letters_whose_capitals_are_alike_are_not_the_same_person(claim: str, domain: str) -> None:
    mike = make_user("mike", password=None)
    User.objects.filter(pk=mike.pk).update(email="mike@example.org")

    # A dotless i: the capitals of both are MIKE, also to the database.
    with pytest.raises(NotAllowed):
        sign_in(claim, **{claim: f"m\u0131ke{domain}"})

    assert not SocialAccount.objects.exists()
    assert sign_in(claim, **{claim: f"Mike{domain}"}) == mike
