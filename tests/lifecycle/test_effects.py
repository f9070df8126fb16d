"""Effects: owed with their transition, performed once and in order, whoever dies and whatever one of them raises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError, transaction
from django_rq import get_queue
from rq.worker import SimpleWorker

from apps.access.models import Organisation
from apps.access.types import SYSTEM
from apps.core import clock
from apps.core.redis import client
from apps.core.types import Conflict, NotFound
from apps.events.models import Event
from apps.incidents.models import Incident
from apps.lifecycle import jobs, registry, services
from apps.lifecycle.models import Effect, Transition
from apps.lifecycle.registry import definitions
from apps.lifecycle.registry import effects as effect_registry
from apps.lifecycle.services.effects import EFFECT_LEASE, KEPT, MOST_ATTEMPTS
from apps.lifecycle.types import Cause, EffectRule, Owed
from tests.factories.access import make_cast, make_organisation
from tests.factories.core import NOON, after
from tests.factories.incidents import make_incident

pytestmark = pytest.mark.django_db
Handler = Callable[[Owed, datetime], None]


class Diary:
    """Performs effects of the kind «diary»: writes down what it is told, and fails when it is told to."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, int]] = []
        self.fails: dict[str, Exception] = {}

    def perform(self, owed: Owed, _at: datetime) -> None:
        line = owed.params["line"]
        self.lines.append((line, owed.attempt))
        if line in self.fails:
            raise self.fails[line]


@pytest.fixture
def harbour() -> Organisation:
    return make_organisation()


@pytest.fixture
def diary(monkeypatch: pytest.MonkeyPatch) -> Diary:
    """Let acknowledging write two lines and resolving one."""
    kept = Diary()
    monkeypatch.setattr(effect_registry, "_effects", dict(effect_registry._effects))
    registry.register_effect("diary", kept.perform, schema={"type": "object"})
    client().flushdb()
    monkeypatch.setattr(jobs._silent, "until", 0.0)
    give_effects(monkeypatch, acknowledge=[line("one"), line("two")], resolve=[line("three")])
    return kept


def line(text: str) -> EffectRule:
    return EffectRule(kind="diary", params={"line": text})


def give_effects(monkeypatch: pytest.MonkeyPatch, **effects: list[EffectRule]) -> None:
    """Let transitions of incidents have effects for this test."""
    shipped, text = definitions._shipped["incident", 1]
    moves = {name: replace(move, effects=tuple(effects.get(name, ()))) for name, move in shipped.moves.items()}
    monkeypatch.setitem(definitions._shipped, ("incident", 1), (replace(shipped, moves=moves), text))


def acknowledged(harbour: Organisation) -> Incident:
    return services.advance(make_incident(harbour), "acknowledge", actor=SYSTEM, at=NOON)


def perform_all(at: datetime = NOON) -> int:
    """Claim and perform until nothing is due."""
    done = 0
    while claim := services.claim_effects(100, at):
        done += services.perform_effects([*claim.fresh, *claim.lapsed], at=at)
    return done


def statuses() -> list[tuple[Any, str]]:
    return [(effect.params["line"], effect.status) for effect in Effect.objects.all()]


def test_effects_are_owed_exactly_when_the_transition_was_made(harbour: Organisation, diary: Diary) -> None:
    incident = make_incident(harbour)
    with transaction.atomic():
        services.advance(incident, "acknowledge", actor=SYSTEM, at=NOON)
        assert Effect.objects.count() == 2
        transaction.set_rollback(True)
    assert (Effect.objects.count(), Transition.objects.filter(name="acknowledge").count()) == (0, 0)
    services.advance(incident, "acknowledge", actor=SYSTEM, at=NOON)
    assert statuses() == [("one", "owed"), ("two", "owed")]
    assert diary.lines == []


