"""CQL2 text cut into words, in one pass and linear time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from apps.filters.rules.words import IDENTIFIER, KEYWORDS, VARIABLE_RE
from apps.filters.types import FilterError

# A quote inside a text is written twice. The other way of the standard, a backslash before it, is not read: patterns
# may end with a backslash, and one text must not have two meanings.
_TOKEN: Final = re.compile(
    rf"""
    (?P<blank>\s+)
  | (?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
  | (?P<text>'(?:[^']|'')*')
  | (?P<quoted>"[^"]+")
  | (?P<variable>\$\{{{VARIABLE_RE.pattern}\}})
  | (?P<name>{IDENTIFIER})
  | (?P<sign><>|<=|>=|[=<>+\-*/%^(),])
    """,
    re.VERBOSE,
)


class Token(NamedTuple):
    """One word: ``kind`` is number, text, name (of a property), variable, word (of the language) or sign, or end."""

    kind: str
    value: str
    start: int


def tokens(source: str) -> Iterator[Token]:
    """Yield the words of a CQL2 text, and ``end``; raises ``FilterError`` at what is none."""
    position = 0
    while position < len(source):
        match = _TOKEN.match(source, position)
        if match is None:
            raise syntax_error(source, position, _unreadable(source[position]))
        position = match.end()
        if match.lastgroup != "blank":
            yield _token(str(match.lastgroup), match.group(), match.start())
    yield Token("end", "", len(source))


def syntax_error(source: str, position: int, detail: str) -> FilterError:
    """Return the error with its place in words: line and column from 1."""
    line = source.count("\n", 0, position) + 1
    column = position - (source.rfind("\n", 0, position) + 1) + 1
    return FilterError(f"{detail} (line {line}, column {column})", code="syntax", pointer=f"#char={position}")


def _token(kind: str, text: str, start: int) -> Token:
    if kind == "text":
        return Token("text", text[1:-1].replace("''", "'"), start)
    if kind == "quoted":
        return Token("name", text[1:-1], start)
    if kind == "variable":
        return Token("variable", text[2:-1], start)
    if kind == "name":
        return Token("word", text.lower(), start) if text.lower() in KEYWORDS else Token("name", text, start)
    return Token(kind, text, start)


def _unreadable(character: str) -> str:
    if character == "'":
        return "A text is opened and never closed."
    if character == '"':
        return "A quoted name is opened and never closed, or is empty."
    return f"{character!r} has no meaning here."
