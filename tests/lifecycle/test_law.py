"""The law of the engine, for any definition: nothing is lost, doubled or out of order, whatever breaks and comes twice.

A random definition is published, and objects are pushed about: moved by hand, by events, by a condition, by a clock
that stands still and runs ahead; the process dies at any statement and before the commit; events, jobs and effects are
delivered again, at once and much later; somebody else moves what is just being moved. After every step each object, its
history, the log, its timers and its effects are what ``oracle`` worked out without a database.

``WATCHFLOOR_LAW_EXAMPLES=500 ./dev test tests/lifecycle/test_law.py -n 0`` goes on for longer than the suite does.
"""

from __future__ import annotations

import itertools
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from unittest.mock import patch
from uuid import UUID

import pytest
import yaml
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from apps.access.types import SYSTEM
from apps.core.ids import new_id
from apps.core.types import WatchfloorError
from apps.events.models import Event
from apps.events.queries import head
from apps.events.services import relay
from apps.incidents.models import Incident
from apps.incidents.services import update_incident
from apps.lifecycle import registry, services
from apps.lifecycle.models import Effect, Timer, Transition
from apps.lifecycle.services import engine, telling, timers, triggers
from apps.lifecycle.types import Cause
from tests.factories.access import make_organisation
from tests.factories.core import NOON
from tests.factories.lifecycles import make_definition
from tests.lifecycle.oracle import Expected, minutes

EXAMPLES = int(os.environ.get("WATCHFLOOR_LAW_EXAMPLES", "3"))
STATES = ("a", "b", "c", "d")
OWN = "watchfloor.incident."
TOLD = "law.told"
# Where the process dies: on the way into one of these, or when all is written and nothing is committed.
BEFORE_COMMIT = (None, "")
WRITES = (
    (engine, "_compare_and_set"),
    (engine, "_insert_history"),
    (engine, "replace_timers"),
    (engine, "_owe_effects"),
    (engine, "publish"),
    BEFORE_COMMIT,
)
BY_HAND = st.none() | st.sampled_from(WRITES)
BY_LOG = st.none() | st.sampled_from((*WRITES, (triggers, "_move_on")))
BY_CLOCK = st.none() | st.sampled_from((*WRITES, (timers, "make_moves")))
BY_EFFECT = st.none() | st.sampled_from(((telling, "publish"), BEFORE_COMMIT))


class Crash(BaseException):
    """The process dies here: nothing of ours catches it."""


@st.composite
def definitions(draw: st.DrawFn) -> dict[str, Any]:
    """Return four states that lead on to each other by any trigger; what needs nobody, only forward.

    As the oracle reads it; ``_document`` writes it down.
    """
    moves: dict[str, Any] = {}
    for number, (source, target) in enumerate(itertools.permutations(STATES, 2)):
        kinds = ["hand", "event"] if source > target else ["hand", "event", "timer", "condition", "lasting", "none"]
        kind = draw(st.sampled_from(kinds))
        if kind != "none":
            trigger = _trigger(kind, draw(st.integers(1, 4)))
            moves[f"m{number}"] = {"from": [source], "to": target, "priority": number, **trigger}
    for number, (source, target) in enumerate(itertools.pairwise((*STATES, "a"))):
        moves[f"way{number}"] = {"from": [source], "to": target, "priority": 0, "action": "incidents.change"}
    return {"initial": "a", "transitions": moves}


def _trigger(kind: str, number: int) -> dict[str, Any]:
    by_kind: dict[str, dict[str, Any]] = {
        "hand": {"action": "incidents.change", "unless": number},
        "event": {"number": number},
        "timer": {"after": minutes(number)},
        "condition": {"when": number},
        "lasting": {"when": number, "lasting": minutes(2)},
    }
    return by_kind[kind]


def _document(definition: dict[str, Any]) -> str:
    states = {name: {"label": name, "tone": "calm", "category": "active"} for name in STATES}
    written = {name: _written(name, move) for name, move in definition["transitions"].items()}
    document = {"key": "law", "noun": "incidents", "initial": "a", "states": states, "transitions": written}
    return yaml.safe_dump(document, sort_keys=False)


def _written(name: str, move: dict[str, Any]) -> dict[str, Any]:
    written: dict[str, Any] = {"label": name, **{each: move[each] for each in ("from", "to", "priority")}}
    if name.startswith("m"):
        written["effects"] = [{"kind": "notify", "text": "moved"}]
    if "action" in move:
        written["action"] = move["action"]
    if "unless" in move:
        written["if"] = f"severity <> {move['unless']}"
    if "number" in move:
        written["event"] = {"type": TOLD, "match": f"sent.number = {move['number']}"}
    if "after" in move:
        written["timer"] = {"after": f"PT{move['after'].total_seconds():.0f}S"}
    if "when" in move:
        written["condition"] = {"when": f"severity = {move['when']}"} | ({"for": "PT2M"} if "lasting" in move else {})
    return written


