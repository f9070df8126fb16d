"""The form of a transition as fields for a page, and what was typed into them as the answers that it asks for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

# From the type of a JSON Schema to that of an input; what is none of these is written as JSON.
INPUTS: Final[Mapping[str, str]] = {"string": "text", "number": "number", "integer": "number"}
LONG: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One question. ``kind`` is ``text``, ``date``, ``number``, ``lines``, ``choice`` or ``json``.

    ``choices`` are JSON texts with what a person reads; ``bounds`` are the attributes of an input. ``value`` is what
    stands there at first: the default, or what was typed and refused, and ``wrong`` is what was wrong with it.
    """

    name: str
    label: str
    kind: str
    is_required: bool
    help: str = ""
    value: str = ""
    wrong: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    bounds: Mapping[str, object] | None = None


def fields_of(form: Mapping[str, Any]) -> list[Field]:
    """Return the questions of a form, in its order."""
    required = form.get("required", ())
    return [_field(name, _schema(schema), is_required=name in required) for name, schema in form["properties"].items()]


def typed_again(fields: Iterable[Field], typed: Mapping[str, str], wrong: Mapping[str, str]) -> list[Field]:
    """Return the questions with what was typed into them, and what was wrong with that."""
    return [
        replace(field, value=typed.get(field.name, field.value), wrong=wrong.get(field.name, "")) for field in fields
    ]


def read_answers(form: Mapping[str, Any], typed: Mapping[str, str]) -> dict[str, Any]:
    """Return what was typed as JSON values. What was left empty is no answer; what cannot be read stays a text.

    The engine judges them: a text where a number is asked for is refused there.
    """
    given = [(field, typed.get(field.name, "").replace("\r\n", "\n")) for field in fields_of(form)]
    return {field.name: _read(field, text) for field, text in given if text.strip()}


def _field(name: str, schema: Mapping[str, Any], *, is_required: bool) -> Field:
    choices = _choices(schema)
    default = schema.get("default")
    return Field(
        name=name,
        label=str(schema.get("title") or name.replace("_", " ").capitalize()),
        kind="choice" if choices else _kind(schema),
        is_required=is_required,
        help=str(schema.get("description", "")),
        value="" if default is None else default if isinstance(default, str) and not choices else json.dumps(default),
        choices=choices,
        bounds=_bounds(schema),
    )


def _kind(schema: Mapping[str, Any]) -> str:
    kind = INPUTS.get(_type(schema), "json")
    if kind == "text" and schema.get("format") == "date":
        return "date"
    return "lines" if kind == "text" and schema.get("maxLength", 0) > LONG else kind


def _choices(schema: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    if "enum" in schema:
        return tuple((json.dumps(value), "None" if value is None else str(value)) for value in schema["enum"])
    return (("true", "Yes"), ("false", "No")) if _type(schema) == "boolean" else ()


def _bounds(schema: Mapping[str, Any]) -> dict[str, object]:
    names = {"minimum": "min", "maximum": "max", "maxLength": "maxlength", "minLength": "minlength"}
    step = {"step": 1 if _type(schema) == "integer" else "any"} if _kind(schema) == "number" else {}
    return {attribute: schema[name] for name, attribute in names.items() if name in schema} | step


def _type(schema: Mapping[str, Any]) -> str:
    """Return the one type that is not null; empty where there are several, or none is told."""
    told = schema.get("type", ())
    types = [told] if isinstance(told, str) else [each for each in told if each != "null"]
    return types[0] if len(types) == 1 else ""


def _schema(schema: object) -> Mapping[str, Any]:
    """Return a schema that may also be written as a truth value."""
    return schema if isinstance(schema, Mapping) else {}


def _read(field: Field, text: str) -> Any:
    if field.kind in {"text", "date", "lines"}:
        return text
    try:
        return json.loads(text, parse_constant=str)
    except ValueError:
        return text
