"""Who gave her this, and when: every change of access is written down with it, for good."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from apps.access import services
from apps.access.models import AccessChange, Assignment
from apps.access.types import SYSTEM
from tests.factories.access import (
    Cast,
    assign,
    make_cast,
    make_group,
    make_policy,
    make_role,
    make_user,
    signed_in,
    with_key,
)
from tests.factories.assets import make_asset
from tests.factories.core import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def told() -> list[tuple[str, str, object, str]]:
    """What was written down and not looked at before: table, verb, whom it is about, and who did it."""
    rows = AccessChange.objects.order_by("id").values_list("id", "what", "verb", "user_id", "actor_label")
    found: list[tuple[str, str, object, str]] = [row[1:] for row in rows if row[0] > SEEN["last"]]
    SEEN["last"] = max((row[0] for row in rows), default=0)
    return found


SEEN = {"last": 0}


def test_each_change_says_who_did_what_to_whom(cast: Cast) -> None:
    told()
    alice, bob = cast.actor("alice"), cast.bob
    role = make_role("assets.view")
    asset = make_asset(organisation=cast.harbour)
    told()

    row = services.assign_role(role_id=role.pk, organisation_id=cast.harbour.pk, user_id=bob.pk, actor=alice, at=NOON)
    assert told() == [("access_assignment", "added", bob.pk, alice.label)]
    services.end_assignment(row.pk, actor=alice, at=NOON)
    assert told() == [("access_assignment", "removed", bob.pk, alice.label)]
    services.grant_access(asset, "assets.change", to=bob, actor=alice, at=NOON)
    services.revoke_access(asset, "assets.change", to=bob, actor=alice, at=NOON)
    assert told() == [
        ("assets_assetusergrant", "added", bob.pk, alice.label),
        ("assets_assetusergrant", "removed", bob.pk, alice.label),
    ]
    make_group(bob, name="crew")
    make_policy("deny", ["assets.view"], users=[bob])
    assert told() == [
        ("access_user_groups", "added", bob.pk, "system"),
        ("access_policy", "added", None, "system"),
        ("access_policy_users", "added", bob.pk, "system"),
    ]
    services.change_user(bob.pk, {"is_active": False}, actor=SYSTEM, at=NOON)
    change = AccessChange.objects.latest("id")
    assert (change.was or {})["is_active"] is True
    assert (change.becomes or {})["is_active"] is False
    assert change.user_id == bob.pk


def test_secrets_are_not_written_down(cast: Cast) -> None:
    token = with_key(cast.bob, "assets.view")["authorization"]
    services.set_password(cast.bob.pk, "another horse battery", actor=SYSTEM, at=NOON)
    rows = AccessChange.objects.values_list("becomes", flat=True)
    written = {name for row in rows for name in row or ()}
    assert {"username", "prefix", "scopes"} <= written
    assert {"password", "secret_sha256", "client_secret", "email"} & written == set()
    assert token.rpartition("_")[2] not in str(list(rows))


def test_what_no_service_did_is_written_down_as_well(cast: Cast) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('watchfloor.actor_label', '', true)")
    told()
    Assignment.objects.filter(user=cast.charlie).delete()
    assert told() == [("access_assignment", "removed", cast.charlie.pk, "")]


def test_what_is_written_stays(cast: Cast) -> None:
    rows: Any = AccessChange.objects.all()
    for change in (lambda: rows.update(actor_label="nobody"), rows.delete):
        with pytest.raises(IntegrityError), transaction.atomic():
            change()


def test_superusers_read_it_and_nobody_else(cast: Cast) -> None:
    assign(cast.bob, ["assets.view"], cast.elsewhere)
    chief = make_user("chief", is_superuser=True, is_staff=True)
    path = "/admin/access/accesschange/"
    page = signed_in(chief).get(f"{path}?q=bob")
    assert "system" in page.content.decode()
    assert "access_assignment" in page.content.decode()
    row = AccessChange.objects.latest("id")
    assert signed_in(chief).get(f"{path}{row.pk}/change/").status_code == 200
    assert [signed_in(cast.alice).get(each).status_code for each in (path, f"{path}{row.pk}/change/")] == [403, 403]
    assert signed_in(chief).post(f"{path}{row.pk}/delete/", {"post": "yes"}).status_code == 403


def test_every_service_that_takes_an_actor_says_who_it_is() -> None:
    taking = {name for name in services.__all__ if "actor" in getattr(getattr(services, name), "__annotations__", {})}
    saying = {name for name in taking if getattr(services, name).__code__.co_filename.endswith("recording.py")}
    assert len(saying) > 30
    # A draft is put back before anybody sees it.
    assert taking - saying <= {"draft_policy"}
