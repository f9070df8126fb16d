"""The form of a definition, as JSON Schema. What a schema cannot say is in ``checking``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from apps.lifecycle.types import Category, Tone

NAME: Final = {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,39}$"}
KIND: Final = {"type": "string", "pattern": "^[a-z][a-z-]{0,39}$"}
_NAMES: Final = {"type": "array", "items": NAME, "minItems": 1, "uniqueItems": True}
_LABEL: Final = {"type": "string", "minLength": 1, "maxLength": 60}
_FILTER: Final = {"type": "string", "minLength": 1, "maxLength": 8192}
_DURATION: Final = {"type": "string"}

_STATE: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["label", "tone"],
    "properties": {
        "label": _LABEL,
        "tone": {"enum": [each.value for each in Tone]},
        "category": {"enum": [each.value for each in Category]},
        "final": {"type": "boolean"},
        "stamps": NAME,
    },
}
_TIMER: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "oneOf": [{"required": ["after"]}, {"required": ["field"]}, {"required": ["at"]}],
    "dependentRequired": {"offset": ["at"]},
    "properties": {
        "in": _NAMES,
        "after": _DURATION,
        "field": NAME,
        "at": {"type": "string", "pattern": r"^[a-z][a-z0-9_]{0,39}([.][a-zA-Z][a-zA-Z0-9_]{0,39}){0,3}$"},
        "offset": _DURATION,
        "skip_after": _DURATION,
    },
}
_EVENT: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["type"],
    "properties": {
        "type": {"type": "string", "pattern": "^[a-zA-Z][a-zA-Z0-9._-]{0,99}$"},
        "match": _FILTER,
        "where": {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": {"type": "string", "pattern": "^[a-z][a-zA-Z0-9_]*([.][a-zA-Z][a-zA-Z0-9_]*)*$"},
        },
    },
}
_CONDITION: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["when"],
    "properties": {"when": _FILTER, "for": _DURATION},
}
_TRANSITION: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["label", "from", "to"],
    "properties": {
        "label": _LABEL,
        "from": _NAMES,
        "to": NAME,
        "action": {"type": "string", "pattern": r"^[a-z][a-z-]*\.[a-z_]+$"},
        "form": {"type": "object"},
        "reason": {"enum": ["optional", "required"]},
        "guard": NAME,
        "if": _FILTER,
        "timer": _TIMER,
        "event": _EVENT,
        "condition": _CONDITION,
        "outcome": {"const": True},
        "priority": {"type": "integer", "minimum": -1000, "maximum": 1000},
        "clears": _NAMES,
        "effects": {
            "type": "array",
            "maxItems": 20,
            "items": {"type": "object", "required": ["kind"], "properties": {"kind": KIND}},
        },
    },
}
SCHEMA: Final[Mapping[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "additionalProperties": False,
    "required": ["noun", "initial", "states", "transitions"],
    "properties": {
        "key": KIND,
        "noun": {"type": "string", "pattern": "^[a-z][a-z-]{0,39}$"},
        "version": {"type": "integer", "minimum": 1, "maximum": 32767},
        "title": _LABEL,
        "initial": NAME,
        "states": {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 100,
            "propertyNames": NAME,
            "additionalProperties": _STATE,
        },
        "transitions": {
            "type": "object",
            "maxProperties": 300,
            "propertyNames": NAME,
            "additionalProperties": _TRANSITION,
        },
    },
}
SET_FIELD: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["kind", "field"],
    "oneOf": [{"required": ["value"]}, {"required": ["answer"]}],
    "properties": {"kind": {"const": "set-field"}, "field": NAME, "value": True, "answer": NAME},
}
