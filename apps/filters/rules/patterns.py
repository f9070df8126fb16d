r"""LIKE patterns: ``%`` any text, ``_`` any one character, ``\`` takes the next one as it is (and itself at the end).

Matching takes time in proportion to text times pattern, whatever the pattern: it goes back to the last ``%`` only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

ESCAPE: Final = "\\"


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern taken apart: single characters, ``None`` for any one, ``...`` for any text."""

    parts: tuple[str | object | None, ...]

    def folded(self, fold: Callable[[str], str]) -> Pattern:
        """Return the pattern with its characters folded, its signs left alone."""
        folded: list[str | object | None] = []
        for part in self.parts:
            folded += fold(part) if isinstance(part, str) else [part]
        return Pattern(tuple(folded))

    def sql(self) -> str:
        """Return the pattern as PostgreSQL writes it, with a backslash before what is meant as it is."""
        return "".join(_sql(part) for part in self.parts)

    def matches(self, text: str) -> bool:
        """Say whether the whole text fits."""
        parts = self.parts
        place = at = 0
        back_place = back_at = -1
        while at < len(text):
            part = parts[place] if place < len(parts) else ""
            if part is Ellipsis:
                back_place, back_at = place, at
                place += 1
            elif part is None or part == text[at]:
                place, at = place + 1, at + 1
            elif back_place >= 0:
                back_at += 1
                place, at = back_place + 1, back_at
            else:
                return False
        return all(part is Ellipsis for part in parts[place:])


def read_pattern(source: str) -> Pattern:
    """Return a pattern from its text; every text is one."""
    parts: list[str | object | None] = []
    characters = iter(source)
    for each in characters:
        if each == ESCAPE:
            parts.append(next(characters, ESCAPE))
        elif each == "%":
            if not parts or parts[-1] is not Ellipsis:
                parts.append(Ellipsis)
        else:
            parts.append(None if each == "_" else each)
    return Pattern(tuple(parts))


def _sql(part: str | object | None) -> str:
    if isinstance(part, str):
        return ESCAPE + part if part in (ESCAPE, "%", "_") else part
    return "_" if part is None else "%"
