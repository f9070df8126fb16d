"""``manage.py create_user``."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.access.models import User
from tests.factories.access import PASSWORD

pytestmark = pytest.mark.django_db


def create(monkeypatch: Any, password: str, *arguments: str) -> str:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))
    out = io.StringIO()
    call_command("create_user", *arguments, stdout=out)
    return out.getvalue()


def test_the_first_person_is_made_from_a_pipe(monkeypatch: Any) -> None:
    told = create(monkeypatch, PASSWORD, "root", "--superuser")
    user = User.objects.get()

    assert told == "Made root.\n"
    assert (user.is_superuser, user.is_staff, user.check_password(PASSWORD)) == (True, True, True)


@pytest.mark.parametrize(
    ("password", "arguments", "said"),
    [
        ("short", ["root"], "too weak"),
        (PASSWORD, ["a b"], "right"),
        (PASSWORD, ["x", "--organisation", "no"], "no"),
    ],
)
def test_a_refusal_is_said(monkeypatch: Any, password: str, arguments: list[str], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        create(monkeypatch, password, *arguments)
    assert not User.objects.exists()
