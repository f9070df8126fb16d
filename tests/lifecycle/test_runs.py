"""Migrations in the background: they end whoever dies, count what is true, and may do what their asker may."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django_rq import get_queue
from rq.worker import SimpleWorker

from apps.access.models import Organisation
from apps.access.queries import actor_of_user
from apps.access.types import SYSTEM, Actor
from apps.core import clock
from apps.core.redis import client
from apps.core.types import Conflict, NotAllowed, NotFound
from apps.incidents.models import Incident
from apps.lifecycle import jobs, services
from apps.lifecycle.models import MigrationRun
from apps.lifecycle.services import RUN_LEASE, MigrationPlan, migrating, runs
from tests.factories.access import assign, make_organisation, make_user
from tests.factories.core import after
from tests.factories.lifecycles import DRILL, begin_incident, make_definition

pytestmark = pytest.mark.django_db
PLAN = MigrationPlan(key="drill", from_version=1, to_version=2)
AT = after(minutes=1)


@pytest.fixture
def harbour(monkeypatch: pytest.MonkeyPatch) -> Organisation:
    """Return an organisation with five incidents that follow version 1 of two, and batches of two."""
    client().flushdb()
    monkeypatch.setattr(jobs._silent, "until", 0.0)
    monkeypatch.setattr(clock, "now", lambda: AT)
    monkeypatch.setattr(migrating, "BATCH", 2)
    make_definition(DRILL)
    made = make_organisation()
    for _ in range(5):
        begin_incident(made)
    make_definition(DRILL)
    return made


@pytest.fixture
def carol(harbour: Organisation) -> Actor:
    user = make_user("carol")
    assign(user, ["lifecycles.migrate", "incidents.view", "incidents.change"], harbour)
    return actor_of_user(user)


def brought_over() -> int:
    return Incident.objects.filter(lifecycle_version=2).count()


def work() -> None:
    """Run what is in the queue, as a worker does."""
    queue = get_queue(jobs.EFFECTS_QUEUE)
    SimpleWorker([queue], connection=queue.connection, serializer=queue.serializer).work(
        burst=True, logging_level="WARNING"
    )


def test_a_worker_brings_all_over(carol: Actor) -> None:
    run = services.start_run(PLAN, actor=carol, at=AT)
    assert (run.total, jobs.sweep_runs(AT), brought_over()) == (5, 1, 0)
    work()
    run.refresh_from_db()
    assert (run.status, run.moved, run.failed, run.ended_at, brought_over()) == ("done", 5, 0, AT, 5)
    assert jobs.sweep_runs(AT + RUN_LEASE) == 0


def test_what_a_worker_let_pass_the_clock_does_itself(carol: Actor) -> None:
    services.start_run(PLAN, actor=carol, at=AT)
    jobs.sweep_runs(AT)
    client().flushdb()
    assert jobs.sweep_runs(AT + RUN_LEASE / 2) == 0
    assert jobs.sweep_runs(AT + RUN_LEASE) == 1
    assert (MigrationRun.objects.get().status, brought_over()) == ("done", 5)


def test_a_long_one_makes_room_for_others(carol: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "TURN_SECONDS", 0.0)
    services.start_run(PLAN, actor=carol, at=AT)
    counts = []
    for _ in range(4):
        assert jobs.sweep_runs(AT) == 1
        work()
        counts.append(MigrationRun.objects.get().moved)
    assert counts == [2, 4, 5, 5]
    assert MigrationRun.objects.get().status == "done"


def test_who_dies_in_the_middle_of_a_batch_has_neither_moved_nor_counted(
    carol: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = services.start_run(PLAN, actor=carol, at=AT)
    assert services.continue_run(run.pk, at=AT)

    class Crash(BaseException):
        pass

    def dies(*_: object, **__: object) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(MigrationRun, "save", dies)
        with pytest.raises(Crash):
            services.continue_run(run.pk, at=AT)
    run.refresh_from_db()
    assert (run.moved, brought_over(), run.status) == (2, 2, "running")
    while services.continue_run(run.pk, at=AT):
        pass
    run.refresh_from_db()
    assert (run.moved, brought_over(), run.status) == (5, 5, "done")


def test_one_that_does_not_fit_is_counted_and_stops_nobody(carol: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    bad, whole = Incident.objects.earliest("pk"), migrating._step

    def step(way: Any, row: Any, at: Any) -> object:
        if row.pk == bad.pk:
            raise ValueError("broken")
        return whole(way, row, at)

    monkeypatch.setattr(migrating, "_step", step)
    run = services.start_run(PLAN, actor=carol, at=AT)
    while services.continue_run(run.pk, at=AT):
        pass
    run.refresh_from_db()
    assert (run.status, run.moved, run.failed, run.last_error) == ("done", 4, 1, f"{bad.pk}: ValueError: broken")


def test_who_loses_the_right_brings_over_no_more(carol: Actor) -> None:
    run = services.start_run(PLAN, actor=carol, at=AT)
    services.continue_run(run.pk, at=AT)
    user = make_user("dave")
    MigrationRun.objects.update(asked_by_id=user.pk)
    assert not services.continue_run(run.pk, at=AT)
    run.refresh_from_db()
    assert (run.status, run.last_error[:11], brought_over()) == ("stopped", "NotAllowed:", 2)


def test_only_who_is_signed_in_starts_one_and_only_one_at_a_time(carol: Actor) -> None:
    for actor in (SYSTEM, replace(carol, scopes=frozenset({"lifecycles.migrate"}))):
        with pytest.raises(NotAllowed):
            services.start_run(PLAN, actor=actor, at=AT)
    services.start_run(PLAN, actor=carol, at=AT)
    with pytest.raises(Conflict, match="already"):
        services.start_run(PLAN, actor=carol, at=AT)


def test_one_stops_what_is_ones_own(carol: Actor) -> None:
    run = services.start_run(PLAN, actor=carol, at=AT)
    with pytest.raises(NotFound):
        services.stop_run(run.pk, actor=actor_of_user(make_user("dave")), at=AT)
    assert services.stop_run(run.pk, actor=carol, at=AT).status == "stopped"
    with pytest.raises(Conflict):
        services.stop_run(run.pk, actor=carol, at=AT)
    assert runs.claim_runs(AT) == services.Claim(fresh=(), lapsed=())
