"""The law of the engine, for any definition: nothing is lost, doubled or out of order, whatever breaks and comes twice.

A random definition is published, and objects are pushed about: moved by hand, by events, by a condition, by a clock
that stands still and runs ahead; statements fail at any point; events and jobs are delivered again. After every step
the history of each object is a path of its definition in the order of time, and object, history, log and timers agree.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
import yaml
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from apps.access.types import SYSTEM
from apps.core.ids import new_id
from apps.core.types import WatchfloorError
from apps.events.models import Event
from apps.events.services import relay
from apps.incidents.models import Incident
from apps.incidents.services import update_incident
from apps.lifecycle import registry, services
from apps.lifecycle.models import Effect, Timer, Transition
from apps.lifecycle.rules.moving import timers_in
from apps.lifecycle.services import engine, timers, triggers
from apps.lifecycle.types import Definition
from tests.factories.access import make_organisation
from tests.factories.core import NOON
from tests.factories.lifecycles import make_definition

STATES = ("a", "b", "c", "d")
MOVED = "watchfloor.incident.transitioned.v1"
BEGUN = "watchfloor.incident.created.v1"
# Where a crash comes: on the way into one of these.
PLACES = (
    (engine, "_compare_and_set"),
    (engine, "_insert_history"),
    (engine, "replace_timers"),
    (engine, "_owe_effects"),
    (engine, "publish"),
    (triggers, "_move_on"),
    (timers, "make_moves"),
)


class Crash(BaseException):
    """The process dies here: nothing of ours catches it."""


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Return a definition of four states that lead on to each other by any trigger; what needs nobody, only forward."""
    moves: dict[str, Any] = {}
    for number, (source, target) in enumerate(itertools.permutations(STATES, 2)):
        kinds = ["hand", "event"] if source > target else ["hand", "event", "timer", "condition", "lasting", "none"]
        kind = draw(st.sampled_from(kinds))
        if kind != "none":
            moves[f"m{number}"] = {
                "label": "Move",
                "from": [source],
                "to": target,
                "priority": number,
                "effects": [{"kind": "notify", "text": "moved"}],
                **_trigger(kind, draw(st.integers(1, 4))),
            }
    moves |= {f"way{each}": _by_hand(*pair) for each, pair in enumerate(itertools.pairwise((*STATES, "a")))}
    states = {name: {"label": name, "tone": "calm", "category": "active"} for name in STATES}
    document = {"key": "law", "noun": "incidents", "initial": "a", "states": states, "transitions": moves}
    return yaml.safe_dump(document, sort_keys=False)


def _by_hand(source: str, target: str) -> dict[str, Any]:
    return {"label": "Move", "from": [source], "to": target, "action": "incidents.change"}


def _trigger(kind: str, number: int) -> dict[str, Any]:
    by_kind: dict[str, dict[str, Any]] = {
        "hand": {"action": "incidents.change", "if": f"severity <> {number}"},
        "event": {"event": {"type": "law.told", "match": f"sent.number = {number}"}},
        "timer": {"timer": {"after": f"PT{number}M"}},
        "condition": {"condition": {"when": f"severity = {number}"}},
        "lasting": {"condition": {"when": f"severity = {number}", "for": "PT2M"}},
    }
    return by_kind[kind]


