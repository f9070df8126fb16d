"""The second factor: asked of staff everywhere, set up on one page, and not to be guessed or used twice."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.test import Client
from django.urls import reverse

from apps.access import services
from apps.access.models import User
from apps.access.rules import MOST_ATTEMPTS
from apps.access.types import SYSTEM
from apps.core.types import NotAllowed
from tests.factories.access import PASSWORD, make_organisation, make_user, signed_in, with_key
from tests.factories.core import NOON, after

pytestmark = pytest.mark.django_db
SET_UP = "/sign-in/second-factor/set-up/"
CODE = "/sign-in/second-factor/code/"


@pytest.fixture(autouse=True)
def _required(settings: Any, time_machine: Any) -> None:
    settings.WATCHFLOOR = replace(settings.WATCHFLOOR, require_mfa=True)
    time_machine.move_to(NOON, tick=False)


@pytest.fixture
def alice() -> User:
    return make_user("alice", is_staff=True, organisation=make_organisation())


def sign_in(client: Client, username: str = "alice", password: str = PASSWORD, to: str = "/admin/") -> Any:
    return client.post(f"/admin/login/?next={to}", {"username": username, "password": password, "next": to})


def code_of(secret: str) -> str:
    """Return what an authenticator app shows now."""
    import time  # noqa: PLC0415 - read where the test has moved it

    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30)))


def enrol(client: Client) -> str:
    """Set up an app in a session that was just begun; returns its secret."""
    page = client.get(SET_UP).content.decode()
    found = re.search(r'id="totp-secret">([A-Z2-7]+)<', page)
    assert found is not None, page
    done = client.post(SET_UP, {"code": code_of(found[1])})
    assert (done.status_code, done.headers["Location"]) == (302, "/sign-in/second-factor/recovery-codes/")
    return found[1]


def is_in(client: Client) -> bool:
    return client.get("/admin/").status_code == 200


def test_staff_without_one_reaches_the_page_that_sets_one_up_and_nothing_else(alice: User) -> None:
    client = Client()
    first = sign_in(client, to="/admin/live-map/")
    assert (first.status_code, first.headers["Location"]) == (302, "/admin/live-map/")

    for address in ("/admin/", "/admin/live-map/", reverse("admin:access_user_changelist")):
        assert client.get(address).headers["Location"] == f"/admin/login/?next={address}"
    onward = client.get("/admin/login/?next=/admin/live-map/")
    assert onward.headers["Location"] == f"{SET_UP}?next=%2Fadmin%2Flive-map%2F"
    assert client.get("/admin/dashboard/").status_code == 401
    for address in ("", "recovery-codes/", "recovery-codes/new/", "take-away/"):
        answer = client.get(f"/sign-in/second-factor/{address}")
        assert (answer.status_code, answer.headers["Location"].startswith("/admin/login/")) == (302, True)
    page = client.get(SET_UP)
    assert (page.status_code, "You need a second factor to go on." in page.content.decode()) == (200, True)
    assert "unsafe-inline" not in page.headers["Content-Security-Policy"].partition("script-src")[2].partition(";")[0]
    assert "no-store" in page.headers["Cache-Control"]


def test_rest_is_no_way_around_it_but_keys_need_none(alice: User) -> None:
    client = Client()
    sign_in(client)

    refused = [client.get("/api/v1/me"), client.get("/api/v1/assets"), client.post("/api/v1/feed-tickets")]
    assert {(each.status_code, each.json()["type"]) for each in refused} == {
        (403, "urn:watchfloor:problem:second_factor_required")
    }
    key = Client().get("/api/v1/me", headers=with_key(alice))
    assert (key.status_code, key.json()["signed_in_by"], key.json()["second_factor"]) == (200, "api_key", "none")


def test_who_is_no_staff_is_not_asked(alice: User) -> None:
    make_user("bob")
    assert signed_in(User.objects.get(username="bob")).get("/api/v1/me").json()["second_factor"] == "none"


def test_a_superuser_is_asked_also_without_being_staff(alice: User) -> None:
    assert signed_in(make_user("root", is_superuser=True)).get("/api/v1/me").status_code == 403


def test_set_up_once_then_asked_at_every_sign_in(alice: User, time_machine: Any) -> None:
    client = Client()
    sign_in(client)
    secret = enrol(client)

    assert is_in(client)
    me = client.get("/api/v1/me").json()
    assert (me["signed_in_by"], me["second_factor"]) == ("session", "shown")
    codes = client.get("/sign-in/second-factor/recovery-codes/").content.decode()
    shown = codes.partition('id="recovery-codes">')[2].partition("</pre>")[0].split()
    assert shown == Authenticator.objects.get(user=alice, type="recovery_codes").wrap().get_unused_codes()
    kept = Authenticator.objects.get(user=alice, type="totp")
    assert secret not in str(kept.data)

    time_machine.move_to(after(60), tick=False)
    again = Client()
    step = sign_in(again, to="/admin/live-map/")
    assert (step.headers["Location"], is_in(again)) == (CODE, False)
    assert again.get("/api/v1/me").status_code == 401
    assert again.post(CODE, {"code": "000000"}).status_code == 200
    assert not is_in(again)
    done = again.post(CODE, {"code": code_of(secret)})
    assert (done.status_code, done.headers["Location"], is_in(again)) == (302, "/admin/live-map/", True)


def test_a_code_counts_once(alice: User, time_machine: Any, settings: Any) -> None:
    client = Client()
    sign_in(client)
    secret = enrol(client)
    time_machine.move_to(after(60), tick=False)
    code = code_of(secret)
    # What another process has seen is not in this one's cache.
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    first, second = Client(), Client()
    for each in (first, second):
        sign_in(each)
        each.post(CODE, {"code": code})
    assert (is_in(first), is_in(second)) == (True, False)
    time_machine.move_to(after(89), tick=False)
    second.post(CODE, {"code": code})
    assert not is_in(second)


def test_a_recovery_code_lets_in_once(alice: User) -> None:
    client = Client()
    sign_in(client)
    enrol(client)
    code = Authenticator.objects.get(user=alice, type="recovery_codes").wrap().get_unused_codes()[0]
    first, second = Client(), Client()
    for each in (first, second):
        sign_in(each)
        each.post(CODE, {"code": code})
    assert (is_in(first), is_in(second)) == (True, False)


def test_codes_cannot_be_guessed_and_a_right_password_forgives_no_wrong_code(alice: User, time_machine: Any) -> None:
    client = Client()
    sign_in(client)
    secret = enrol(client)
    time_machine.move_to(after(60), tick=False)
    for _ in range(MOST_ATTEMPTS["both"] // 2):
        thief = Client()
        sign_in(thief)
        for _ in range(2):
            thief.post(CODE, {"code": "000000"})
    thief = Client()
    sign_in(thief)
    page = thief.post(CODE, {"code": code_of(secret)})

    assert not is_in(thief)
    assert "Too many attempts. Try again in 15 min." in page.content.decode()
    time_machine.move_to(after(60 + 15 * 60), tick=False)
    sign_in(thief)
    thief.post(CODE, {"code": code_of(secret)})
    assert is_in(thief)


def test_what_is_shown_again_is_counted_like_a_sign_in(alice: User, time_machine: Any) -> None:
    client = Client()
    sign_in(client)
    time_machine.move_to(after(600), tick=False)
    assert client.get(SET_UP).headers["Location"].startswith("/sign-in/password/")
    for _ in range(MOST_ATTEMPTS["both"]):
        client.post("/sign-in/password/", {"password": "wrong"})
    client.post("/sign-in/password/", {"password": PASSWORD})
    assert client.get(SET_UP).headers["Location"].startswith("/sign-in/password/")
    time_machine.move_to(after(600 + 15 * 60), tick=False)
    client.post("/sign-in/password/", {"password": PASSWORD})
    assert client.get(SET_UP).status_code == 200


def test_a_session_from_before_has_to_show_the_code_and_cannot_take_the_factor_away(
    alice: User, time_machine: Any
) -> None:
    old, client = Client(), Client()
    sign_in(old)
    sign_in(client)
    secret = enrol(client)
    time_machine.move_to(after(60), tick=False)

    assert old.get("/sign-in/second-factor/take-away/").headers["Location"].startswith("/admin/login/")
    assert old.get("/admin/login/").headers["Location"].startswith("/sign-in/second-factor/code-again/")
    assert old.post("/sign-in/password/", {"password": PASSWORD}).status_code == 302
    assert not is_in(old)
    old.post("/sign-in/second-factor/code-again/?next=/admin/", {"code": code_of(secret)})
    assert is_in(old)


def test_taken_away_it_has_to_be_set_up_anew(alice: User, time_machine: Any) -> None:
    client = Client()
    sign_in(client)
    enrol(client)
    assert client.get("/sign-in/second-factor/").status_code == 200
    assert client.get("/sign-in/second-factor/take-away/").status_code == 200
    assert client.post("/sign-in/second-factor/recovery-codes/new/").status_code == 302
    assert client.post("/sign-in/second-factor/take-away/").status_code == 302
    assert not Authenticator.objects.exists()
    later = Client()
    sign_in(later)
    assert later.get("/admin/login/").headers["Location"].startswith(SET_UP)


def test_a_superuser_resets_it_for_who_has_lost_their_phone(alice: User) -> None:
    client = Client()
    sign_in(client)
    enrol(client)
    with pytest.raises(NotAllowed):
        services.reset_second_factor(alice.pk, actor=SYSTEM.__class__(kind=SYSTEM.kind.USER, label="x"), at=NOON)
    make_user("root", is_superuser=True, is_staff=True)
    root = Client()
    sign_in(root, "root")
    enrol(root)
    row = Authenticator.objects.get(user=alice, type="totp")
    assert client.get(reverse("admin:mfa_authenticator_changelist")).status_code == 403
    assert root.get(reverse("admin:mfa_authenticator_changelist")).status_code == 200
    assert root.post(reverse("admin:mfa_authenticator_delete", args=[row.pk]), {"post": "yes"}).status_code == 302
    assert not Authenticator.objects.filter(user=alice).exists()
    assert not is_in(client)


def test_an_old_session_does_not_open_with_the_new_app_of_somebody_else(alice: User, time_machine: Any) -> None:
    old, new = Client(), Client()
    sign_in(old)
    enrol(old)
    Authenticator.objects.all().delete()
    time_machine.move_to(after(60), tick=False)
    sign_in(new)
    enrol(new)

    assert (is_in(old), is_in(new)) == (False, True)


def test_the_first_code_is_spent_as_well(alice: User) -> None:
    client, again = Client(), Client()
    sign_in(client)
    secret = enrol(client)
    sign_in(again)

    assert "was used already" in again.post(CODE, {"code": code_of(secret)}).content.decode()
    assert not is_in(again)


def test_where_it_is_not_required_who_has_one_is_still_asked(alice: User, settings: Any, time_machine: Any) -> None:
    settings.WATCHFLOOR = replace(settings.WATCHFLOOR, require_mfa=False)
    client = Client()
    sign_in(client)
    assert is_in(client)
    enrol(client)
    time_machine.move_to(NOON + timedelta(minutes=2), tick=False)
    again = Client()
    assert sign_in(again).headers["Location"] == CODE
    assert not is_in(again)


def test_nobody_signs_up_and_the_way_on_stays_on_this_host(alice: User, settings: Any) -> None:
    settings.WATCHFLOOR = replace(settings.WATCHFLOOR, require_mfa=False)
    for address in ("/accounts/signup/", "/sign-in/signup/", "/accounts/login/", "/sign-in/oidc/"):
        assert Client().get(address).status_code == 404
    client = Client()
    assert sign_in(client, to="https://evil.example/").headers["Location"] == "/admin/"
    settings.ALLOWED_HOSTS = ["testserver", ".evil.example"]
    for address in ("https://evil.example/", "//a.evil.example/", "/\\evil.example", "javascript:alert(1)"):
        assert client.get("/admin/login/", {"next": address}).headers["Location"] == "/admin/"
