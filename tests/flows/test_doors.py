"""Where people and programs sign in: every such address is known, and tells nobody in particular nothing."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse

from tests.flows.matrix import DOORS, Door
from tests.flows.test_permissions import _flat

SIGNING_IN = ("oauth/", "sign-in/", "accounts/")


def test_every_address_of_signing_in_is_known() -> None:
    served = {pattern.name: f"/{route}" for route, pattern in _flat(get_resolver()) if route.startswith(SIGNING_IN)}
    assert all(isinstance(pattern, URLPattern) for _, pattern in _flat(get_resolver()))
    assert served == {name: door.path for name, door in DOORS.items()}


@pytest.mark.django_db
@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS.keys())
def test_nobody_in_particular_is_told_nothing(door: Door) -> None:
    answer = getattr(Client(), door.method)(door.path)

    assert answer.status_code == door.status
    if door.status == 302:
        assert answer.headers["Location"].startswith((reverse("admin:login"), "/sign-in/"))
