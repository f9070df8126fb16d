"""Bringing objects to another version: said before, done in batches, told in the history, safe to run again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from apps.access.models import Organisation
from apps.access.queries import actor_of_user
from apps.access.types import SYSTEM
from apps.core.types import Invalid, NotAllowed
from apps.events.models import Event
from apps.incidents.models import Incident
from apps.lifecycle import queries, services
from apps.lifecycle.models import Timer
from apps.lifecycle.services import MigrationPlan, migrating
from apps.lifecycle.types import TimersThen
from tests.factories.access import assign, make_cast, make_organisation, make_policy, make_user
from tests.factories.core import NOON, after
from tests.factories.lifecycles import DRILL, begin_incident, make_definition

pytestmark = pytest.mark.django_db
TIMED = DRILL + "  expire: {label: Expire, from: [planned], to: over, timer: {after: PT10M}}\n"
SPLIT = DRILL.replace("running", "going").replace("Running", "Going") + (
    "  expire: {label: Expire, from: [planned], to: over, timer: {after: PT30M}}\n"
)
PLAN = MigrationPlan(key="drill", from_version=1, to_version=2, states={"running": "going"})


@pytest.fixture
def harbour() -> Organisation:
    make_definition(TIMED)
    return make_organisation()


def running(harbour: Organisation) -> Incident:
    return services.advance(begin_incident(harbour), "start", actor=SYSTEM, at=after(5))


def steps(incident: Incident) -> list[tuple[str, str, str, str]]:
    return [(each.name, each.from_state, each.to_state, each.cause) for each in queries.history(incident)]


def test_a_dry_run_says_what_leads_where_and_changes_nothing(harbour: Organisation) -> None:
    make_definition(SPLIT)
    for _ in range(3):
        begin_incident(harbour, at=NOON)
    Incident.objects.update(lifecycle_version=1)
    stuck = running(harbour)
    Incident.objects.filter(pk=stuck.pk).update(lifecycle_version=1, state="running")
    without = MigrationPlan(key="drill", from_version=1, to_version=2)
    tried = services.try_migration(without, actor=SYSTEM)
    assert (tried.maps, tried.left, dict(tried.by_state)) == (3, 1, {"planned": 3})
    assert tried.refused["running"][1] == (
        "Version 2 has no state «running», and the plan does not say where it leads."
    )
    assert services.try_migration(PLAN, actor=SYSTEM).maps == 4
    assert Incident.objects.filter(lifecycle_version=2).count() == 0


def test_objects_are_brought_over_in_batches_and_it_is_told(
    harbour: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = [begin_incident(harbour) for _ in range(3)]
    moving = running(harbour)
    make_definition(SPLIT)
    monkeypatch.setattr(migrating, "BATCH", 2)
    done = services.migrate(PLAN, actor=SYSTEM, at=after(minutes=1))
    assert (done.moved, done.failed) == (4, {})
    assert services.migrate(PLAN, actor=SYSTEM, at=after(minutes=2)).moved == 0
    moved = Incident.objects.get(pk=moving.pk)
    assert (moved.state, moved.lifecycle_version, moved.state_since, moved.version) == ("going", 2, after(5), 3)
    assert steps(moving)[-1] == ("migrate", "running", "going", "migration")
    assert steps(planned[0])[-1] == ("migrate", "planned", "planned", "migration")
    event = Event.objects.filter(object_id=moving.pk).latest("seq")
    assert (event.type, event.data["lifecycle"]["cause"]) == ("watchfloor.incident.transitioned.v1", "migration")
    assert services.advance(moved, "finish", actor=SYSTEM, at=after(minutes=3)).state == "over"


@pytest.mark.parametrize(
    ("then", "due"),
    [
        (TimersThen.RECOMPUTE, after(minutes=30)),
        (TimersThen.RESTART, after(minutes=31)),
        (TimersThen.KEEP, after(minutes=10)),
    ],
    ids=str,
)
def test_the_plan_says_what_becomes_of_timers(harbour: Organisation, then: TimersThen, due: object) -> None:
    begin_incident(harbour)
    assert Timer.objects.get().due_at == after(minutes=10)
    make_definition(SPLIT)
    plan = MigrationPlan(key="drill", from_version=1, to_version=2, timers=then)
    services.migrate(plan, actor=SYSTEM, at=after(minutes=1))
    assert Timer.objects.get().due_at == due


def test_an_object_that_cannot_be_brought_over_stops_nobody(
    harbour: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = begin_incident(harbour), begin_incident(harbour)
    make_definition(SPLIT)
    whole = migrating._step

    def step(way: Any, row: Any, at: Any) -> object:
        if row.pk == bad.pk:
            raise ValueError("broken")
        return whole(way, row, at)

    monkeypatch.setattr(migrating, "_step", step)
    done = services.migrate(PLAN, actor=SYSTEM, at=after(1))
    assert (done.moved, done.failed) == (1, {bad.pk: "ValueError: broken"})
    assert Incident.objects.get(pk=good.pk).lifecycle_version == 2


@pytest.mark.parametrize(
    "plan",
    [
        MigrationPlan(key="drill", from_version=1, to_version=1),
        MigrationPlan(key="drill", from_version=1, to_version=9),
        MigrationPlan(key="drill", from_version=1, to_version=2, states={"asleep": "going"}),
        MigrationPlan(key="drill", from_version=1, to_version=2, states={"running": "asleep"}),
    ],
    ids=range(4),
)
def test_a_plan_that_makes_no_sense_is_refused(harbour: Organisation, plan: MigrationPlan) -> None:
    make_definition(SPLIT)
    with pytest.raises(Invalid):
        services.try_migration(plan, actor=SYSTEM)


def test_who_may_not_migrate_does_not(harbour: Organisation) -> None:
    with pytest.raises(NotAllowed):
        services.migrate(PLAN, actor=make_cast().actor("bob"), at=NOON + timedelta(1))


def test_one_brings_over_what_one_may_change_and_nothing_else(harbour: Organisation) -> None:
    cast = make_cast()
    theirs, ours = begin_incident(harbour), begin_incident(cast.harbour)
    make_definition(SPLIT)
    carol = make_user("carol")
    assign(carol, ["lifecycles.migrate", "incidents.view", "incidents.change"], cast.harbour)
    actor = actor_of_user(carol)
    assert services.try_migration(PLAN, actor=actor).maps == 1
    assert services.migrate(PLAN, actor=actor, at=after(1)).moved == 1
    ours.refresh_from_db()
    theirs.refresh_from_db()
    assert (ours.lifecycle_version, theirs.lifecycle_version) == (2, 1)
    make_policy("limit", ["incidents.view"], users=[carol], hidden_fields=["state"])
    with pytest.raises(NotAllowed, match="which state"):
        services.try_migration(PLAN, actor=actor)
