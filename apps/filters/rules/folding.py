"""Texts without case and without accents, character by character, so that SQL can do the same with tables.

Case: Unicode full case folding (``ß`` is ``ss``). Accents: canonical decomposition (NFD) without marks
(categories Mn, Mc, Me). Neither looks at neighbours: what a text becomes is what its characters become.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from typing import Final


def casei(text: str) -> str:
    """Return the text with its case folded."""
    return text.casefold()


def accenti(text: str) -> str:
    """Return the text decomposed, without its marks."""
    if text.isascii():
        return text
    return "".join(each for each in unicodedata.normalize("NFD", text) if not is_mark(each))


def is_mark(character: str) -> bool:
    """Say whether a character only marks the one before it."""
    return unicodedata.category(character).startswith("M")


FOLDS: Final[Mapping[str, Callable[[str], str]]] = {"casei": casei, "accenti": accenti}
