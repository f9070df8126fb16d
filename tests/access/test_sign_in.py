"""Signing in with a password: who gets in, and how often one may guess."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.db import connection
from django.test import Client, RequestFactory
from django.urls import reverse

from apps.access import services
from apps.access.models import SignInFailure
from apps.access.queries import sign_in_blocked_until
from apps.access.rules import MOST_ATTEMPTS, sign_in_subjects
from apps.access.types import SYSTEM
from tests.factories.access import PASSWORD, make_user
from tests.factories.core import NOON, after

LIMIT = MOST_ATTEMPTS["both"]


def attempt(username: str, password: str, address: str = "10.0.0.1") -> bool:
    request = RequestFactory().post("/admin/login/", REMOTE_ADDR=address)
    return authenticate(request, username=username, password=password) is not None


@pytest.mark.django_db
def test_the_right_password_opens_whatever_the_case_of_the_name() -> None:
    user = make_user("Alice")

    assert attempt("Alice", PASSWORD)
    assert attempt("ALICE", PASSWORD)
    assert not attempt("Alice", PASSWORD.upper())
    assert not attempt("", PASSWORD)
    assert not attempt("nobody\x00", PASSWORD)
    services.change_user(user.pk, {"is_active": False}, actor=SYSTEM, at=NOON)
    assert not attempt("Alice", PASSWORD)


@pytest.mark.django_db
def test_without_a_password_nobody_signs_in() -> None:
    make_user("robot", password=None)

    assert not attempt("robot", "")
    assert not attempt("robot", "!")


@pytest.mark.django_db
def test_too_many_wrong_ones_and_even_the_right_one_waits(time_machine: Any) -> None:
    time_machine.move_to(NOON, tick=False)
    make_user("alice")
    wrong = [attempt("alice", "wrong") for _ in range(LIMIT)]

    assert not any(wrong)
    assert not attempt("alice", PASSWORD)
    assert attempt("alice", PASSWORD, address="10.0.0.2")
    assert sign_in_blocked_until("alice", "10.0.0.1", NOON) == after(minutes=15)

    time_machine.move_to(after(minutes=15), tick=False)
    assert attempt("alice", PASSWORD)
    assert sign_in_blocked_until("alice", "10.0.0.1", after(minutes=15)) is None


@pytest.mark.django_db
def test_a_success_forgives_what_went_wrong_before() -> None:
    make_user("alice")
    for _ in range(3):
        for _ in range(LIMIT - 1):
            attempt("alice", "wrong")
        assert attempt("alice", PASSWORD)


@pytest.mark.django_db
def test_one_address_cannot_try_every_name() -> None:
    make_user("alice")
    for number in range(MOST_ATTEMPTS["address"]):
        services.begin_sign_in(f"guess-{number}", "10.0.0.1", at=NOON)

    assert not services.begin_sign_in("alice", "10.0.0.1", at=NOON)
    assert services.begin_sign_in("alice", "10.0.0.2", at=NOON)


@pytest.mark.django_db
def test_nobody_locks_others_out_from_one_place(time_machine: Any) -> None:
    time_machine.move_to(NOON, tick=False)
    make_user("alice")
    for number in range(2 * MOST_ATTEMPTS["name"]):
        attempt("alice", "wrong", address=f"2001:db8:0:1::{number:x}")
        attempt("alice", "wrong", address="10.6.6.6")

    assert attempt("alice", PASSWORD)
    assert not attempt("alice", PASSWORD, address="2001:db8:0:1::ffff")
    assert attempt("alice", PASSWORD, address="2001:db8:0:2::1")


@pytest.mark.django_db
@pytest.mark.parametrize("written", ["admin", "ADMIN", "adm\u0131n"])
def test_however_a_name_is_written_it_is_one_name(time_machine: Any, written: str) -> None:
    time_machine.move_to(NOON, tick=False)
    make_user("admin")
    for _ in range(LIMIT):
        attempt(written, "wrong")

    assert not attempt("admin", PASSWORD)


@pytest.mark.django_db
def test_an_address_is_the_same_in_both_families() -> None:
    assert sign_in_subjects("alice", "::ffff:10.0.0.1") == sign_in_subjects("alice", "10.0.0.1")
    assert sign_in_subjects("alice", "") != sign_in_subjects("alice", "10.0.0.1")


@pytest.mark.django_db
def test_what_was_typed_is_not_kept() -> None:
    services.begin_sign_in("my secret password", "10.0.0.1", at=NOON)

    assert not any("secret" in row.subject or "10.0" in row.subject for row in SignInFailure.objects.all())
    assert services.forget_sign_in_failures(after(minutes=20)) == 0
    assert services.forget_sign_in_failures(NOON + timedelta(hours=2)) == 3


@pytest.mark.django_db
def test_the_form_says_when_to_come_back(time_machine: Any) -> None:
    time_machine.move_to(NOON, tick=False)
    make_user("alice", is_staff=True)
    client = Client()
    body = {"username": "alice", "password": "wrong"}
    for _ in range(LIMIT):
        page = client.post(reverse("admin:login"), body)

    assert "Too many attempts. Try again in 15 min." in page.content.decode()


@pytest.mark.django_db(transaction=True)
def test_a_hundred_guesses_at_once_are_a_hundred_guesses() -> None:
    allowed: list[bool] = []

    def guess() -> None:
        allowed.extend([services.begin_sign_in("alice", "10.0.0.1", at=NOON) for _ in range(10)])
        connection.close()

    threads = [threading.Thread(target=guess) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(allowed), sum(allowed)) == (40, LIMIT)


@pytest.mark.django_db
def test_an_office_behind_one_address_signs_in_all_day() -> None:
    make_user("alice")

    for _ in range(3):
        assert attempt("alice", PASSWORD)

    assert {row.failures for row in SignInFailure.objects.all()} == {0}
