"""What an answer of a service means, how long to wait before the next try, and requests filled in from an object."""

from __future__ import annotations

import enum
import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

from apps.lifecycle.rules.durations import parse_duration
from apps.lifecycle.rules.schema import NAME
from apps.lifecycle.types import Awaits

CALL: Final = "call-service"
NOTHING: Final = "nothing"
METHODS: Final = ("POST", "PUT", "PATCH", "DELETE")
JITTER: Final = 0.25
ACCEPTED: Final = 202
# Answers by which nothing has been decided: too early, too many, or not now.
AGAIN: Final = frozenset({408, 425, 429})
# What is not there need not be undone.
NOTHING_TO_UNDO: Final = frozenset({404, 410})
PLACEHOLDER: Final = re.compile(r"\{([a-z_][a-z0-9_]*(?:\.[A-Za-z0-9_]+)*)\}")

_KEY: Final = {"type": "string", "pattern": "^[a-z][a-z0-9-]{0,39}$"}
_PATH: Final = {"type": "string", "pattern": "^/[!-~]*$", "maxLength": 300}
_DURATION: Final = {"type": "string"}
SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["service", "path"],
    "dependentRequired": {"event": ["await"], "answer_within": ["await"]},
    "properties": {
        "service": _KEY,
        "method": {"enum": list(METHODS)},
        "path": _PATH,
        "body": {"type": "object"},
        "await": {"enum": list(Awaits.values)},
        "event": {
            "type": "object",
            "additionalProperties": False,
            "required": ["type"],
            "properties": {
                "type": {"type": "string", "pattern": "^[a-zA-Z][a-zA-Z0-9._-]{0,99}$"},
                "match": {"type": "string", "minLength": 1, "maxLength": 8192},
            },
        },
        "answer_within": _DURATION,
        "within": _DURATION,
        "retry": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "attempts": {"type": "integer", "minimum": 1, "maximum": 100},
                "first": _DURATION,
                "longest": _DURATION,
            },
        },
        "compensate": {
            "oneOf": [
                {"const": NOTHING},
                {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["path"],
                    "properties": {"method": {"enum": list(METHODS)}, "path": _PATH, "body": {"type": "object"}},
                },
            ]
        },
        "on_success": NAME,
        "on_failure": NAME,
    },
}
DEFAULTS: Final[Mapping[str, str]] = {"answer_within": "PT5M", "within": "PT1H", "first": "PT2S", "longest": "PT5M"}
ATTEMPTS: Final = 8


class Verdict(enum.StrEnum):
    """What an answer means: it is done, will be answered later, decides nothing, or is refused for good."""

    DONE = "done"
    LATER = "later"
    AGAIN = "again"
    REFUSED = "refused"


def judge(status: int | None, awaits: str) -> Verdict:
    """Return what the answer to a call means; ``None`` is no answer, of which nobody knows whether it was done."""
    if status is None or status >= 500 or status in AGAIN:
        return Verdict.AGAIN
    if status == ACCEPTED and awaits != Awaits.ANSWER:
        return Verdict.LATER
    return Verdict.DONE if 200 <= status < 300 else Verdict.REFUSED


def judge_undoing(status: int | None) -> Verdict:
    """Return what the answer to a compensation means: it is tried until it is done, whatever is answered."""
    is_done = status is not None and (200 <= status < 300 or status in NOTHING_TO_UNDO)
    return Verdict.DONE if is_done else Verdict.AGAIN


def is_breaking(status: int | None) -> bool:
    """Say whether an answer counts against the service: none, or that it failed."""
    return status is None or status >= 500


def pause_before(attempts: int, *, first: timedelta, longest: timedelta, chance: float) -> timedelta:
    """Return how long to wait after so many attempts: doubling up to ``longest``, and up to a quarter more.

    ``chance`` is from 0 to 1 and spreads those that failed together.
    """
    pause = min(first * int(2 ** min(attempts - 1, 30)), longest)
    return pause * (1 + JITTER * chance)


def duration_of(params: Mapping[str, Any], name: str) -> timedelta:
    """Return a duration of an effect, or of its ``retry``; raises ``ValueError``."""
    return parse_duration(params.get(name) or params.get("retry", {}).get(name) or DEFAULTS[name])


def placeholders(template: Any) -> Iterator[str]:
    """Yield the names in braces, anywhere in a template."""
    if isinstance(template, str):
        yield from PLACEHOLDER.findall(template)
    elif isinstance(template, Mapping):
        for value in template.values():
            yield from placeholders(value)
    elif isinstance(template, list):
        for value in template:
            yield from placeholders(value)


def filled(template: Any, values: Mapping[str, Any]) -> Any:
    """Return a template with every ``{name}`` replaced by its value.

    A text that is one placeholder and nothing else becomes the value itself, of whatever type; null for what is not
    there. Within a longer text it is its text, and nothing for null.
    """
    if isinstance(template, str):
        whole = PLACEHOLDER.fullmatch(template)
        return _value(values, whole[1]) if whole else PLACEHOLDER.sub(lambda found: _text(values, found[1]), template)
    if isinstance(template, Mapping):
        return {name: filled(value, values) for name, value in template.items()}
    if isinstance(template, list):
        return [filled(value, values) for value in template]
    return template


def filled_path(template: str, values: Mapping[str, Any]) -> str:
    """Return a path with every ``{name}`` replaced by its text, escaped so that it stays one segment."""
    return PLACEHOLDER.sub(lambda found: _segment(_text(values, found[1])), template)


def callback_token(key: bytes, call_id: UUID) -> str:
    """Return the token by which a call is answered, made of the installation's key: nothing that is stored can."""
    made = hmac.new(key, f"callback:{call_id}".encode(), hashlib.sha256).digest()
    return urlsafe_b64encode(made).decode().rstrip("=")


def token_hash(token: str) -> bytes:
    """Return how a token is stored."""
    return hashlib.sha256(token.encode()).digest()


def _segment(text: str) -> str:
    return "-" if text in ("", ".", "..") else quote(text, safe="")


def _value(values: Mapping[str, Any], name: str) -> Any:
    value: Any = values
    for step in name.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _text(values: Mapping[str, Any], name: str) -> str:
    value = _value(values, name)
    return "" if value is None else str(value)