class Law(RuleBasedStateMachine):
    """Three objects, a clock, and everything that may happen to them."""

    def __init__(self) -> None:
        super().__init__()
        self.undo = transaction.atomic()
        self.undo.__enter__()
        self.at = NOON
        self.jobs: list[UUID] = []
        self.effects: list[UUID] = []
        self.expected: dict[UUID, Expected] = {}

    def teardown(self) -> None:
        """Leave nothing behind."""
        transaction.set_rollback(True)
        self.undo.__exit__(None, None, None)
        registry.forget_definitions()

    @initialize(definition=definitions())
    def begin(self, definition: dict[str, Any]) -> None:
        relay(self.at)
        services.read_log(self.at)
        self.read_until = head().offset
        moves = definition["transitions"].values()
        # An object hears what its definition listens to; of itself all, where any condition may be looked at.
        self.heard = (*([TOLD] if any("number" in move for move in moves) else []),
                      *([OWN] if any("when" in move for move in moves) else []))  # fmt: skip
        make_definition(_document(definition))
        harbour = make_organisation()
        for _ in range(3):
            row = Incident(organisation=harbour, title="x", opened_at=NOON, severity=4)
            services.begin(row, actor=SYSTEM, at=NOON, key="law")
            self.expected[row.pk] = Expected(document=definition, since=NOON, severity=4)

    @rule(which=st.integers(0, 2), choice=st.integers(0, 20), crash=BY_HAND)
    def move_by_hand(self, which: int, choice: int, crash: Any) -> None:
        key, expected = list(self.expected.items())[which]
        able = [name for name, move in expected.document["transitions"].items() if "action" in move]
        name, is_made = able[choice % len(able)], False
        with _living(crash) as life, suppress(WatchfloorError):
            services.advance(Incident.objects.get(pk=key), name, actor=SYSTEM, at=self.at)
            is_made = True
        if life.has_committed:
            assert is_made == expected.push(name, self.at)

    @rule(which=st.integers(0, 2), severity=st.integers(1, 4))
    def change(self, which: int, severity: int) -> None:
        key, expected = list(self.expected.items())[which]
        update_incident(key, actor=SYSTEM, at=self.at, severity=severity)
        expected.severity = severity

    @rule(which=st.integers(0, 2), number=st.integers(1, 4))
    def tell(self, which: int, number: int) -> None:
        Event.objects.create(
            type=TOLD,
            noun="incidents",
            object_id=list(self.expected)[which],
            actor_label="law",
            occurred_at=self.at,
            data={"change": "sent", "object": None, "previous": None, "lifecycle": None, "sent": {"number": number}},
            source="urn:law",
            source_id=str(new_id()),
        )

    @rule(passing=st.integers(0, 9))
    def pass_time(self, passing: int) -> None:
        self.at += timedelta(minutes=passing, seconds=1)

    @rule(crash=BY_LOG, after=st.integers(0, 2))
    def read(self, crash: Any, after: int) -> None:
        relay(self.at)
        with _living(crash, after) as life:
            services.read_log(self.at)
        if life.has_committed:
            self._expect_read()

    @rule(passing=st.integers(0, 9), crash=BY_CLOCK, after=st.integers(0, 2), twice=st.booleans())
    def sweep(self, passing: int, crash: Any, after: int, twice: bool) -> None:
        ids = self._claim(passing)
        self._fire(ids, crash, after)
        if twice:
            self._fire(ids)

    @rule(passing=st.integers(0, 9), crash=BY_CLOCK, after=st.integers(0, 2))
    def deliver_jobs_late(self, passing: int, crash: Any, after: int) -> None:
        self._claim(passing)
        self._fire(self.jobs, crash, after)

    @rule(passing=st.integers(0, 9), which=st.integers(0, 2))
    def meet_somebody_else(self, passing: int, which: int) -> None:
        """Fire what is due while somebody moves one of the rows, as though no lock had kept them apart."""
        key, whole = list(self.expected)[which], engine.make_moves

        def meanwhile(lifecycle: Any, steps: Sequence[engine.Step], **circumstances: Any) -> None:
            for row in Incident.objects.filter(pk__in={key} & {step.row.pk for step in steps}):
                move = registry.definition_of(row).moves[f"way{STATES.index(row.state)}"]
                step = engine.Step(row=row, move=move, effective_at=row.state_since, cause=Cause.HAND)
                whole(lifecycle, [step], **circumstances)
            whole(lifecycle, steps, **circumstances)

        ids = self._claim(passing)
        with patch.object(timers, "make_moves", meanwhile):
            self._fire(ids, but=key)

    @rule(crash=BY_EFFECT, after=st.integers(0, 2))
    def deliver_effects_twice(self, crash: Any, after: int) -> None:
        claim = services.claim_effects(100, self.at)
        self.effects += [*claim.fresh, *claim.lapsed]
        with _living(crash, after):
            services.perform_effects([*claim.fresh, *claim.lapsed], at=self.at)
        services.perform_effects(self.effects, at=self.at)

    def _claim(self, passing: int) -> list[UUID]:
        """Let some minutes pass, read the log and claim what is due, as the sweep does."""
        self.pass_time(passing)
        relay(self.at)
        services.read_log(self.at)
        self._expect_read()
        claim = services.claim_due(100, self.at)
        self.jobs += [*claim.fresh, *claim.lapsed]
        return [*claim.fresh, *claim.lapsed]

    def _fire(self, ids: Sequence[UUID], crash: Any = None, after: int = 0, *, but: UUID | None = None) -> None:
        owed: defaultdict[UUID, list[str]] = defaultdict(list)
        for timer in Timer.objects.filter(pk__in=ids):
            owed[timer.object_id].append(timer.transition)
        with _living(crash, after) as life:
            services.advance_due(ids, at=self.at)
        for key, names in owed.items() if life.has_committed else ():
            self.expected[key].let_clock(names, self.at, may_move=key != but)

    def _expect_read(self) -> None:
        until = head().offset
        events = Event.objects.filter(offset__gt=self.read_until, offset__lte=until, object_id__in=list(self.expected))
        for event in events.order_by("offset"):
            if event.type.startswith(self.heard):
                sent, shown = event.data.get("sent") or {}, event.data["object"] or {"properties": {}}
                said = (sent.get("number"), shown["properties"].get("severity"))
                self.expected[event.object_id].hear(event.occurred_at, *said, at=self.at)
        self.read_until = until

    @invariant()
    def everything_agrees(self) -> None:
        for key, expected in self.expected.items():
            row = Incident.objects.get(pk=key)
            assert (row.state, row.state_since, row.state_category) == (expected.state, expected.since, "active")
            history = list(Transition.objects.filter(object_id=key).order_by("id"))
            assert [(each.name, each.cause, each.effective_at) for each in history] == expected.made
            _require_path(expected, history)
            assert _told(key, "created") + _told(key, "transitioned") == [each.name for each in history]
            owed = Timer.objects.filter(object_id=key).values_list("transition", "due_at")
            assert dict(owed) == expected.owed
            _require_effects(key, [each.name for each in history if each.name.startswith("m")])


