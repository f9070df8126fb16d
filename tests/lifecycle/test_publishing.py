"""Definitions as data: drafts, publishing with every mistake at its place, versions that never change."""

from __future__ import annotations

from textwrap import dedent

import pytest
from django.db import IntegrityError, transaction

from apps.access.types import SYSTEM
from apps.core.types import Conflict, Invalid, NotAllowed
from apps.incidents.models import Incident
from apps.lifecycle import registry, services
from apps.lifecycle.models import DefinitionVersion
from apps.lifecycle.queries import validate
from apps.lifecycle.types import DefinitionError, Status
from tests.factories.access import make_cast, make_organisation
from tests.factories.core import NOON, after
from tests.factories.lifecycles import DRILL, begin_incident, make_definition

pytestmark = pytest.mark.django_db
OTHER = DRILL.replace("label: Start\n", "label: Begin\n")


def test_a_draft_may_be_wrong_and_is_published_when_it_is_right() -> None:
    draft = services.create_draft("key: drill\nnoun: incidents\n", actor=SYSTEM, at=NOON)
    assert (draft.number, draft.status, [each.detail for each in services.checked(draft).mistakes]) == (
        1,
        Status.DRAFT,
        ["«initial» is missing.", "«states» is missing.", "«transitions» is missing."],
    )
    with pytest.raises(DefinitionError) as refusal:
        services.publish_definition(draft.pk, actor=SYSTEM, at=NOON)
    assert [error.pointer for error in refusal.value.errors] == ["/document#line=1,column=1"] * 3
    services.change_draft(draft.pk, DRILL, actor=SYSTEM, at=after(1))
    published = services.publish_definition(draft.pk, actor=SYSTEM, at=after(2))
    assert (published.status, published.title, published.published_by) == (Status.PUBLISHED, "Drill", "system")
    assert registry.current("drill").moves["start"].label == "Start"


def test_new_objects_follow_the_latest_and_old_ones_stay() -> None:
    harbour, first = make_organisation(), make_definition()
    old = begin_incident(harbour)
    services.create_draft(OTHER, actor=SYSTEM, at=NOON)
    assert registry.current("drill").version == 1
    services.publish_definition(DefinitionVersion.objects.get(number=2).pk, actor=SYSTEM, at=NOON)
    new = begin_incident(harbour)
    assert [registry.definition_of(each).moves["start"].label for each in (old, new)] == ["Start", "Begin"]
    services.retire_definition(DefinitionVersion.objects.get(key="drill", number=2).pk, actor=SYSTEM, at=NOON)
    assert begin_incident(harbour).lifecycle_version == 1
    assert services.advance(new, "start", actor=SYSTEM, at=NOON).state == "running"
    with pytest.raises(Conflict):
        services.retire_definition(first.pk, actor=SYSTEM, at=NOON)


def test_what_is_published_never_changes() -> None:
    row = make_definition()
    with pytest.raises(Conflict):
        services.change_draft(row.pk, OTHER, actor=SYSTEM, at=NOON)
    with pytest.raises(Conflict):
        services.delete_draft(row.pk, actor=SYSTEM, at=NOON)
    for change in ({"document": OTHER}, {"status": "draft", "published_at": None}, {"number": 7}, {"noun": "assets"}):
        with pytest.raises(IntegrityError, match="never changes"), transaction.atomic():
            DefinitionVersion.objects.filter(pk=row.pk).update(**change)
    with pytest.raises(IntegrityError, match="never changes"), transaction.atomic():
        DefinitionVersion.objects.filter(pk=row.pk).delete()


def test_a_draft_made_from_a_version_says_the_same_under_the_next_number() -> None:
    shipped = DefinitionVersion.objects.get(key="incident", number=1)
    draft = services.draft_from(shipped.pk, actor=SYSTEM, at=NOON)
    assert (draft.number, draft.status, services.checked(draft).mistakes) == (2, Status.DRAFT, ())
    with pytest.raises(Conflict):
        services.draft_from(shipped.pk, actor=SYSTEM, at=NOON)
    services.delete_draft(draft.pk, actor=SYSTEM, at=NOON)
    assert not DefinitionVersion.objects.filter(key="incident", number=2).exists()


