r"""LIKE patterns: ``%`` any text, ``_`` any one character, ``\`` takes the next one as it is (and itself at the end).

Matching takes time in proportion to text times pattern at worst: it goes back to the last ``%`` only.
"""

from __future__ import annotations

import itertools
import re
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

    def matcher(self) -> Callable[[str], bool]:
        """Return the function that says whether a whole text fits."""
        first, *middle = (re.compile(part, re.DOTALL) for part in self._stretches())
        if not middle:
            return lambda text: first.fullmatch(text) is not None
        *middle, last = middle
        width = self._width_of_last()

        def matches(text: str) -> bool:
            # What stands between two % has one length, so where it is first found is as good as any place after.
            found = first.match(text)
            for each in middle:
                found = found and each.search(text, found.end())
            rest = len(text) - width
            return found is not None and found.end() <= rest and last.fullmatch(text, rest) is not None

        return matches

    def _stretches(self) -> list[str]:
        """Return what stands between the signs for any text, as regular expressions without repetition."""
        stretches = [""]
        for part in self.parts:
            if part is Ellipsis:
                stretches.append("")
            else:
                stretches[-1] += re.escape(part) if isinstance(part, str) else "."
        return stretches

    def _width_of_last(self) -> int:
        backwards = itertools.takewhile(lambda part: part is not Ellipsis, reversed(self.parts))
        return sum(1 for _ in backwards)


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
