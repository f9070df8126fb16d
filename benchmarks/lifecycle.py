"""Due timers beside hand-written SQL that does the same rows in the same run; the idle poll; a due timer at rest.

Every incident waits to escalate: a million timers, of which 10,000 are due at once. The engine claims and moves them
in batches of 1,000, each with guard, history, timers and events. The hand-written statements write the same columns of
as many other incidents, history and events with the same JSON, in the same batches, interleaved with the engine's.

The idle poll is measured at rest, and right after the burst as well: what fired then still lies in the index. Beside it
stands ``SELECT 1``, which no poll can beat.

``--scale`` makes all of it smaller. A database of its own is made for it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import django

from benchmarks._database import make_database
from benchmarks._short import read_options

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings.prod")
make_database("watchfloor_bench_lifecycle")
django.setup()

from django.core.management import call_command  # noqa: E402 - models can be imported only after setup
from django.db import connection, connections, transaction  # noqa: E402

from apps.access.models import Organisation  # noqa: E402
from apps.access.services import create_organisation  # noqa: E402
from apps.access.types import SYSTEM  # noqa: E402
from apps.core import clock  # noqa: E402
from apps.core.prepared import first_row  # noqa: E402
from apps.core.ticks import Tick  # noqa: E402
from apps.incidents.models import Incident  # noqa: E402
from apps.lifecycle import services  # noqa: E402
from apps.lifecycle.models import Transition  # noqa: E402

GOAL_RATIO = 0.65
GOAL_POLL_US = 150.0
BATCH = 1_000
SWEEP_EVERY = timedelta(milliseconds=250)
POLLS = 200
GUARDED = """
key: guarded
noun: incidents
initial: open
states:
  open: {label: Open, tone: alert, category: open}
  escalated: {label: Escalated, tone: alert, final: true, category: done}
transitions:
  escalate:
    label: Escalate
    from: [open]
    to: escalated
    if: severity >= 2 AND state = 'open'
    timer: {field: escalate_after}
"""
FILL = """
INSERT INTO incidents_incident (id, version, state, state_category, state_since, lifecycle_key, lifecycle_version,
    organisation_id, finding, title, description, severity, asset_name, zone_name, escalate_after, opened_at,
    evidence_count)
SELECT gen_random_uuid(), 1, 'open', 'open', %(since)s, 'guarded', 1, %(organisation)s, '', 'Incident ' || n, '', 3, '',
    '', %(after)s, %(since)s, 0
FROM generate_series(1, %(number)s) AS n
"""
ARM = """
INSERT INTO lifecycle_timer (id, noun, object_id, transition, due_at, attempts, last_error)
SELECT gen_random_uuid(), 'incidents', id, 'escalate', state_since + escalate_after, 0, ''
FROM incidents_incident WHERE title LIKE %s AND state = 'open'
"""
# What the engine must do to a batch, written by hand for this one move of this one noun.
BY_HAND = """
WITH due AS MATERIALIZED (
    SELECT timer.id, timer.object_id, timer.due_at FROM lifecycle_timer AS timer
    WHERE timer.claimed_until IS NULL AND timer.due_at <= %(at)s
    ORDER BY timer.due_at, timer.id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), before AS MATERIALIZED (
    SELECT incident.*, due.due_at FROM incidents_incident AS incident JOIN due ON due.object_id = incident.id
    WHERE incident.state = 'open' AND incident.severity >= 2 ORDER BY incident.id FOR UPDATE OF incident
), moved AS (
    UPDATE incidents_incident AS incident
    SET state = 'escalated', state_category = 'done', state_since = before.due_at, version = before.version + 1,
        lifecycle_version = 1, changed_at = %(at)s
    FROM before WHERE incident.id = before.id AND incident.version = before.version
    RETURNING incident.*
), gone AS (
    DELETE FROM lifecycle_timer USING due WHERE lifecycle_timer.id = due.id
), history AS (
    INSERT INTO lifecycle_transition (id, noun, object_id, name, from_state, to_state, cause, actor_label, reason,
                                      answers, effective_at)
    SELECT gen_random_uuid(), 'incidents', id, 'escalate', 'open', state, 'timer', 'system', '', '{}', state_since
    FROM moved
)
INSERT INTO events_event (id, type, noun, object_id, organisation_id, also, actor_label, occurred_at, data)
SELECT gen_random_uuid(), 'watchfloor.incident.transitioned.v1', 'incidents', moved.id, moved.organisation_id, '[]',
    'system', moved.state_since, jsonb_build_object(
        'change', 'transitioned',
        'object', pg_temp.shown(moved.id, moved.organisation_id, moved.version, moved.title, moved.severity,
                                moved.state, moved.state_category, moved.state_since, moved.opened_at),
        'previous', pg_temp.shown(before.id, before.organisation_id, before.version, before.title, before.severity,
                                  before.state, before.state_category, before.state_since, before.opened_at),
        'lifecycle', jsonb_build_object('transition', 'escalate', 'from', 'open', 'to', moved.state, 'cause', 'timer',
                                        'reason', '', 'effective_at', moved.state_since))