def test_a_key_belongs_to_one_noun_and_a_draft_keeps_it() -> None:
    make_definition()
    with pytest.raises(Invalid):
        services.create_draft(DRILL.replace("noun: incidents", "noun: assets"), actor=SYSTEM, at=NOON)
    draft = services.create_draft(OTHER, actor=SYSTEM, at=NOON)
    with pytest.raises(Invalid):
        services.change_draft(draft.pk, OTHER.replace("key: drill", "key: other"), actor=SYSTEM, at=NOON)


def test_shipped_definitions_are_written_down_once() -> None:
    assert services.load_shipped(NOON) == 0
    row = DefinitionVersion.objects.get(is_shipped=True, key="incident")
    assert (row.number, row.noun, row.status, row.title) == (1, "incidents", "published", "Incident")


def test_who_may_not_write_definitions_does_not() -> None:
    bob = make_cast().actor("bob")
    with pytest.raises(NotAllowed):
        services.create_draft(DRILL, actor=bob, at=NOON)


def complaints(**parts: str) -> list[str]:
    """Return what is wrong with a drill whose transitions are these."""
    lines = [dedent(text).strip().replace("\n", "\n    ") for text in parts.values()]
    moves = "".join(f"  {name}:\n    {text}\n" for name, text in zip(parts, lines, strict=True))
    document = DRILL[: DRILL.index("transitions:")] + "transitions:\n" + moves
    return [str(mistake) for mistake in validate(document, number=1, key="drill").mistakes]


START = "label: Start\nfrom: [planned]\nto: running\naction: incidents.acknowledge"
FINISH = "label: Finish\nfrom: [running]\nto: over\naction: incidents.resolve"


def test_a_definition_that_is_right_has_no_mistakes() -> None:
    assert complaints(start=START, finish=FINISH) == []


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        (
            "action: incidents.fly",
            "15:13: transitions.start.action: There is no «incidents.fly»",
        ),
        ("action: assets.view", "15:13: transitions.start.action: There is no «assets.view»; there is"),
        ("guard: nobody_looks", "16:12: transitions.start.guard: There is no «nobody_looks»; there is nothing_newer"),
        ("if: severity >", "16:9: transitions.start.if: "),
        ("if: severity >= 'x'", "16:9: transitions.start.if: "),
        ("if: colour = 'red'", "16:9: transitions.start.if: "),
        ("if: recorded_at > DATE('2026-01-01')", "16:9: transitions.start.if: recorded_at can be asked of lists only"),
        ("timer: {field: patience}", "16:20: transitions.start.timer.field: There is no «patience»; there is escalate"),
        ("timer: {at: severity}", "16:17: transitions.start.timer.at: There is no «severity»; there is acknowl"),
        ("event: {type: watchfloor.no.such.v1}", "16:19: transitions.start.event.type: There are no events of the ty"),
        ("event: {type: a.b, match: x = 1}", "16:31: transitions.start.event.match: "),
        ("event: {type: a.b, where: {title: id}}", None),
        ("event: {type: a.b, where: {severity: id}}", "16:24: transitions.start.event.where: There is no «severity»"),
        (
            "event: {type: watchfloor.asset.updated.v1, where: {asset_id: nothing}}",
            "16:48: transitions.start.event",
        ),
        ("event: {type: watchfloor.asset.updated.v1, where: {asset_id: id}, match: is_active = FALSE}", None),
        ("condition: {when: severity = 4 AND updated > now()}", "16:23: transitions.start.condition.when: "),
        ("condition: {when: opened_at < now()}", "16:23: transitions.start.condition.when: A condition is looked at"),
        ("effects: [{kind: sing}]", "16:22: transitions.start.effects.0.kind: There is no «sing»; there is"),
        ("effects: [{kind: notify}]", "16:15: transitions.start.effects.0: 'text' is a required property."),
        ("effects: [{kind: set-field, field: title, value: x}]", "16:40: transitions.start.effects.0.field: There is"),
        ("effects: [{kind: set-field, field: severity, value: 9}]", "16:57: transitions.start.effects.0.value: 9 is"),
        ("effects: [{kind: set-field, field: severity}]", "16:15: transitions.start.effects.0: It has exactly one of"),
        (
            "effects: [{kind: set-field, field: severity, answer: a}]",
            "16:15: transitions.start.effects.0: The form",
        ),
        ("form: {type: array}", "16:5: transitions.start.form: A form is of type object and has properties."),
        ("form: {type: 7}", "16:18: transitions.start.form.type: "),
    ],
    ids=range(25),
)
def test_every_name_and_filter_is_checked(more: str, complaint: str | None) -> None:
    start = START.replace("action: incidents.acknowledge", more) if more.startswith("action") else f"{START}\n{more}"
    found = complaints(start=start, finish=FINISH)
    if complaint is None:
        assert found == []
    else:
        assert len(found) == 1
        assert found[0].startswith(complaint)


