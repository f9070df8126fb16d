"""What many hold, read at once, is what each holds who is asked alone; in a number of statements that does not grow."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.access import services as access
from apps.access.models import ApiKey, User
from apps.access.queries import actor_of_token, actor_of_user, scope
from apps.access.queries.many import learn_standings
from apps.access.queries.standing import one_moment, standing_of
from apps.access.types import SYSTEM, Actor, Channel, Scope
from apps.core import clock
from apps.core.types import TimeWindow
from tests.factories.access import (
    assign,
    describe,
    give_access_token,
    make_attribute,
    make_cast,
    make_group,
    make_policy,
    make_user,
    with_key,
)
from tests.factories.assets import make_asset
from tests.factories.core import NOON

pytestmark = pytest.mark.django_db
LATEST = datetime.max.replace(tzinfo=UTC)
ACTIONS = ("assets.view", "assets.change", "incidents.view")


def actors_of(users: Iterable[User]) -> list[Actor]:
    return [replace(actor_of_user(user), channel=Channel.FEED) for user in users]


def make_service() -> User:
    return access.create_user(username="robot", organisation_id=None, is_service=True, actor=SYSTEM, at=NOON)


def told(actors: Iterable[Actor]) -> dict[tuple[Actor, str], Scope]:
    """What each may do, apart from the version under which it was read, and until when."""
    return {
        (each, action): replace(scope(each, action), version=0, expires_at=None)
        for each in actors
        for action in ACTIONS
    }


def ends(actors: Iterable[Actor]) -> list[datetime]:
    return [scope(each, "assets.view").expires_at or LATEST for each in actors]


def test_together_is_as_alone() -> None:
    cast, now = make_cast(), clock.now()
    make_attribute("longest", "number")
    describe(cast.bob, "longest", 12)
    group = make_group(cast.charlie, cast.bob)
    asset = make_asset("Tug", organisation=cast.elsewhere)
    access.grant_access(asset, "assets.view", to=group, actor=SYSTEM, at=now)
    hour = timedelta(hours=1)
    assign(cast.bob, ["assets.change"], cast.elsewhere, during=TimeWindow(start=now - hour, end=now + hour))
    assign(group, ["incidents.view"], cast.elsewhere, during=TimeWindow(start=now + hour))
    make_policy("limit", ["assets.view"], "attributes.length_m > ${user.longest}", hidden_fields=["name"])
    make_policy("deny", ["incidents.*"], users=[cast.alice], during=TimeWindow(start=now - hour, end=now + 2 * hour))
    make_policy("permit", ["assets.view"], groups=[group], organisation=cast.harbour)
    super_user, gone = make_user(is_superuser=True), make_user()
    _, service_token = give_access_token(make_service(), "assets.view")
    actors = actors_of([cast.alice, cast.bob, cast.charlie, super_user, gone])
    keys = [with_key(user, "assets.view")["authorization"].removeprefix("Bearer ") for user in (cast.alice, cast.bob)]
    for token in (*keys, service_token):
        found = actor_of_token(token, None, now)
        assert found is not None
        actors.append(found[1])
    ApiKey.objects.filter(user=cast.alice).update(expires_at=now + timedelta(minutes=5))
    ApiKey.objects.filter(user=cast.bob).update(revoked_at=now)
    access.change_user(gone.pk, {"is_active": False}, actor=SYSTEM, at=now)

    with one_moment():
        learn_standings(actors, ACTIONS)
        with CaptureQueriesContext(connection) as asked:
            together = told(actors)
            ended = ends(actors)
            active = [standing_of(each).is_active for each in actors]
    assert len(asked) == 0
    assert active == [True, True, True, True, False, True, False, True]

    access.create_role(name="Another", actions=["assets.view"], actor=SYSTEM, at=now)
    assert told(actors) == together
    # Together they are asked again as soon as anybody's policy begins or ends: sooner, never later.
    assert all(soon <= alone for soon, alone in zip(ended, ends(actors), strict=True))
    assert min(ended) < LATEST


@pytest.mark.parametrize("count", [5, 15])
def test_the_statements_do_not_grow_with_the_people(count: int) -> None:
    cast = make_cast()
    make_policy("deny", ["assets.view"], "${user.id} IS NULL")
    users = [make_user() for _ in range(count)]
    for user in users:
        assign(user, ["assets.view"], cast.harbour)
    with one_moment(), CaptureQueriesContext(connection) as asked:
        learn_standings(actors_of(users), ACTIONS)
    assert len(asked) <= 18