class Law(RuleBasedStateMachine):
    """Three objects, a clock, and everything that may happen to them."""

    def __init__(self) -> None:
        super().__init__()
        self.undo = transaction.atomic()
        self.undo.__enter__()
        self.at = NOON
        self.told = 0

    def teardown(self) -> None:
        """Leave nothing behind."""
        transaction.set_rollback(True)
        self.undo.__exit__(None, None, None)
        registry.forget_definitions()

    @initialize(document=documents())
    def begin(self, document: str) -> None:
        relay(self.at)
        services.read_log(self.at)
        make_definition(document)
        harbour = make_organisation()
        self.incidents = [
            services.begin(
                Incident(organisation=harbour, title="x", opened_at=NOON, severity=4), actor=SYSTEM, at=NOON, key="law"
            )
            for _ in range(3)
        ]

    @rule(which=st.integers(0, 2), choice=st.integers(0, 20), crash=st.none() | st.sampled_from(PLACES[:5]))
    def move_by_hand(self, which: int, choice: int, crash: Any) -> None:
        row = self.incidents[which]
        moves = [move for move in registry.definition_of(row).moves.values() if move.action]
        with _crashing(crash, 0), suppress(WatchfloorError), transaction.atomic():
            services.advance(row, moves[choice % len(moves)].name, actor=SYSTEM, at=self.at)

    @rule(which=st.integers(0, 2), severity=st.integers(1, 4))
    def change(self, which: int, severity: int) -> None:
        update_incident(self.incidents[which].pk, actor=SYSTEM, at=self.at, severity=severity)

    @rule(which=st.integers(0, 2), number=st.integers(1, 4))
    def tell(self, which: int, number: int) -> None:
        self.told += 1
        Event.objects.create(
            type="law.told",
            noun="incidents",
            object_id=self.incidents[which].pk,
            actor_label="law",
            occurred_at=self.at,
            data={"change": "sent", "object": None, "previous": None, "lifecycle": None, "sent": {"number": number}},
            source="urn:law",
            source_id=str(new_id()),
        )

    @rule(minutes=st.integers(0, 9))
    def pass_time(self, minutes: int) -> None:
        self.at += timedelta(minutes=minutes, seconds=1)

    @rule(crash=st.none() | st.sampled_from(PLACES), after=st.integers(0, 2))
    def read(self, crash: Any, after: int) -> None:
        relay(self.at)
        with _crashing(crash, after), transaction.atomic():
            services.read_log(self.at)

    @rule(crash=st.none() | st.sampled_from(PLACES), after=st.integers(0, 2), twice=st.booleans())
    def sweep(self, crash: Any, after: int, twice: bool) -> None:
        relay(self.at)
        services.read_log(self.at)
        claim = services.claim_due(10, self.at)
        for _ in range(1 + twice):
            with _crashing(crash, after), transaction.atomic():
                services.advance_due([*claim.fresh, *claim.lapsed], at=self.at)
            crash = None

    @precondition(lambda self: self.told)
    @rule()
    def deliver_effects_twice(self) -> None:
        claim = services.claim_effects(10, self.at)
        for _ in range(2):
            services.perform_effects([*claim.fresh, *claim.lapsed], at=self.at)

    @invariant()
    def everything_agrees(self) -> None:
        for incident in getattr(self, "incidents", ()):
            row = Incident.objects.get(pk=incident.pk)
            definition = registry.definition_of(row)
            history = list(Transition.objects.filter(object_id=row.pk).order_by("id"))
            _require_path(definition, history)
            assert (row.state, row.state_since) == (history[-1].to_state, history[-1].effective_at)
            assert row.state_category == definition.states[row.state].category
            told = Event.objects.filter(object_id=row.pk, type__in=(BEGUN, MOVED)).order_by("seq")
            assert [each.data["lifecycle"]["transition"] for each in told] == [each.name for each in history]
            _require_timers(definition, row)
            owed = sum(len(definition.moves[each.name].effects) for each in history if each.name in definition.moves)
            assert Effect.objects.filter(object_id=row.pk).count() == owed


def _require_path(definition: Definition, history: list[Transition]) -> None:
    assert (history[0].name, history[0].to_state) == ("begin", definition.initial)
    for before, step in itertools.pairwise(history):
        move = definition.moves[step.name]
        assert (step.from_state, step.to_state) == (before.to_state, move.target)
        assert step.from_state in move.sources
        assert step.effective_at >= before.effective_at


def _require_timers(definition: Definition, row: Incident) -> None:
    """Timers are those of the state, or are gone where a guard or a condition let them lapse; none of another state."""
    due = timers_in(definition, row.state, row.state_since, {})
    for timer in Timer.objects.filter(object_id=row.pk):
        move = definition.moves[timer.transition]
        assert row.state in move.sources
        assert timer.due_at == due.get(timer.transition, timer.due_at)
    owed = set(Timer.objects.filter(object_id=row.pk).values_list("transition", flat=True))
    assert set(due) <= owed


@contextmanager
def _crashing(place: Any, after: int) -> Iterator[None]:
    """Let the process die at a place when it comes there for the nth time; go on as the next process would."""
    if place is None:
        yield
        return
    module, name = place
    whole, calls = getattr(module, name), itertools.count()

    def dies(*args: Any, **kwargs: Any) -> Any:
        if next(calls) == after:
            raise Crash
        return whole(*args, **kwargs)

    with suppress(Crash), patch.object(module, name, dies):
        yield


@pytest.mark.django_db
def test_nothing_is_lost_doubled_or_out_of_order() -> None:
    run_state_machine_as_test(
        Law,
        settings=settings(
            max_examples=3,
            stateful_step_count=10,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