FROM moved JOIN before ON before.id = moved.id
"""
SHOWN = """
CREATE FUNCTION pg_temp.shown(id uuid, organisation_id uuid, version int, title text, severity smallint, state text,
                              category text, since timestamptz, opened_at timestamptz) RETURNS jsonb LANGUAGE sql AS $$
SELECT jsonb_build_object('id', id, 'organisation_id', organisation_id, 'version', version, 'geometry', null,
    'properties', jsonb_build_object('title', title, 'description', '', 'severity', severity, 'state', state,
        'state_category', category, 'state_since', since, 'finding', null, 'rule_id', null, 'asset_id', null,
        'asset_name', '', 'zone_id', null, 'zone_name', '', 'assignee_id', null, 'escalate_after_s', 300.0,
        'evidence_count', 0, 'opened_at', opened_at, 'last_found_at', null, 'acknowledged_at', null)
    || jsonb_build_object('escalated_at', null, 'resolved_at', null, 'closed_at', null)) $$
"""


def main() -> int:
    """Measure, print, and say whether the goals were met."""
    arguments = _arguments()
    call_command("migrate", verbosity=0)
    pending, due = int(1_000_000 * arguments.scale), int(10_000 * arguments.scale)
    harbour = _prepare(pending)
    ratios, ours, hands = _compare(harbour, due, arguments.rounds)
    after_us = _idle_poll_us()
    _run("VACUUM lifecycle_timer", None)  # as the server does within a minute
    poll_us, least_us = _idle_poll_us(), _least_us()
    latency_ms = _latency_at_rest_ms(harbour, arguments.samples)
    ratio = statistics.median(ratios)
    figures = {
        "name": "lifecycle",
        "figure": round(statistics.median(ours)),
        "unit": "transitions/s",
        "limit": round(statistics.median(hands)),
        "ratio": round(ratio, 3),
        "pending": pending,
        "due": due,
        "idle_poll_us": round(poll_us, 1),
        "idle_poll_right_after_us": round(after_us, 1),
        "select_1_us": round(least_us, 1),
        "latency_at_rest_ms": {"p50": round(latency_ms[0], 1), "p95": round(latency_ms[1], 1)},
        "checked": "every timer that was due made its transition, in each round of both",
        "goals_met": {"ratio": ratio >= GOAL_RATIO, "idle_poll": poll_us <= GOAL_POLL_US},
    }
    print(json.dumps(figures))
    return 0 if all(figures["goals_met"].values()) or not arguments.strict else 1  # type: ignore[attr-defined]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev bench lifecycle", description=__doc__)
    parser.add_argument(
        "--scale",
        type=float,
        default=1.0,
        help="of a million pending timers and 10,000 due ones; 1 takes two to three minutes",
    )
    parser.add_argument("--rounds", type=int, default=3, help="how often both do the due ones")
    parser.add_argument("--samples", type=int, default=20, help="timers that fall due at rest")
    parser.add_argument("--strict", action="store_true", help="fail where a goal is missed")
    return read_options(parser, scale=0.05, rounds=2)


def _prepare(pending: int) -> Organisation:
    """Return an organisation with so many incidents that wait for their timer, due in a day."""
    at = clock.now()
    draft = services.create_draft(GUARDED, actor=SYSTEM, at=at)
    services.publish_definition(draft.pk, actor=SYSTEM, at=at)
    harbour = create_organisation(name="Harbour", slug="harbour", actor=SYSTEM, at=at)
    _fill(harbour, pending, since=at, after=timedelta(days=1))
    _run(ARM, ["%"])
    _run("ANALYZE", None)
    _run(SHOWN, None)
    return harbour


def _fill(harbour: Organisation, number: int, *, since: datetime, after: timedelta) -> None:
    _run(FILL, {"since": since, "organisation": harbour.pk, "after": after, "number": number})


def _compare(harbour: Organisation, due: int, rounds: int) -> tuple[list[float], list[float], list[float]]:
    """Return the ratios of each round, and the transitions per second of ours and of the hand-written."""
    ratios, ours, hands = [], [], []
    for _ in range(rounds):
        by_hand_s = _timed(harbour, due, _by_hand)
        ours_s = _timed(harbour, due, _by_engine)
        ratios.append(by_hand_s / ours_s)
        ours.append(due / ours_s)
        hands.append(due / by_hand_s)
    return ratios, ours, hands


def _timed(harbour: Organisation, due: int, work: Callable[[datetime], None]) -> float:
    """Return how long it takes to move so many that are due now; checks that they have moved."""
    at = clock.now()
    _run("UPDATE incidents_incident SET title = 'done' WHERE title LIKE 'Incident %%' AND state = 'escalated'", None)
    _fill(harbour, due, since=at - timedelta(minutes=10), after=timedelta(minutes=5))
    fresh = "state = 'open' AND escalate_after = interval '5 minutes'"
    _run(ARM.replace("title LIKE %s AND state = 'open'", fresh), None)
    before = Transition.objects.count()
    began = time.perf_counter()
    work(clock.now())
    taken = time.perf_counter() - began
    if Transition.objects.count() - before != due:
        sys.exit(f"{Transition.objects.count() - before} of {due} were moved.")
    return taken


def _by_engine(at: datetime) -> None:
    while claim := services.claim_due(BATCH, at):
        services.advance_due(claim.fresh, at=at)


def _by_hand(at: datetime) -> None:
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(BY_HAND, {"at": at, "limit": BATCH})
            if not cursor.rowcount:
                return


def _idle_poll_us() -> float:
    """Return how long it takes to look for due timers and find none."""
    at = clock.now()
    return _median_us(lambda: services.claim_due(BATCH, at))


def _least_us() -> float:
    """Return how long the server takes here to answer anything at all."""
    return _median_us(lambda: first_row("SELECT 1", ()))


def _median_us(work: Callable[[], object]) -> float:
    taken = []
    for _ in range(POLLS):
        began = time.perf_counter()
        work()
        taken.append((time.perf_counter() - began) * 1e6)
    return statistics.median(taken)


def _latency_at_rest_ms(harbour: Organisation, samples: int) -> tuple[float, float]:
    """Return by how much a transition comes after its timer was due, where the clock has nothing else to do."""
    stop = threading.Event()
    ticking = threading.Thread(target=_tick, args=[Tick(name="timers", every=SWEEP_EVERY, run=_sweep), stop])
    ticking.start()
    late = []
    for _ in range(samples):
        at = clock.now()
        _fill(harbour, 1, since=at, after=timedelta(milliseconds=400))
        incident = Incident.objects.filter(escalate_after=timedelta(milliseconds=400), state="open").latest(
            "recorded_at"
        )
        services.plan_timers(incident)
        due_at = incident.state_since + timedelta(milliseconds=400)
        late.append((_seen_at(incident.pk) - due_at).total_seconds() * 1e3)
    stop.set()
    ticking.join()
    return statistics.median(late), statistics.quantiles(late, n=20)[-1] if samples > 1 else late[0]


def _seen_at(incident_id: UUID) -> datetime:
    while Transition.objects.filter(object_id=incident_id).count() == 0:
        time.sleep(0.002)
    return clock.now()


def _sweep(at: datetime) -> int:
    claim = services.claim_due(BATCH, at)
    return services.advance_due([*claim.fresh, *claim.lapsed], at=at) if claim else 0


def _tick(tick: Tick, stop: threading.Event) -> None:
    while not stop.wait(tick.every.total_seconds()):
        tick.run(clock.now())
    connections.close_all()


def _run(statement: str, values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


if __name__ == "__main__":
    sys.exit(main())