BY_TIMER = "label: A\nfrom: [running]\nto: over\ntimer: {after: PT5M}"
BY_EVENT = "label: A\nfrom: [running]\nto: over\nevent: {type: a.b, match: sent.x = 1}"
BY_CONDITION = "label: A\nfrom: [running]\nto: over\ncondition: {when: severity = 1}"
LASTING = BY_CONDITION.replace("}", ", for: PT5M}")
BY_OWN_EVENT = "label: A\nfrom: [running]\nto: over\nevent: {type: watchfloor.incident.updated.v1}"
CHANCE = "could both be made at once"


@pytest.mark.parametrize(
    ("one", "other", "meets"),
    [
        (BY_TIMER, BY_TIMER, True),
        (BY_TIMER, BY_TIMER.replace("PT5M", "PT6M"), False),
        (BY_TIMER, f"{BY_TIMER}\npriority: 1", False),
        (f"{BY_TIMER}\nif: severity = 1", f"{BY_TIMER}\nif: severity = 2", False),
        (f"{BY_TIMER}\nif: severity = 1", f"{BY_TIMER}\nif: NOT (severity = 1)", False),
        (f"{BY_TIMER}\nif: severity = 1", f"{BY_TIMER}\nif: severity IN (1, 2)", True),
        (BY_EVENT, BY_EVENT, True),
        (BY_EVENT, BY_EVENT.replace("= 1", "= 2"), False),
        (BY_EVENT, BY_EVENT.replace("a.b", "a.c"), False),
        (BY_CONDITION, BY_CONDITION.replace("severity = 1", "severity < 3"), True),
        (BY_CONDITION, BY_CONDITION.replace("severity = 1", "severity = 2"), False),
        (BY_TIMER, BY_CONDITION, False),
        (BY_TIMER, LASTING, True),
        (LASTING, BY_TIMER, True),
        (LASTING.replace("PT5M", "PT6M"), BY_TIMER, False),
        (BY_OWN_EVENT, BY_CONDITION, True),
        (BY_CONDITION, BY_OWN_EVENT, True),
        (BY_OWN_EVENT, f"{BY_CONDITION}\npriority: 1", False),
        (BY_OWN_EVENT, LASTING, False),
    ],
    ids=range(19),
)
def test_two_automatic_moves_of_one_instant_are_a_mistake(one: str, other: str, *, meets: bool) -> None:
    found = complaints(start=START, one=one, other=other)
    assert [CHANCE in each for each in found] == ([True] if meets else [])


def test_what_goes_round_by_itself_for_ever_is_a_mistake() -> None:
    back = "label: Back\nfrom: [running]\nto: planned\ntimer: {after: PT5M}"
    again = f"{START}\ntimer: {{after: PT1M}}"
    found = complaints(start=again, finish=FINISH, back=back)
    assert [each.partition(": ")[2] for each in found] == [
        "transitions.start: It is part of a loop that goes round by itself for ever.",
        "transitions.back: It is part of a loop that goes round by itself for ever.",
    ]
    assert complaints(start=START, finish=FINISH, back=back) == []


MOVED = "watchfloor.incident.transitioned.v1"


