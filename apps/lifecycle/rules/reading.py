"""From the YAML of a definition to a definition, or to everything that is wrong with its form, each with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, cast

import jsonschema
import yaml

from apps.core.text import json_errors, text_fault
from apps.lifecycle.rules.durations import parse_duration, parse_offset
from apps.lifecycle.rules.schema import SCHEMA, SET_FIELD
from apps.lifecycle.types import (
    Category,
    ConditionRule,
    Definition,
    EffectRule,
    EventRule,
    Mistake,
    Move,
    SetField,
    State,
    TimerRule,
    Tone,
)

LONGEST: Final = 64 * 1024
DEEPEST: Final = 24
SET: Final = "set-field"
_VALIDATOR: Final = jsonschema.Draft202012Validator(SCHEMA)
_SET_VALIDATOR: Final = jsonschema.Draft202012Validator(SET_FIELD)

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """Where in the text each part of a document stands: its key, and its value (a large one stands at its key)."""

    values: Mapping[Path, tuple[int, int]]
    keys: Mapping[Path, tuple[int, int]]

    def mistake(self, path: Sequence[str | int], detail: str, *, code: str, at_key: bool = False) -> Mistake:
        """Return a mistake at the nearest part of the document that there is."""
        known = tuple(path)
        marks = self.keys if at_key else self.values
        while known and known not in marks:
            known = known[:-1]
        line, column = marks.get(known, (1, 1))
        return Mistake(line=line, column=column, path=tuple(path), code=code, detail=detail)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a text turned out to be: a definition or ``None``, what is wrong with its form, and where its parts are."""

    definition: Definition | None
    mistakes: tuple[Mistake, ...]
    marks: Marks
    document: Any = None


def read_definition(text: str, *, version: int | None = None) -> Reading:
    """Read a definition. ``version`` stands where the text names none, and must agree where it does.

    Only the form is checked; names, ways and filters are ``checking``'s.
    """
    if len(text) > LONGEST:
        return _unreadable(f"It has {len(text)} characters; {LONGEST} are allowed.")
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            return _unreadable("It is empty.")
        marks, mistakes = _mark(node)
        if mistakes:
            return Reading(definition=None, mistakes=tuple(mistakes), marks=marks)
        document = loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        return _unreadable(_said(error), error.problem_mark or error.context_mark)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        return _unreadable(f"It is not YAML: {str(error)[:200]}")
    return _read_document(document, marks, version)


def _read_document(document: Any, marks: Marks, version: int | None) -> Reading:
    mistakes = list(_json_mistakes(document, (), marks))
    if not mistakes:
        mistakes = [mistake for error in _VALIDATOR.iter_errors(document) for mistake in _schema_mistakes(error, marks)]
    if not mistakes:
        mistakes = list(_value_mistakes(document, marks, version))
    mistakes = sorted(set(mistakes), key=lambda mistake: (mistake.line, mistake.column, mistake.detail))
    definition = None if mistakes else _definition(document, version)
    return Reading(definition=definition, mistakes=tuple(mistakes), marks=marks, document=document)


def _unreadable(detail: str, mark: yaml.Mark | None = None) -> Reading:
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    mistake = Mistake(line=line, column=column, path=(), code="syntax", detail=detail)
    return Reading(definition=None, mistakes=(mistake,), marks=Marks(values={}, keys={}))


def _said(error: yaml.MarkedYAMLError) -> str:
    parts = (error.context, error.problem)
    return f"It is not YAML: {', '.join(part for part in parts if part)}."


