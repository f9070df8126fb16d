"""Definitions: what is read is what was written, and what makes no sense is refused with its place."""

from __future__ import annotations

import copy
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.incidents.models import Incident
from apps.incidents.published import incident_feature
from apps.lifecycle import registry
from apps.lifecycle.rules import (
    LONGEST_PAUSE,
    moves_from,
    parse_definition,
    parse_duration,
    pause_after,
    reachable,
    timers_in,
)
from apps.lifecycle.types import Definition, DefinitionError, Move, State, TimerRule, Tone
from tests.factories.core import NOON, after

GATE: dict[str, Any] = {
    "noun": "gates",
    "version": 2,
    "initial": "shut",
    "states": {
        "shut": {"label": "Shut", "tone": "calm"},
        "open": {"label": "Open", "tone": "notice", "stamps": "opened_at"},
    },
    "transitions": {
        "open": {"label": "Open", "from": ["shut"], "to": "open", "action": "gates.open", "guard": "is_unlocked"},
        "shut": {
            "label": "Shut",
            "from": ["open"],
            "to": "shut",
            "action": "gates.shut",
            "clears": ["opened_at"],
            "reason": "required",
            "timer": {"in": ["open"], "after": "PT1M30S"},
        },
    },
}


def gate(**changes: Any) -> dict[str, Any]:
    """Return the gate's document with some dotted paths changed; ``None`` removes."""
    document = copy.deepcopy(GATE)
    for path, value in changes.items():
        *way, last = path.split("__")
        place = document
        for step in way:
            place = place[step]
        if value is None:
            del place[last]
        else:
            place[last] = value
    return document


