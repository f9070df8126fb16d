"""Due timers: every one fires once, whoever dies and whatever one of them is made of."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext

from apps.access.models import Organisation
from apps.access.queries import actor_of_user
from apps.access.types import SYSTEM
from apps.core.ids import new_id
from apps.core.types import Conflict, NotFound
from apps.events.models import Event
from apps.incidents.models import Incident
from apps.lifecycle import queries, services
from apps.lifecycle.models import Timer, Transition
from apps.lifecycle.registry import Lifecycle
from apps.lifecycle.services import LEASE
from apps.lifecycle.services import timers as timer_services
from apps.lifecycle.services.engine import Step
from apps.lifecycle.services.engine import make_moves as make_moves_of_all
from tests.factories.access import make_organisation, make_user
from tests.factories.core import NOON, after
from tests.factories.incidents import make_incident
from tests.factories.lifecycles import make_closing_kind
from tests.factories.threads import together
from tests.factories.zones import make_zone

pytestmark = pytest.mark.django_db
PATIENCE = timedelta(minutes=5)
DUE = after(minutes=5)
LATER = after(minutes=8)


@pytest.fixture
def harbour() -> Organisation:
    return make_organisation()


def waiting(harbour: Organisation, number: int) -> list[Incident]:
    """Return incidents that escalate at ``DUE`` unless somebody acts."""
    return [make_incident(harbour, title=f"Tug {each}", escalate_after=PATIENCE) for each in range(number)]


def timer_of(incident: Incident) -> Timer:
    return queries.timers(incident).get()


def states(*incidents: Incident) -> list[str]:
    by_id = dict(Incident.objects.values_list("id", "state"))
    return [by_id[incident.pk] for incident in incidents]


def escalations(incident: Incident) -> int:
    return Transition.objects.filter(object_id=incident.pk, name="escalate").count()


def test_only_what_is_due_is_claimed_and_only_once(harbour: Organisation) -> None:
    [incident] = waiting(harbour, 1)
    assert not services.claim_due(10, DUE - timedelta(microseconds=1))
    claim = services.claim_due(10, DUE)
    assert (claim.fresh, claim.lapsed) == ((timer_of(incident).id,), ())
    assert not services.claim_due(10, DUE)


def test_a_claim_that_nobody_honoured_lapses(harbour: Organisation) -> None:
    [incident] = waiting(harbour, 1)
    services.claim_due(10, DUE)
    assert not services.claim_due(10, DUE + LEASE - timedelta(microseconds=1))
    claim = services.claim_due(10, DUE + LEASE)
    assert (claim.fresh, claim.lapsed) == ((), (timer_of(incident).id,))


def test_the_earliest_is_claimed_first_and_a_claim_is_as_large_as_it_may_be(harbour: Organisation) -> None:
    late, early = (make_incident(harbour, escalate_after=timedelta(seconds=each)) for each in (9, 3))
    assert services.claim_due(1, DUE).fresh == (timer_of(early).id,)
    assert services.claim_due(1, DUE).fresh == (timer_of(late).id,)


def test_a_due_transition_counts_from_when_it_was_due(harbour: Organisation) -> None:
    [incident] = waiting(harbour, 1)
    assert services.advance_due([timer_of(incident).id], at=LATER) == 1
    kept = Incident.objects.get(pk=incident.pk)
    assert (kept.state, kept.state_since, kept.escalated_at, kept.version) == ("escalated", DUE, DUE, 2)
    step = Transition.objects.get(object_id=incident.pk, name="escalate")
    assert (step.cause, step.actor_label, step.effective_at) == ("timer", "system", DUE)
    event = Event.objects.latest("seq")
    assert (event.data["lifecycle"]["cause"], event.occurred_at) == ("timer", DUE)
    assert not queries.timers(incident).exists()


def test_a_timer_fires_once_however_often_it_is_tried(harbour: Organisation) -> None:
    [incident] = waiting(harbour, 1)
    ids = [timer_of(incident).id]
    assert [services.advance_due(ids, at=LATER) for _ in range(3)] == [1, 0, 0]
    assert escalations(incident) == 1


def test_a_timer_that_is_not_due_does_not_fire(harbour: Organisation) -> None:
    [incident] = waiting(harbour, 1)
    assert services.advance_due([timer_of(incident).id], at=NOON) == 0
    assert states(incident) == ["open"]


def test_who_acts_in_time_stops_the_timer(harbour: Organisation) -> None:
    [incident] = waiting(harbour, 1)
    ids = [timer_of(incident).id]
    services.advance(incident, "acknowledge", actor=SYSTEM, at=NOON)
    assert services.advance_due(ids, at=LATER) == 0
    assert states(incident) == ["acknowledged"]


def test_a_thousand_timers_take_as_many_statements_as_ten(
    harbour: Organisation, django_assert_max_num_queries: Callable[..., AbstractContextManager[Any]]
) -> None:
    incidents = waiting(harbour, 30)
    ids = [timer_of(incident).id for incident in incidents]
    with django_assert_max_num_queries(16):
        assert services.advance_due(ids, at=LATER) == 30
    assert set(states(*incidents)) == {"escalated"}


def test_timers_of_assets_and_zones_take_as_many_statements_however_many_there_are(harbour: Organisation) -> None:
    """What their features read, the kind and the identifiers, is read for all of them together."""
    kind = make_closing_kind()
    zones = [make_zone(f"Basin {each}", kind=kind, organisation=harbour) for each in range(9)]
    for zone in zones:
        services.advance(zone, "close", actor=SYSTEM, at=NOON, answers={"notice": "Divers"})
    ids = [queries.timers(zone).get().id for zone in zones]
    counts = []
    for some in (ids[:1], ids[1:]):
        with CaptureQueriesContext(connection) as statements:
            assert services.advance_due(some, at=after(hours=2)) == len(some)
        counts.append(len(statements))
    assert counts[0] == counts[1]


def test_looking_in_vain_is_one_statement_by_index(harbour: Organisation) -> None:
    waiting(harbour, 3)
    with CaptureQueriesContext(connection) as statements:
        assert not services.claim_due(10, NOON)
    assert len(statements) == 0  # it goes past Django, prepared, and opens no transaction
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {timer_services._NEXT}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert ("timer_unclaimed" in plan, "timer_claimed" in plan, "Sort" in plan) == (True, True, False)


def test_a_timer_of_what_is_gone_goes_too(harbour: Organisation) -> None:
    gone, there = waiting(harbour, 2)
    ids = [timer_of(gone).id, timer_of(there).id]
    Incident.objects.filter(pk=gone.pk).delete()
    assert services.advance_due(ids, at=LATER) == 1
    assert not Timer.objects.exists()


def test_one_bad_row_stops_nobody_and_says_what_is_wrong(
    harbour: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    incidents = waiting(harbour, 9)
    bad = incidents[4]
    poison(monkeypatch, bad)
    ids = [timer_of(incident).id for incident in incidents]
    assert services.advance_due(ids, at=LATER) == 8
    assert states(*incidents) == ["escalated"] * 4 + ["open"] + ["escalated"] * 4
    timer = timer_of(bad)
    assert (timer.attempts, timer.last_error, timer.claimed_until) == (
        1, "RuntimeError: no such tug", LATER + timedelta(seconds=2),
    )  # fmt: skip
    assert not services.claim_due(10, LATER)


def test_what_rests_after_a_failure_can_be_tried_at_once(
    harbour: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    [incident] = waiting(harbour, 1)
    timer = timer_of(incident)
    with pytest.raises(Conflict):
        services.retry_timer(timer.id, actor=SYSTEM, at=LATER)
    with monkeypatch.context() as patch:
        poison(patch, incident)
        services.advance_due([timer.id], at=LATER)
    with pytest.raises(NotFound):
        services.retry_timer(timer.id, actor=actor_of_user(make_user("clerk", is_staff=True)), at=LATER)
    services.retry_timer(timer.id, actor=SYSTEM, at=LATER)
    claim = services.claim_due(10, LATER)
    assert claim.fresh == (timer.id,)
    assert services.advance_due(claim.fresh, at=LATER) == 1
    with pytest.raises(NotFound):
        services.retry_timer(timer.id, actor=SYSTEM, at=LATER)


def test_a_bad_row_is_tried_again_and_fires_when_it_is_mended(
    harbour: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    [incident] = waiting(harbour, 1)
    with monkeypatch.context() as patch:
        poison(patch, incident)
        for _ in range(2):
            services.advance_due([timer_of(incident).id], at=LATER)
    assert timer_of(incident).claimed_until == LATER + timedelta(seconds=4)
    claim = services.claim_due(10, LATER + timedelta(seconds=4))
    assert services.advance_due(claim.lapsed, at=LATER + timedelta(seconds=4)) == 1
    assert states(incident) == ["escalated"]


def test_a_timer_of_a_noun_that_is_gone_stops_nobody(harbour: Organisation) -> None:
    [incident] = waiting(harbour, 1)
    ghost = Timer.objects.create(noun="ghosts", object_id=new_id(), transition="haunt", due_at=DUE)
    assert services.advance_due([ghost.id, timer_of(incident).id], at=LATER) == 1
    ghost.refresh_from_db()
    assert (ghost.attempts, ghost.last_error) == (1, "LookupError: «ghosts» has no lifecycle.")


def test_a_guard_may_hold_a_timer_back(harbour: Organisation) -> None:
    """A timer on a guarded move: reopening is refused while a newer incident is open."""
    over = make_incident(harbour, state="resolved")
    newer = make_incident(harbour)
    Incident.objects.filter(pk__in=[over.pk, newer.pk]).update(dedupe_key="same")
    timer = Timer.objects.create(noun="incidents", object_id=over.pk, transition="reopen", due_at=DUE)
    assert services.advance_due([timer.id], at=LATER) == 0
    timer.refresh_from_db()
    assert (timer.attempts, timer.last_error) == (1, "A newer incident about the same is open; go on there.")
    services.advance(newer, "resolve", actor=SYSTEM, at=LATER)
    assert services.advance_due([timer.id], at=LATER) == 1


def test_trouble_of_the_database_is_blamed_on_no_row(harbour: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
    incidents = waiting(harbour, 2)

    def lost(*_: object, **__: object) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(timer_services, "make_moves", lost)
    with pytest.raises(OperationalError):
        services.advance_due([timer_of(incident).id for incident in incidents], at=LATER)
    assert list(Timer.objects.values_list("attempts", "last_error")) == [(0, ""), (0, "")]


def test_a_row_makes_one_move_at_a_time(harbour: Organisation) -> None:
    [incident] = waiting(harbour, 1)
    second = Timer.objects.create(
        noun="incidents", object_id=incident.pk, transition="resolve", due_at=DUE + timedelta(seconds=1)
    )
    assert services.advance_due([second.id, timer_ids(incident)[0]], at=LATER) == 1
    assert states(incident) == ["escalated"]
    assert not queries.timers(incident).exists()


def test_the_lag_says_what_is_overdue_and_what_fails(harbour: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
    one, _ = waiting(harbour, 2)
    assert queries.timer_lag(NOON).overdue == 0
    services.claim_due(1, DUE)
    lag = queries.timer_lag(LATER)
    assert (lag.overdue, lag.oldest, lag.failing) == (2, LATER - DUE, 0)
    poison(monkeypatch, one)
    services.advance_due(timer_ids(one), at=LATER)
    assert queries.timer_lag(LATER).failing == 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_with_the_same_timers_make_each_transition_once(harbour: Organisation) -> None:
    incidents = waiting(harbour, 20)
    ids = [timer_of(incident).id for incident in incidents]
    made: list[int] = []
    together(*[lambda: made.append(services.advance_due(ids, at=LATER))] * 3)
    assert sum(made) == 20
    assert [escalations(incident) for incident in incidents] == [1] * 20


@pytest.mark.django_db(transaction=True)
def test_two_clocks_never_claim_the_same(harbour: Organisation) -> None:
    incidents = waiting(harbour, 30)
    claimed: list[object] = []

    def claim() -> None:
        while found := services.claim_due(4, DUE):
            claimed.extend(found.fresh)

    together(*[claim] * 3)
    assert sorted(map(str, claimed)) == sorted(str(timer_of(incident).id) for incident in incidents)


@pytest.mark.django_db(transaction=True)
def test_a_hand_and_a_timer_that_meet_make_one_transition(harbour: Organisation) -> None:
    """The hand holds the row; the timer waits for it, and then finds that there is nothing left to do."""
    [incident] = waiting(harbour, 1)
    ids = [timer_of(incident).id]
    made: list[int] = []
    has_row, timer_waits = threading.Event(), threading.Event()

    def by_hand() -> None:
        with transaction.atomic():
            services.advance(incident, "acknowledge", actor=SYSTEM, at=LATER)
            has_row.set()
            timer_waits.wait(0.3)

    def by_timer() -> None:
        has_row.wait(60)
        made.append(services.advance_due(ids, at=LATER))
        timer_waits.set()

    together(by_hand, by_timer)
    assert (made, states(incident), escalations(incident)) == ([0], ["acknowledged"], 0)


def timer_ids(incident: Incident) -> list[UUID]:
    return list(queries.timers(incident).values_list("id", flat=True))


def poison(monkeypatch: pytest.MonkeyPatch, bad: Incident) -> None:
    """Make every move of one incident fail, as a fault in our code or its data would."""

    def make_moves(lifecycle: Lifecycle, steps: Sequence[Step], **circumstances: Any) -> None:
        if any(step.row.pk == bad.pk for step in steps):
            raise RuntimeError("no such tug")
        make_moves_of_all(lifecycle, steps, **circumstances)

    monkeypatch.setattr(timer_services, "make_moves", make_moves)