def test_a_handler_is_told_what_happened(harbour: Organisation, diary: Diary, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Owed] = []
    registry.register_effect("diary", lambda owed, _at: told.append(owed), schema={})
    incident = services.advance(make_incident(harbour), "resolve", actor=SYSTEM, at=after(5), reason="gone")
    perform_all(after(5))
    [event] = Event.objects.filter(type="watchfloor.incident.transitioned.v1")
    assert told == [
        Owed(
            id=Effect.objects.get().id,
            kind="diary",
            params={"line": "three"},
            noun="incidents",
            object_id=incident.pk,
            object=event.data["object"],
            transition="resolve",
            from_state="open",
            to_state="resolved",
            reason="gone",
            effective_at=after(5),
            attempt=1,
            transition_id=Transition.objects.get(name="resolve").pk,
        )
    ]


def test_the_effects_of_an_object_are_performed_in_their_order(harbour: Organisation, diary: Diary) -> None:
    services.advance(acknowledged(harbour), "resolve", actor=SYSTEM, at=NOON)
    [head] = services.claim_effects(10, NOON).fresh
    assert head == Effect.objects.first().id  # type: ignore[union-attr]
    assert services.perform_effects([head], at=NOON) == 3
    assert diary.lines == [("one", 1), ("two", 1), ("three", 1)]


def test_one_that_fails_holds_up_those_behind_it_and_nobody_else(harbour: Organisation, diary: Diary) -> None:
    diary.fails["one"] = ValueError("no ink")
    acknowledged(harbour)
    services.advance(make_incident(harbour), "resolve", actor=SYSTEM, at=NOON)
    assert perform_all() == 1
    assert statuses() == [("one", "owed"), ("two", "owed"), ("three", "done")]
    failed = Effect.objects.get(params__line="one")
    assert (failed.attempts, failed.last_error, failed.due_at) == (1, "ValueError: no ink", after(2))
    assert perform_all(after(1)) == 0
    del diary.fails["one"]
    assert perform_all(after(2)) == 2
    assert diary.lines == [("one", 1), ("three", 1), ("one", 2), ("two", 1)]


def test_what_fails_too_often_is_dead_and_lets_the_next_pass(harbour: Organisation, diary: Diary) -> None:
    diary.fails["one"] = ValueError("no ink")
    acknowledged(harbour)
    at = NOON
    for _ in range(MOST_ATTEMPTS):
        perform_all(at)
        at += timedelta(hours=1)
    perform_all(at)
    assert statuses() == [("one", "dead"), ("two", "done")]
    assert diary.lines.count(("one", MOST_ATTEMPTS)) == 1
    assert perform_all(at + timedelta(days=1)) == 0


def test_what_a_failing_handler_wrote_is_undone(harbour: Organisation, diary: Diary) -> None:
    def write_and_fail(owed: Owed, _at: datetime) -> None:
        Incident.objects.filter(pk=owed.object_id).update(title="half done")
        raise ValueError

    registry.register_effect("diary", write_and_fail, schema={})
    incident = acknowledged(harbour)
    perform_all()
    incident.refresh_from_db()
    assert incident.title == "A tug drifts"


def test_performing_twice_performs_once(harbour: Organisation, diary: Diary) -> None:
    acknowledged(harbour)
    [head] = services.claim_effects(10, NOON).fresh
    assert [services.perform_effects([head], at=NOON) for _ in range(3)] == [2, 0, 0]
    assert diary.lines == [("one", 1), ("two", 1)]


def test_a_claim_that_nobody_honoured_lapses(harbour: Organisation, diary: Diary) -> None:
    acknowledged(harbour)
    [head] = services.claim_effects(10, NOON).fresh
    assert not services.claim_effects(10, NOON + EFFECT_LEASE - timedelta(microseconds=1))
    claim = services.claim_effects(10, NOON + EFFECT_LEASE)
    assert (claim.fresh, claim.lapsed) == ((), (head,))


def test_the_databases_own_trouble_is_nobodys_fault(harbour: Organisation, diary: Diary) -> None:
    diary.fails["one"] = OperationalError("server closed the connection")
    acknowledged(harbour)
    [head] = services.claim_effects(10, NOON).fresh
    with pytest.raises(OperationalError):
        services.perform_effects([head], at=NOON)
    assert Effect.objects.get(id=head).attempts == 0


def test_a_kind_that_nobody_performs_rests(harbour: Organisation, diary: Diary) -> None:
    acknowledged(harbour)
    del effect_registry._effects["diary"]
    assert perform_all() == 0
    assert Effect.objects.order_by("seq").first().last_error == "LookupError: Nobody performs «diary»."  # type: ignore[union-attr]