def _mark(root: yaml.Node) -> tuple[Marks, list[Mistake]]:
    """Return where everything stands, and what YAML lets pass and we do not: aliases, keys that come twice."""
    values: dict[Path, tuple[int, int]] = {}
    keys: dict[Path, tuple[int, int]] = {}
    marks = Marks(values=values, keys=keys)
    mistakes: list[Mistake] = []
    seen: set[int] = set()
    waiting: list[tuple[Path, yaml.Node]] = [((), root)]
    while waiting:
        path, node = waiting.pop()
        values[path] = _place(node) if isinstance(node, yaml.ScalarNode) else keys.get(path, _place(node))
        if id(node) in seen or len(path) > DEEPEST:
            what = "An alias cannot be used here." if id(node) in seen else "It is nested too deep."
            return marks, [marks.mistake(path, what, code="syntax")]
        seen.add(id(node))
        for key, name, child in _children(node):
            if (*path, name) in keys:
                detail = f"«{name}» stands here a second time."
                mistakes.append(Mistake(line=_place(key)[0], column=_place(key)[1], path=(*path, name), code="twice",
                                        detail=detail))  # fmt: skip
            keys[(*path, name)] = _place(key)
            waiting.append(((*path, name), child))
    return marks, mistakes


def _children(node: yaml.Node) -> Iterator[tuple[yaml.Node, str | int, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        for key, child in node.value:
            yield key, str(key.value), child
    elif isinstance(node, yaml.SequenceNode):
        for index, child in enumerate(node.value):
            yield child, index, child


def _place(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _json_mistakes(value: Any, path: Path, marks: Marks) -> Iterator[Mistake]:
    """Yield what YAML can say and JSON cannot, or our database not hold: dates, names that are no texts, controls."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if not isinstance(name, str):
                yield marks.mistake((*path, str(name)), "A name is a text; write it in quotes.", code="no_text")
            yield from _json_mistakes(inner, (*path, str(name)), marks)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _json_mistakes(inner, (*path, index), marks)
    elif fault := _scalar_fault(value):
        yield marks.mistake(path, fault, code="no_json")


def _scalar_fault(value: Any) -> str | None:
    if isinstance(value, str):
        return text_fault(value, max_length=LONGEST, may_be_blank=True, is_multiline=True)
    if value is not None and not isinstance(value, int | float):
        return f"It is read as a {type(value).__name__}; write it in quotes."
    return next((error.detail for error in json_errors(value)), None)


def _schema_mistakes(error: jsonschema.ValidationError, marks: Marks) -> Iterator[Mistake]:
    path, said = tuple(error.absolute_path), cast("Any", error)
    if error.validator == "additionalProperties" and error.validator_value is False:
        for name in sorted(set(map(str, said.instance)) - set(said.schema.get("properties", ()))):
            yield marks.mistake((*path, name), f"There is no «{name}» here.", code="unknown_member", at_key=True)
    elif error.validator == "required":
        for name in said.validator_value:
            if name not in said.instance:
                yield marks.mistake(path, f"«{name}» is missing.", code="missing")
    elif error.validator == "oneOf":
        ways = [name for way in said.validator_value for name in way.get("required", ())]
        yield marks.mistake(path, f"It has exactly one of {', '.join(ways)}.", code="one_of")
    else:
        yield marks.mistake(path, f"{_short(error.message)}.", code=str(error.validator))


def _short(message: str) -> str:
    return message if len(message) <= 200 else f"{message[:200]}…"


def _value_mistakes(document: Mapping[str, Any], marks: Marks, version: int | None) -> Iterator[Mistake]:
    """Yield what the schema cannot say of single values: durations, versions, forms."""
    found = document.get("version", version)
    if found is None:
        yield marks.mistake((), "«version» is missing.", code="missing")
    elif version is not None and found != version:
        yield marks.mistake(("version",), f"This is version {version}.", code="version")
    for name, move in document["transitions"].items():
        path: Path = ("transitions", name)
        for where, text, parse in _durations(move):
            try:
                parse(text)
            except ValueError as error:
                yield marks.mistake((*path, *where), str(error), code="duration")
        yield from _form_mistakes(move, path, marks)
        yield from _set_mistakes(move, path, marks)


def _set_mistakes(move: Mapping[str, Any], path: Path, marks: Marks) -> Iterator[Mistake]:
    for index, effect in enumerate(move.get("effects", ())):
        for error in _SET_VALIDATOR.iter_errors(effect) if effect["kind"] == SET else ():
            error.path.extendleft(reversed((*path, "effects", index)))
            yield from _schema_mistakes(error, marks)


def _durations(move: Mapping[str, Any]) -> Iterator[tuple[Path, str, Any]]:
    timer, condition = move.get("timer", {}), move.get("condition", {})
    for name, parse in (("after", parse_duration), ("skip_after", parse_duration), ("offset", parse_offset)):
        if name in timer:
            yield ("timer", name), timer[name], parse
    if "for" in condition:
        yield ("condition", "for"), condition["for"], parse_duration


def _form_mistakes(move: Mapping[str, Any], path: Path, marks: Marks) -> Iterator[Mistake]:
    form = move.get("form")
    if form is None:
        return
    try:
        jsonschema.Draft202012Validator.check_schema(form)
    except jsonschema.SchemaError as error:
        yield marks.mistake((*path, "form", *error.absolute_path), f"{_short(error.message)}.", code="form")
        return
    if form.get("type") != "object" or not isinstance(form.get("properties"), dict):
        yield marks.mistake((*path, "form"), "A form is of type object and has properties.", code="form")
    if "$ref" in str(form):
        yield marks.mistake((*path, "form"), "A form refers to nothing outside itself.", code="form")


def _definition(document: Mapping[str, Any], version: int | None) -> Definition:
    initial = document["initial"]
    return Definition(
        key=document.get("key", document["noun"]),
        noun=document["noun"],
        version=document.get("version", version),
        title=document.get("title", ""),
        initial=initial,
        states={name: _state(name, state, is_first=name == initial) for name, state in document["states"].items()},
        moves={name: _move(name, move) for name, move in document["transitions"].items()},
    )


def _state(name: str, state: Mapping[str, Any], *, is_first: bool) -> State:
    is_final, tone = state.get("final", False), Tone(state["tone"])
    usual = Category.DONE if is_final or tone is Tone.DONE else Category.OPEN if is_first else Category.ACTIVE
    return State(
        name=name,
        label=state["label"],
        tone=tone,
        category=Category(state.get("category", usual)),
        is_final=is_final,
        stamps=state.get("stamps"),
    )


def _move(name: str, move: Mapping[str, Any]) -> Move:
    effects = move.get("effects", ())
    sources = tuple(move["from"])
    return Move(
        name=name,
        label=move["label"],
        sources=sources,
        target=move["to"],
        action=move.get("action"),
        form=move.get("form"),
        guard=move.get("guard"),
        requires=move.get("if"),
        timer=_timer(move["timer"], sources) if "timer" in move else None,
        event=_event(move["event"]) if "event" in move else None,
        condition=_condition(move["condition"]) if "condition" in move else None,
        by_outcome=move.get("outcome", False),
        priority=move.get("priority", 0),
        clears=tuple(move.get("clears", ())),
        needs_reason=move.get("reason") == "required",
        sets=tuple(_set(place, each) for place, each in enumerate(effects) if each["kind"] == SET),
        effects=tuple(_effect(place, each) for place, each in enumerate(effects) if each["kind"] != SET),
    )


def _timer(timer: Mapping[str, Any], sources: tuple[str, ...]) -> TimerRule:
    return TimerRule(
        states=tuple(timer.get("in", sources)),
        after=_duration(timer.get("after")),
        field=timer.get("field"),
        at=timer.get("at"),
        offset=parse_offset(timer["offset"]) if "offset" in timer else timedelta(0),
        skip_after=_duration(timer.get("skip_after")),
    )


def _event(event: Mapping[str, Any]) -> EventRule:
    [(ours, theirs)] = event.get("where", {"id": "id"}).items()
    return EventRule(type=event["type"], match=event.get("match"), ours=ours, theirs=theirs)


def _condition(condition: Mapping[str, Any]) -> ConditionRule:
    return ConditionRule(when=condition["when"], lasting=_duration(condition.get("for")))


def _set(place: int, effect: Mapping[str, Any]) -> SetField:
    return SetField(place=place, field=effect["field"], value=effect.get("value"), answer=effect.get("answer"))


def _effect(place: int, effect: Mapping[str, Any]) -> EffectRule:
    params = {name: value for name, value in effect.items() if name != "kind"}
    return EffectRule(place=place, kind=effect["kind"], params=params)


def _duration(text: str | None) -> timedelta | None:
    return None if text is None else parse_duration(text)
