"""Two at once, on two real connections: the tree stays a tree, and a revocation is never missed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction

from apps.access import services
from apps.access.models import Assignment, Organisation
from apps.access.queries import access_version, actor_of_user, predicate
from apps.access.types import SYSTEM
from apps.core.types import Invalid, WatchfloorError
from tests.factories.access import assign, make_organisation, make_role, make_user
from tests.factories.core import NOON

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Run each in a thread with a connection of its own; return what each returned, or raised."""
    results: list[Any] = [None] * len(works)
    begin = threading.Barrier(len(works))

    def run(index: int) -> None:
        begin.wait(60)
        try:
            results[index] = works[index]()
        except WatchfloorError as error:
            results[index] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[index]) for index in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def move(row: Organisation, to: Organisation) -> Callable[[], Any]:
    return lambda: services.change_organisation(row.pk, {"parent_id": to.pk}, actor=SYSTEM, at=NOON)


def lineage_holds(row: Organisation) -> bool:
    above = Organisation.objects.get(pk=row.parent_id).lineage if row.parent_id else []
    return row.lineage == [*above, row.pk]


def test_two_moves_that_would_make_a_ring_leave_a_tree() -> None:
    for _ in range(5):
        top = make_organisation()
        left, right = make_organisation(parent=top), make_organisation(parent=top)

        results = at_once(move(left, right), move(right, left))

        assert [isinstance(result, Invalid) for result in results].count(True) == 1
        assert all(lineage_holds(row) for row in Organisation.objects.all())


def test_a_child_made_during_a_move_has_the_lineage_of_where_its_parent_went() -> None:
    for _ in range(5):
        here, there = make_organisation(), make_organisation()
        moved = make_organisation(parent=here)

        at_once(move(moved, there), partial(make_organisation, parent=moved))

        assert all(lineage_holds(row) for row in Organisation.objects.all())


def test_the_same_role_is_assigned_once() -> None:
    user, organisation, role = make_user(), make_organisation(), make_role("assets.view")

    at_once(*[lambda: assign(user, role, organisation)] * 4)

    assert Assignment.objects.count() == 1


def test_a_version_that_was_rolled_back_is_never_the_truth() -> None:
    user, organisation = make_user(), make_organisation()
    role = make_role("assets.view")
    actor = actor_of_user(user)
    before = predicate(actor, "assets.view")

    with transaction.atomic():
        assign(user, role, organisation)
        inside = predicate(actor, "assets.view")
        transaction.set_rollback(True)
    services.create_role(name="another change", actions=[], actor=SYSTEM, at=NOON)
    after = predicate(actor, "assets.view")

    assert inside.organisation_ids == {organisation.pk}
    assert (before.organisation_ids, after.organisation_ids) == (frozenset(), frozenset())
    assert len({before.version, inside.version, after.version}) == 3


def test_a_change_by_sql_on_another_connection_is_noticed() -> None:
    user, organisation = make_user(), make_organisation()
    assignment = assign(user, ["assets.view"], organisation)
    actor = actor_of_user(user)
    kept = predicate(actor, "assets.view")

    def revoke() -> None:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM access_assignment WHERE id = %s", [assignment.pk])

    at_once(revoke)

    assert kept.allows(None, organisation.pk)
    assert not kept.is_current(access_version(), NOON)
    assert not predicate(actor, "assets.view").allows(None, organisation.pk)