@pytest.mark.parametrize(
    ("by", "is_endless"),
    [
        (f"{{type: {MOVED}}}", True),
        (f"{{type: {MOVED}, match: transition = 'start'}}", True),
        (f"{{type: {MOVED}, match: to_state = 'running' AND severity > 1}}", True),
        (f"{{type: {MOVED}, match: transition = 'finish'}}", False),
        (f"{{type: {MOVED}, match: from_state = 'over'}}", False),
        ("{type: watchfloor.incident.notified.v1}", True),
        ("{type: watchfloor.incident.signalled.v1}", False),
        ("{type: watchfloor.incident.updated.v1}", False),
        ("{type: lock.gate.opened}", False),
    ],
    ids=range(9),
)
def test_what_a_move_tells_may_close_a_loop(by: str, *, is_endless: bool) -> None:
    start = f"{START}\ntimer: {{after: PT1M}}\neffects: [{{kind: notify, text: Moved}}]"
    found = complaints(start=start, finish=FINISH, back=f"label: Back\nfrom: [running]\nto: planned\nevent: {by}")
    loop = "It is part of a loop that goes round by itself for ever."
    assert [each.rpartition(": ")[2] for each in found] == ([loop, loop] if is_endless else [])


def test_a_way_that_leads_back_to_its_own_state_is_no_way_out() -> None:
    stay = "label: Stay\nfrom: [running]\nto: running\naction: incidents.change"
    skip = "label: Skip\nfrom: [planned]\nto: over\naction: incidents.change"
    assert ["has no way out" in each for each in complaints(start=START, stay=stay, skip=skip)] == [True]
    assert complaints(start=START, stay=stay, skip=skip, finish=FINISH) == []


@pytest.mark.parametrize("name", ["changed_at", "recorded_at", "state_since", "title", "nonsense"])
def test_timers_count_from_what_is_known_when_it_changes(name: str) -> None:
    found = complaints(start=START, late=f"label: L\nfrom: [running]\nto: over\ntimer: {{at: {name}}}")
    assert [f"There is no «{name}»" in each for each in found] == [True]


@pytest.mark.parametrize(
    ("default", "said"),
    [
        ("2026-07-01", "It is read as a date; write it in quotes."),
        ('"a\\0b"', "It contains the control character U+0000."),
        (".inf", "It is not a finite number."),
        ("{1: x}", "A name is a text; write it in quotes."),
        ("!!set {a}", "It is read as a set; write it in quotes."),
        ('"2026-07-01"', ""),
    ],
    ids=["date", "nul", "infinity", "name", "set", "text"],
)
def test_what_is_no_json_is_a_mistake(default: str, said: str) -> None:
    form = f"form: {{type: object, properties: {{x: {{default: {default}}}}}}}"
    found = complaints(start=f"{START}\n{form}", finish=FINISH)
    assert [each.rpartition(": ")[2] for each in found] == ([said] if said else [])


def test_ways_and_ends_are_checked() -> None:
    document = """
    key: drill
    noun: incidents
    initial: a
    states:
      a: {label: A, tone: calm}
      b: {label: B, tone: done, final: true}
      c: {label: C, tone: calm}
      d: {label: D, tone: calm, final: true, category: open}
    transitions:
      go: {label: Go, from: [a], to: b, action: incidents.close}
      back: {label: Back, from: [b], to: c, action: incidents.close}
      idle: {label: Idle, from: [a], to: c}
    """
    found = validate(dedent(document), number=1).mistakes
    assert [(each.line, each.column, each.detail) for each in found] == [
        (7, 3, "«b» is final and has a way out."),
        (8, 3, "«c» has no way out; if that is meant, it is final."),
        (9, 3, "Nothing leads to «d»."),
        (9, 52, "«d» is final, so its category is done."),
        (13, 3, "Nothing makes it: it has none of action, timer, event, condition, outcome."),
    ]


def test_an_incident_must_follow_something() -> None:
    begin_incident(make_organisation(), "incident")
    with pytest.raises(IntegrityError), transaction.atomic():
        Incident.objects.update(lifecycle_key="")
