"""Definitions: what is read is what was written, and what makes no sense is refused with its place."""

from __future__ import annotations

import copy
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from apps.lifecycle import registry
from apps.lifecycle.registry.definitions import check_against_code, parse_definition, read_shipped
from apps.lifecycle.rules.checking import reachable
from apps.lifecycle.rules.durations import LONGEST_PAUSE, parse_duration, parse_offset, pause_after
from apps.lifecycle.rules.moving import is_missed, moves_from, timers_in
from apps.lifecycle.rules.reading import read_definition
from apps.lifecycle.types import Category, Definition, DefinitionError, Move, State, TimerRule, Tone
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


def parse(document: object) -> Definition:
    """Return what a document means, written as YAML."""
    return parse_definition(yaml.safe_dump(document, sort_keys=False), source="gates.v2.yaml")


def test_a_definition_is_read_whole() -> None:
    assert parse(GATE) == Definition(
        key="gates",
        noun="gates",
        version=2,
        initial="shut",
        states={
            "shut": State(name="shut", label="Shut", tone=Tone.CALM, category=Category.OPEN),
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
        ({"version": 0}, "2:10: version: 0 is less than the minimum of 1."),
        ({"version": None}, "1:1: «version» is missing."),
        ({"initial": "ajar"}, "3:10: initial: There is no state «ajar»."),
        ({"states__open__tone": "loud"}, "10:11: states.open.tone: 'loud' is not one of"),
        ({"states__open__colour": "red"}, "12:5: states.open.colour: There is no «colour» here."),
        ({"states__jammed": {"label": "Jammed", "tone": "alert", "final": True}}, "12:3: states.jammed: Nothing leads"),
        ({"transitions__open__to": "ajar"}, "8:3: states.open: Nothing leads to «open»."),
        ({"transitions__open__from": []}, "15:5: transitions.open.from: [] should be non-empty."),
        ({"transitions__open__action": "open"}, "18:13: transitions.open.action: 'open' does not match"),
        ({"transitions__shut__clears": ["shut_at"]}, "27:7: transitions.shut.clears.0: No state stamps «shut_at»."),
        ({"transitions__shut__timer__in": ["shut"]}, "31:9: transitions.shut.timer.in.0: It does not start from"),
        ({"transitions__shut__timer__after": "soon"}, "32:14: transitions.shut.timer.after: «soon» is no duration"),
        ({"transitions__shut__timer__after": "PT0S"}, "32:14: transitions.shut.timer.after: «PT0S» is no duration"),
        ({"transitions__shut__timer__field": "patience"}, "29:5: transitions.shut.timer: It has exactly one of after,"),
        ({"transitions__shut__timer__after": None}, "29:5: transitions.shut.timer: It has exactly one of after, field"),
    ],
    ids=range(15),
)
def test_what_makes_no_sense_is_refused_with_its_place(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(DefinitionError) as refusal:
        parse(gate(**changes))
    assert refusal.value.message.removeprefix("gates.v2.yaml:").startswith(complaint)


@pytest.mark.parametrize("document", [None, [], "gates", 7, {}], ids=repr)
def test_what_is_no_definition_at_all_is_refused(document: object) -> None:
    with pytest.raises(DefinitionError):
        parse(document)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "1:1: It is empty."),
        (
            "noun: [a",
            "1:9: It is not YAML: while parsing a flow sequence, expected ',' or ']'",
        ),
        ("noun: a\nnoun: b\n", "2:1: noun: «noun» stands here a second time."),
        ("a: &x {b: 1}\nc: *x\n", "1:1: a: An alias cannot be used here."),
        ("[" * 100 + "]" * 100, "It is nested too deep."),
        ("a: !!python/object:os.system {}", "1:4: It is not YAML: could not determine a constructor for the tag"),
        ("a: \x00", "1:1: It is not YAML: unacceptable character #x0000"),
    ],
    ids=range(7),
)
def test_what_is_no_yaml_that_we_take_is_refused_with_its_place(text: str, complaint: str) -> None:
    [mistake] = read_definition(text).mistakes
    assert complaint in str(mistake)


@given(st.integers(0, 400), st.integers(0, 99), st.integers(0, 99), st.integers(0, 99))
def test_a_duration_is_the_sum_of_its_parts(days: int, hours: int, minutes: int, seconds: int) -> None:
    text = f"P{days}DT{hours}H{minutes}M{seconds}S"
    expected = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    if expected:
        assert parse_duration(text) == expected
    else:
        with pytest.raises(ValueError, match="no duration above zero"):
            parse_duration(text)


