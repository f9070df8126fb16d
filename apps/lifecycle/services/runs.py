"""Migrations in the background: asked for once, then done a batch at a time, whoever dies in between.

A run is a row. What a batch moves and how far the run has come are one transaction, so its numbers are true. It acts in
the name of who asked for it, with what they may do by then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID

import structlog
from django.db import InterfaceError, OperationalError, transaction

from apps.access.queries import actor_of_user, find_user
from apps.access.types import Actor, Channel
from apps.core import redis
from apps.core.constraints import broken_constraints
from apps.core.types import Conflict, NotAllowed, NotFound
from apps.lifecycle.models import MigrationRun
from apps.lifecycle.services.migrating import MigrationPlan, migrate_part, try_migration
from apps.lifecycle.services.timers import LONGEST_ERROR, Claim
from apps.lifecycle.types import RunStatus, TimersThen

RUNS_DOORBELL: Final = "migrations"
RUN_LEASE: Final = timedelta(seconds=30)

log = structlog.get_logger(__name__)


@transaction.atomic
def start_run(plan: MigrationPlan, *, actor: Actor, at: datetime) -> MigrationRun:
    """Return a run that brings over all that the plan maps, beginning now.

    Raises as ``try_migration`` does, ``NotAllowed`` for whom a key confines, and ``Conflict`` where one about the same
    objects goes on.
    """
    if not actor.is_account or actor.user_id is None or actor.scopes is not None:
        raise NotAllowed("Only somebody who is signed in may start this.", details={"action": "lifecycles.migrate"})
    tried = try_migration(plan, actor=actor)
    run = MigrationRun(
        key=plan.key,
        from_version=plan.from_version,
        to_version=plan.to_version,
        states=dict(plan.states),
        timers=plan.timers,
        asked_by_id=actor.user_id,
        asked_by=actor.label[:200],
        total=tried.maps,
        asked_at=at,
        due_at=at,
    )
    with broken_constraints({"run_one_at_a_time": _goes_on}):
        run.save(force_insert=True)
    transaction.on_commit(partial(redis.ring, RUNS_DOORBELL), robust=True)
    return run


@transaction.atomic
def stop_run(run_id: UUID, *, actor: Actor, at: datetime) -> MigrationRun:
    """Break off a run of one's own; what was brought over stays so. ``Conflict`` for one that has ended."""
    run = MigrationRun.objects.select_for_update().filter(pk=run_id).first()
    if run is None or run.asked_by_id != actor.user_id:
        raise NotFound("There is no such migration, or you may not see it.")
    if run.status != RunStatus.RUNNING:
        raise Conflict("It has ended.", code="run_ended")
    _end(run, RunStatus.STOPPED, at)
    return run


@transaction.atomic
def claim_runs(at: datetime) -> Claim:
    """Claim the runs that nobody has in hand: ``fresh`` ones, and those that somebody let pass."""
    found = list(MigrationRun.objects.select_for_update(skip_locked=True).filter(status="running", due_at__lte=at))
    for run in found:
        run.due_at, run.claims = at + RUN_LEASE, run.claims + 1
        run.save(update_fields=["due_at", "claims"])
    return Claim(
        fresh=tuple(run.id for run in found if run.claims == 1), lapsed=tuple(run.id for run in found if run.claims > 1)
    )


def continue_run(run_id: UUID, *, at: datetime) -> bool:
    """Bring over the next batch; return whether there may be more. Safe to run twice and at the same time.

    What cannot go on at all is broken off and says why. The database's own troubles are raised.
    """
    try:
        return _continue(run_id, at)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        log.warning("lifecycle.run_stopped", run_id=str(run_id), exc_info=error)
        _break_off(run_id, f"{type(error).__name__}: {error}", at)
        return False


@transaction.atomic
def release_run(run_id: UUID, *, at: datetime) -> None:
    """Let somebody else go on with a run at once."""
    if MigrationRun.objects.filter(pk=run_id, status=RunStatus.RUNNING).update(due_at=at, claims=0):
        transaction.on_commit(partial(redis.ring, RUNS_DOORBELL), robust=True)


@transaction.atomic
def _continue(run_id: UUID, at: datetime) -> bool:
    run = MigrationRun.objects.select_for_update().filter(pk=run_id, status=RunStatus.RUNNING).first()
    if run is None:
        return False
    part = migrate_part(_plan(run), after=run.reached, actor=_actor(run), at=at)
    if part.reached is None:
        _end(run, RunStatus.DONE, at)
        return False
    run.moved, run.failed = run.moved + part.moved, run.failed + len(part.failed)
    run.reached, run.due_at = part.reached, at + RUN_LEASE
    run.last_error = _first(part.failed) or run.last_error
    run.save(update_fields=["moved", "failed", "reached", "due_at", "last_error"])
    return True


def _plan(run: MigrationRun) -> MigrationPlan:
    return MigrationPlan(
        key=run.key,
        from_version=run.from_version,
        to_version=run.to_version,
        states=run.states,
        timers=TimersThen(run.timers),
    )


def _actor(run: MigrationRun) -> Actor:
    """Return who asked for it, as they are now; somebody who was deactivated is nobody, and may do nothing."""
    return replace(actor_of_user(find_user(run.asked_by_id)), channel=Channel.ADMIN)


def _first(failed: Mapping[UUID, str]) -> str:
    return next((_error(f"{object_id}: {why}") for object_id, why in failed.items()), "")


@transaction.atomic
def _break_off(run_id: UUID, why: str, at: datetime) -> None:
    for run in MigrationRun.objects.select_for_update().filter(pk=run_id, status=RunStatus.RUNNING):
        run.last_error = _error(why)
        _end(run, RunStatus.STOPPED, at)


def _end(run: MigrationRun, status: RunStatus, at: datetime) -> None:
    run.status, run.ended_at = status, at
    run.save(update_fields=["status", "ended_at", "last_error"])


def _error(text: str) -> str:
    return text.replace("\x00", "")[:LONGEST_ERROR]


def _goes_on() -> Conflict:
    return Conflict("These objects are being brought over already.", code="run_goes_on")
