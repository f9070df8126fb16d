"""The whole way over HTTP: to the provider, back, and in; and every way in which it must not let anybody in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import Group

from apps.access import services
from apps.access.models import User
from apps.access.types import SYSTEM
from tests.access.identity.browsing import Browser
from tests.access.identity.conftest import RunningProvider
from tests.factories.access import PASSWORD, make_user
from tests.factories.core import NOON

pytestmark = pytest.mark.django_db(transaction=True)
Open = Callable[[], Browser]


@pytest.fixture
def browser(live_server: Any, provider: RunningProvider) -> Iterator[Open]:
    """Open browsers."""
    with ExitStack() as opened:
        yield lambda: opened.enter_context(Browser(live_server.url))


@pytest.fixture
def rule(settings: Any, provider: RunningProvider) -> Callable[..., None]:
    """Say what the provider's word is worth."""

    def set_rule(**changes: Any) -> None:
        changed = replace(settings.WATCHFLOOR.identity_provider, **changes)
        settings.WATCHFLOOR = replace(settings.WATCHFLOOR, identity_provider=changed)

    return set_rule


def linked(username: str, subject: str, issuer: str, *, is_staff: bool = False) -> User:
    user = make_user(username, password=None, is_staff=is_staff)
    services.link_identity(user.pk, issuer=issuer, subject=subject, actor=SYSTEM, at=NOON)
    return user


def test_in_and_again_and_out(browser: Open, provider: RunningProvider) -> None:
    alice = linked("alice", "sub-1", provider.issuer, is_staff=True)
    one = browser()
    login = one.visit("/admin/live-map/")
    assert "Sign in with Harbour ID" in login.text

    page = one.sign_in("sub-1", to="/sign-in/oidc/?next=/admin/live-map/")

    assert (page.status_code, urlsplit(str(page.url)).path) == (200, "/admin/live-map/")
    assert one.me()["username"] == "alice"
    other = browser()
    other.sign_in("sub-1")
    assert other.me()["id"] == str(alice.pk)
    assert (User.objects.count(), SocialAccount.objects.count()) == (1, 1)
    out = one.submit(one.visit("/admin/"), csrfmiddlewaretoken=_token_of(one))
    assert "Sign out at Harbour ID too" in out.text
    assert one.me()["status"] == 401
    assert provider.issuer in out.text


def test_what_is_asked_of_the_provider(browser: Open, provider: RunningProvider) -> None:
    asked = browser().get("/sign-in/oidc/?scope=everything&auth_params=prompt%3Dnone")
    query = parse_qs(urlsplit(asked.headers["Location"]).query)

    assert (asked.status_code, asked.headers["Location"].partition("?")[0]) == (302, f"{provider.issuer}/auth")
    assert {name: query[name] for name in ("response_type", "scope", "code_challenge_method", "client_id")} == {
        "response_type": ["code"],
        "scope": ["openid profile email"],
        "code_challenge_method": ["S256"],
        "client_id": ["watchfloor"],
    }
    assert all(len(query[name][0]) >= 16 for name in ("state", "nonce", "code_challenge"))
    assert "prompt" not in query


@pytest.mark.parametrize(
    "fault",
    [
        {"aud": "somebody-else"},
        {"aud": ["watchfloor", "somebody-else"]},
        {"nonce": "of another sign-in"},
        {"iss": "https://evil.example"},
        {"exp": 1_600_000_000},
        {"sub": ""},
        {"sub": "another person"},
    ],
    ids=["audience", "audiences", "nonce", "issuer", "expired", "nobody", "two people"],
)
def test_a_false_answer_lets_nobody_in(browser: Open, provider: RunningProvider, fault: dict[str, Any]) -> None:
    linked("alice", "sub-1", provider.issuer, is_staff=True)
    linked("bob", "another person", provider.issuer)
    provider.falsify(**fault)
    person = browser()

    page = person.sign_in("sub-1")

    assert (page.status_code, "You are not signed in." in page.text) == (403, True)
    assert person.me()["status"] == 401
    provider.falsify()
    person.sign_in("sub-1")
    assert person.me()["username"] == "alice"