@pytest.mark.parametrize("text", ["", "P", "PT", "P1Y", "P1M", "PT-5M", "5M", "PT1.5S", "P1DT", "pt5m"])
def test_what_has_no_fixed_length_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="no duration above zero"):
        parse_duration(text)


def test_timers_begin_when_the_state_does() -> None:
    fixed = parse(GATE)
    assert timers_in(fixed, "open", NOON, {}) == {"shut": after(90)}
    assert timers_in(fixed, "shut", NOON, {}) == {}


@pytest.mark.parametrize(("patience", "due"), [(timedelta(seconds=5), {"shut": after(5)}), (None, {})])
def test_a_timer_may_read_its_duration_from_the_object(patience: timedelta | None, due: dict[str, object]) -> None:
    document = gate(transitions__shut__timer={"in": ["open"], "field": "patience"})
    definition = parse(document)
    assert timers_in(definition, "open", NOON, {"patience": patience}) == due


@pytest.mark.django_db
def test_moves_come_in_the_order_of_the_definition() -> None:
    incidents = registry.current("incident")
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
key: incident
noun: incidents
version: {version}
initial: open
states: {{open: {{label: Open, tone: alert}}, closed: {{label: Closed, tone: done, final: true{stamps}}}}}
transitions:
  close: {{label: Close, from: [open], to: closed, action: incidents.close{more}}}
"""


def test_every_shipped_version_is_kept(tmp_path: Path) -> None:
    for version in (1, 2, 10):
        write(tmp_path, f"incident.v{version}.yaml", MINIMAL.format(version=version, stamps="", more=""))
    found = read_shipped("incidents", tmp_path)
    assert sorted((definition.key, definition.version) for definition, _ in found) == [
        ("incident", 1),
        ("incident", 2),
        ("incident", 10),
    ]


def test_a_file_that_lies_about_itself_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "incident.v3.yaml", MINIMAL.format(version=1, stamps="", more=""))
    with pytest.raises(DefinitionError, match=r"it says that it is incident version 1 of incidents"):
        read_shipped("incidents", tmp_path)


def test_a_noun_without_a_definition_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="no definition of «incidents»"):
        read_shipped("incidents", tmp_path)


@pytest.mark.parametrize(
    ("stamps", "more", "complaint"),
    [
        (", stamps: shut_at", "", "Incident has no shut_at"),
        ("", ", timer: {in: [open], field: patience}", "Incident has no patience"),
        ("", ", guard: nobody_looks", "no guard is called nobody_looks"),
    ],
    ids=["stamp", "field", "guard"],
)
def test_a_shipped_definition_that_the_code_cannot_follow_is_refused(
    tmp_path: Path, stamps: str, more: str, complaint: str
) -> None:
    write(tmp_path, "incident.v1.yaml", MINIMAL.format(version=1, stamps=stamps, more=more))
    [found] = read_shipped("incidents", tmp_path)
    incidents = registry.lifecycle("incidents")
    with pytest.raises(DefinitionError, match=complaint):
        check_against_code(found, incidents.model, incidents.guards)


@pytest.mark.parametrize(("text", "offset"), [("PT0S", 0), ("-PT30M", -1800), ("P1D", 86400)], ids=str)
def test_an_offset_may_be_nothing_or_less(text: str, offset: int) -> None:
    assert parse_offset(text) == timedelta(seconds=offset)


def test_a_timer_may_be_set_by_an_instant_of_the_object() -> None:
    document = gate(transitions__shut__timer={"at": "shuts_at", "offset": "-PT5M", "skip_after": "PT1H"})
    timer = parse(document).moves["shut"].timer
    assert timer == TimerRule(
        states=("open",), at="shuts_at", offset=timedelta(minutes=-5), skip_after=timedelta(hours=1)
    )
    due = timers_in(parse(document), "open", NOON, {"shuts_at": after(hours=2)})
    assert due == {"shut": after(hours=2, minutes=-5)}
    assert [is_missed(timer, NOON, after(hours=each)) for each in (1, 2)] == [False, True]
    assert timers_in(parse(document), "open", NOON, {"shuts_at": None}) == {}