def test_a_definition_is_read_whole() -> None:
    assert parse_definition(GATE, source="gates.v2.yaml") == Definition(
        noun="gates",
        version=2,
        initial="shut",
        states={
            "shut": State(name="shut", label="Shut", tone=Tone.CALM),
            "open": State(name="open", label="Open", tone=Tone.NOTICE, stamps="opened_at"),
        },
        moves={
            "open": Move(
                name="open", label="Open", sources=("shut",), target="open", action="gates.open", guard="is_unlocked"
            ),
            "shut": Move(
                name="shut",
                label="Shut",
                sources=("open",),
                target="shut",
                action="gates.shut",
                clears=("opened_at",),
                needs_reason=True,
                timer=TimerRule(states=("open",), after=timedelta(seconds=90)),
            ),
        },
    )


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"version": 0}, "version: 0 is less than the minimum"),
        ({"version": None}, "document: 'version' is a required property"),
        ({"initial": "ajar"}, "initial: there is no state «ajar»"),
        ({"states__open__tone": "loud"}, "states.open.tone: 'loud' is not one of"),
        ({"states__open__colour": "red"}, "states.open: Additional properties are not allowed"),
        ({"states__jammed": {"label": "Jammed", "tone": "alert"}}, "states: nothing leads to jammed"),
        ({"transitions__open__to": "ajar"}, "transitions.open: there is no state «ajar»"),
        ({"transitions__open__from": []}, "transitions.open.from: [] should be non-empty"),
        ({"transitions__open__action": "open"}, "transitions.open.action: 'open' does not match"),
        ({"transitions__shut__clears": ["shut_at"]}, "transitions.shut.clears: no state stamps shut_at"),
        ({"transitions__shut__timer__in": ["shut"]}, "transitions.shut.timer: it does not start from shut"),
        ({"transitions__shut__timer__after": "soon"}, "transitions.shut.timer: «soon» is no duration above zero"),
        ({"transitions__shut__timer__after": "PT0S"}, "transitions.shut.timer: «PT0S» is no duration above zero"),
        ({"transitions__shut__timer__field": "patience"}, "transitions.shut.timer: "),
        ({"transitions__shut__timer__after": None}, "transitions.shut.timer: "),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_place(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(DefinitionError) as refusal:
        parse_definition(gate(**changes), source="gates.v2.yaml")
    assert refusal.value.message.startswith(f"gates.v2.yaml: {complaint}")


@pytest.mark.parametrize("document", [None, [], "gates", 7, {}])
def test_what_is_no_definition_at_all_is_refused(document: object) -> None:
    with pytest.raises(DefinitionError):
        parse_definition(document, source="gates.v1.yaml")


@given(st.integers(0, 400), st.integers(0, 99), st.integers(0, 99), st.integers(0, 99))
def test_a_duration_is_the_sum_of_its_parts(days: int, hours: int, minutes: int, seconds: int) -> None:
    text = f"P{days}DT{hours}H{minutes}M{seconds}S"
    expected = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    if expected:
        assert parse_duration(text) == expected
    else:
        with pytest.raises(DefinitionError):
            parse_duration(text)


@pytest.mark.parametrize("text", ["", "P", "PT", "P1Y", "P1M", "PT-5M", "5M", "PT1.5S", "P1DT", "pt5m"])
def test_what_has_no_fixed_length_is_no_duration(text: str) -> None:
    with pytest.raises(DefinitionError):
        parse_duration(text)


def test_timers_begin_when_the_state_does() -> None:
    fixed = parse_definition(GATE, source="gates.v2.yaml")
    assert timers_in(fixed, "open", NOON, {}) == {"shut": after(90)}
    assert timers_in(fixed, "shut", NOON, {}) == {}


@pytest.mark.parametrize(("patience", "due"), [(timedelta(seconds=5), {"shut": after(5)}), (None, {})])
def test_a_timer_may_read_its_duration_from_the_object(patience: timedelta | None, due: dict[str, object]) -> None:
    document = gate(transitions__shut__timer={"in": ["open"], "field": "patience"})
    definition = parse_definition(document, source="gates.v2.yaml")
    assert timers_in(definition, "open", NOON, {"patience": patience}) == due


def test_moves_come_in_the_order_of_the_definition() -> None:
    incidents = registry.lifecycle("incidents").current
    assert [move.name for move in moves_from(incidents, "open")] == ["acknowledge", "escalate", "resolve"]
    assert reachable(incidents) == set(incidents.states)


def test_a_failing_timer_rests_longer_each_time_and_at_most_an_hour() -> None:
    pauses = [pause_after(attempts) for attempts in range(1, 40)]
    assert pauses[:4] == [timedelta(seconds=each) for each in (2, 4, 8, 16)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE


def write(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder


MINIMAL = """
noun: incidents
version: {version}
initial: open
states: {{open: {{label: Open, tone: alert}}, closed: {{label: Closed, tone: done{stamps}}}}}
transitions:
  close: {{label: Close, from: [open], to: closed, action: incidents.close{more}}}
"""


def test_every_version_is_kept_and_the_highest_is_current(tmp_path: Path) -> None:
    for version in (1, 2, 10):
        write(tmp_path, f"incidents.v{version}.yaml", MINIMAL.format(version=version, stamps="", more=""))
    assert sorted(registry.read_definitions("incidents", tmp_path)) == [1, 2, 10]


def test_a_file_that_lies_about_itself_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "incidents.v3.yaml", MINIMAL.format(version=1, stamps="", more=""))
    with pytest.raises(DefinitionError, match=r"it says that it is incidents version 1"):
        registry.read_definitions("incidents", tmp_path)


def test_a_noun_without_a_definition_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="no definition of «incidents»"):
        registry.read_definitions("incidents", tmp_path)


@pytest.mark.parametrize(
    ("stamps", "more", "complaint"),
    [
        (", stamps: shut_at", "", "Incident has no shut_at"),
        ("", ", timer: {in: [open], field: patience}", "Incident has no patience"),
        ("", ", guard: nobody_looks", "no guard is called nobody_looks"),
    ],
)
def test_a_definition_that_the_code_cannot_follow_is_refused(
    tmp_path: Path, stamps: str, more: str, complaint: str
) -> None:
    write(tmp_path, "incidents.v1.yaml", MINIMAL.format(version=1, stamps=stamps, more=more))
    before = registry.lifecycle("incidents")
    with pytest.raises(DefinitionError, match=complaint):
        registry.register("incidents", word="incident", model=Incident, definitions=tmp_path, feature=incident_feature)
    assert registry.lifecycle("incidents") is before