def test_the_sweep_hands_effects_to_a_worker(
    harbour: Organisation, diary: Diary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOON)
    acknowledged(harbour)
    assert jobs.sweep_effects(NOON) == 1
    assert diary.lines == []
    queue = get_queue(jobs.EFFECTS_QUEUE)
    SimpleWorker([queue], connection=queue.connection, serializer=queue.serializer).work(
        burst=True, logging_level="WARNING"
    )
    assert diary.lines == [("one", 1), ("two", 1)]


def test_the_clock_performs_what_no_worker_did(harbour: Organisation, diary: Diary) -> None:
    acknowledged(harbour)
    jobs.sweep_effects(NOON)
    client().flushdb()
    assert jobs.sweep_effects(NOON + EFFECT_LEASE) == 1
    assert diary.lines == [("one", 1), ("two", 1)]


def test_a_dead_effect_can_be_tried_again_by_whoever_may(harbour: Organisation, diary: Diary) -> None:
    acknowledged(harbour)
    dead = Effect.objects.get(params__line="one")
    Effect.objects.filter(pk=dead.pk).update(status="dead", attempts=MOST_ATTEMPTS)
    with pytest.raises(NotFound):
        services.retry_effect(dead.id, actor=make_cast().actor("alice"), at=NOON)
    services.retry_effect(dead.id, actor=SYSTEM, at=NOON)
    assert perform_all() == 2
    with pytest.raises(Conflict):
        services.retry_effect(dead.id, actor=SYSTEM, at=NOON)


def test_what_was_done_long_ago_is_forgotten(harbour: Organisation, diary: Diary) -> None:
    diary.fails["two"] = ValueError("no ink")
    acknowledged(harbour)
    perform_all()
    assert services.forget_effects(NOON + KEPT) == 0
    assert services.forget_effects(NOON + KEPT + timedelta(seconds=1)) == 1
    assert statuses() == [("two", "owed")]


def test_an_outcome_makes_a_transition_once(harbour: Organisation) -> None:
    incident = acknowledged(harbour)
    moved = services.advance_after("incidents", incident.pk, "resolve", at=after(5), reason="booked")
    assert moved is not None
    assert moved.state == "resolved"
    step = Transition.objects.get(name="resolve")
    assert (step.cause, step.actor_label, step.reason) == (Cause.SERVICE, "system", "booked")
    assert services.advance_after("incidents", incident.pk, "resolve", at=after(6)) is None
    assert services.advance_after("incidents", incident.pk, "no_such", at=after(6)) is None
    assert Transition.objects.filter(object_id=incident.pk).count() == 3


@pytest.mark.parametrize(
    ("effect", "what", "told"),
    [
        (EffectRule(kind="webhook", params={"signal": "berth-freed"}), "signalled", ("berth-freed", "")),
        (EffectRule(kind="notify", params={"text": "Look at it."}), "notified", (None, "Look at it.")),
    ],
    ids=["webhook", "notify"],
)
def test_telling_publishes_an_event_about_the_object_as_it_is(
    harbour: Organisation, monkeypatch: pytest.MonkeyPatch, effect: EffectRule, what: str, told: tuple[Any, ...]
) -> None:
    give_effects(monkeypatch, acknowledge=[effect])
    services.advance(acknowledged(harbour), "resolve", actor=SYSTEM, at=after(1))
    assert perform_all(after(1)) == 1
    [event] = Event.objects.filter(type=f"watchfloor.incident.{what}.v1")
    assert event.data["object"]["properties"]["state"] == "resolved"
    assert event.data["lifecycle"] == {
        "signal": told[0],
        "text": told[1],
        "transition": "acknowledge",
        "from": "open",
        "to": "acknowledged",
        "effective_at": "2026-06-30T12:00:00Z",
    }


def test_of_what_is_gone_nothing_is_told(harbour: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
    give_effects(monkeypatch, acknowledge=[EffectRule(kind="notify", params={"text": "Look at it."})])
    acknowledged(harbour).delete()
    assert perform_all() == 1
    assert not Event.objects.filter(type="watchfloor.incident.notified.v1").exists()