def test_a_way_back_that_was_not_begun_here_lets_nobody_in(browser: Open, provider: RunningProvider) -> None:
    linked("alice", "sub-1", provider.issuer, is_staff=True)
    thief, victim = browser(), browser()
    thief.sign_in("sub-1")
    step = browser()
    start = step.get("/sign-in/oidc/").headers["Location"]
    stolen = f"/sign-in/oidc/callback/?code=x&state={parse_qs(urlsplit(start).query)['state'][0]}"

    answers = [
        victim.visit(stolen),
        victim.visit("/sign-in/oidc/callback/"),
        victim.visit("/sign-in/oidc/callback/?state=%00&code=x"),
        step.visit(stolen),
        step.visit(stolen),
    ]

    assert [answer.status_code for answer in answers[:2] + answers[3:]] == [403] * 4
    assert answers[2].status_code in (400, 403)
    assert victim.me()["status"] == step.me()["status"] == 401


def test_a_provider_that_is_away_gets_a_clear_page_and_passwords_go_on(
    browser: Open, provider: RunningProvider, rule: Any, settings: Any
) -> None:
    make_user("root", is_staff=True, is_superuser=True)
    person = browser()
    for issuer, message in [
        ("http://127.0.0.1:9", "cannot be reached"),
        (f"{provider.issuer}/elsewhere", "cannot be reached"),
        (f"{provider.issuer}/", "describes itself as another one"),
    ]:
        rule(issuer=issuer)
        page = person.visit("/sign-in/oidc/")
        assert (page.status_code in (403, 503), message in page.text) == (True, True)
        assert "Sign in with a password" in page.text
    assert person.visit("/admin/login/").status_code == 200