def _require_path(expected: Expected, history: list[Transition]) -> None:
    assert (history[0].from_state, history[0].to_state) == ("", expected.document["initial"])
    for before, step in itertools.pairwise(history):
        move = expected.document["transitions"][step.name]
        assert (step.from_state, step.to_state) == (before.to_state, move["to"])
        assert step.from_state in move["from"]
        assert step.effective_at >= before.effective_at


def _require_effects(key: UUID, moves: list[str]) -> None:
    """Each move that has an effect owes it, and what was done was done once, in the order of the moves."""
    effects = Effect.objects.filter(object_id=key).order_by("seq")
    assert [each.transition for each in effects] == moves
    assert _told(key, "notified") == [each.transition for each in effects if each.status == "done"]


def _told(key: UUID, what: str) -> list[str]:
    events = Event.objects.filter(object_id=key, type=f"{OWN}{what}.v1").order_by("seq")
    return [each.data["lifecycle"]["transition"] for each in events]


@dataclass
class Life:
    """A process, and whether it came to its commit."""

    has_committed: bool = False


@contextmanager
def _living(place: Any, after: int = 0) -> Iterator[Life]:
    """Let a process live until it comes to a place for the nth time, or to its commit; what it wrote dies with it."""
    life, (module, name) = Life(), place or BEFORE_COMMIT
    whole, calls = getattr(module, name, None), itertools.count()

    def dies(*args: Any, **kwargs: Any) -> Any:
        if next(calls) == after:
            raise Crash
        assert whole is not None
        return whole(*args, **kwargs)

    with suppress(Crash), transaction.atomic():
        with patch.object(module, name, dies) if module else nullcontext():
            yield life
        if place == BEFORE_COMMIT:
            raise Crash
        life.has_committed = True


@pytest.mark.django_db
def test_nothing_is_lost_doubled_or_out_of_order() -> None:
    run_state_machine_as_test(
        Law,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=20,
            deadline=None,
            derandomize="WATCHFLOOR_LAW_EXAMPLES" not in os.environ,
            suppress_health_check=list(HealthCheck),
        ),
    )