def test_a_provider_that_falls_silent_on_the_way_gets_a_clear_page(
    browser: Open, provider: RunningProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = browser()
    start = person.get("/sign-in/oidc/").headers["Location"]
    provider.pause()
    monkeypatch.setattr("apps.access.api.oidc.TIMEOUT_S", 0.3)
    page = person.visit(f"/sign-in/oidc/callback/?code=x&state={parse_qs(urlsplit(start).query)['state'][0]}")
    assert (page.status_code, "cannot be reached" in page.text) == (503, True)


def test_who_is_unknown_is_refused_unless_the_operator_says_otherwise(
    browser: Open, provider: RunningProvider, rule: Any
) -> None:
    provider.knows(zed={"preferred_username": "zed", "name": "Zed Q", "email": "zed@example.org", "groups": ["pilots"]})
    assert browser().sign_in("zed").status_code == 403
    assert not User.objects.exists()

    rule(creates_unknown=True)
    person = browser()
    page = person.sign_in("zed")

    made = User.objects.get()
    assert (made.username, made.display_name, made.email) == ("zed", "Zed Q", "")
    assert (made.is_staff, made.is_superuser, made.is_service, made.organisation_id) == (False, False, False, None)
    assert (made.has_usable_password(), made.groups.count(), made.assignments.count()) == (False, 0, 0)
    assert "This account may not use the console." in page.text
    assert (person.me()["actions"], person.me()["username"]) == ([], "zed")


def test_what_the_provider_lists_makes_staff_and_members_and_unmakes_them(
    browser: Open, provider: RunningProvider, rule: Any
) -> None:
    pilots, other = (services.create_group(name=name, actor=SYSTEM, at=NOON) for name in ("Pilots", "Other"))
    rule(creates_unknown=True, staff_groups=frozenset({"watch"}), group_map=(("pilots", "Pilots"), ("x", "Missing")))
    provider.knows(zed={"preferred_username": "zed", "groups": ["pilots", "watch", "x"]})
    browser().sign_in("zed")
    user = User.objects.get()
    assert (user.is_staff, set(user.groups.all())) == (True, {pilots})
    user.groups.add(other)

    provider.knows(zed={"preferred_username": "zed", "groups": "nothing of that"})
    browser().sign_in("zed")

    user.refresh_from_db()
    assert (user.is_staff, set(user.groups.all())) == (False, {Group.objects.get(name="Other")})


def test_a_claim_links_only_an_account_that_waits_for_it(browser: Open, provider: RunningProvider, rule: Any) -> None:
    rule(link_claim="email", creates_unknown=True)
    email = "ada@example.org"
    waiting = make_user("ada", password=None)
    User.objects.filter(pk=waiting.pk).update(email=email)

    provider.knows(thief={"email": email, "email_verified": False}, other={"email": email, "email_verified": "true"})
    for subject in ("thief", "other"):
        browser().sign_in(subject)
    assert not SocialAccount.objects.filter(user=waiting).exists()
    provider.knows(ada={"email": email.upper(), "email_verified": True})
    person = browser()
    person.sign_in("ada")
    assert person.me()["id"] == str(waiting.pk)
    provider.knows(late={"email": email, "email_verified": True})
    assert browser().sign_in("late").status_code == 403
    assert [row.uid for row in SocialAccount.objects.filter(user=waiting)] == ["ada"]


@pytest.mark.parametrize("whose", ["in use", "superuser", "service", "switched off"])
def test_a_claim_takes_over_nobody(browser: Open, provider: RunningProvider, rule: Any, whose: str) -> None:
    rule(link_claim="preferred_username", creates_unknown=True)
    make_user("ada", is_superuser=whose == "superuser", password=PASSWORD if whose == "in use" else None)
    User.objects.update(is_service=whose == "service", is_active=whose != "switched off")
    provider.knows(thief={"preferred_username": "ADA"})
    person = browser()

    page = person.sign_in("thief")

    assert (page.status_code, person.me()["status"]) == (403, 401)
    assert not SocialAccount.objects.exists()
    assert User.objects.count() == 1


def test_a_name_that_is_taken_or_none_is_not_given_again(browser: Open, provider: RunningProvider, rule: Any) -> None:
    rule(creates_unknown=True)
    ada = make_user("ada", is_superuser=True)
    for number, name in enumerate(["ada", "\u0000a b", "x" * 500, ["list"]]):
        provider.knows(**{f"sub-{number}": {"preferred_username": name, "name": name, "email": name}})
        person = browser()
        person.sign_in(f"sub-{number}")
        assert person.me()["username"] != "ada"
    assert User.objects.exclude(pk=ada.pk).count() == SocialAccount.objects.count() == 4


def test_who_is_switched_off_is_not_let_in(browser: Open, provider: RunningProvider) -> None:
    alice = linked("alice", "sub-1", provider.issuer)
    services.change_user(alice.pk, {"is_active": False}, actor=SYSTEM, at=NOON)
    page = browser().sign_in("sub-1")
    assert (page.status_code, "switched off" in page.text) == (403, True)


def test_another_issuer_inherits_nobody(browser: Open, provider: RunningProvider) -> None:
    linked("alice", "sub-1", "https://former.example")
    assert browser().sign_in("sub-1").status_code == 403


def test_staff_need_a_second_factor_also_by_this_way(browser: Open, provider: RunningProvider, settings: Any) -> None:
    settings.WATCHFLOOR = replace(settings.WATCHFLOOR, require_mfa=True)
    linked("alice", "sub-1", provider.issuer, is_staff=True)
    person = browser()

    page = person.sign_in("sub-1")

    assert "You need a second factor to go on." in page.text
    assert person.me()["status"] == 403


def test_a_second_factor_shown_at_the_provider_counts_where_the_operator_says_so(
    browser: Open, provider: RunningProvider, rule: Any, settings: Any
) -> None:
    settings.WATCHFLOOR = replace(settings.WATCHFLOOR, require_mfa=True)
    rule(mfa_methods=frozenset({"mfa"}))
    linked("alice", "sub-1", provider.issuer, is_staff=True)
    for amr, status in ((["pwd"], 403), (["pwd", "mfa"], None)):
        provider.falsify(amr=amr)
        person = browser()
        person.sign_in("sub-1")
        assert person.me().get("status") == status
    assert person.me()["second_factor"] == "shown"


def _token_of(person: Browser) -> str:
    return str(person._client.cookies.get("csrftoken"))
