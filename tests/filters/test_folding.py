"""Case and accents are folded in the database as they are in Python, character by character."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from django.db import connection

from apps.filters.rules.folding import FOLDS

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("fold", FOLDS)
def test_every_character_folds_alike(fold):
    every = [character for code in range(1, sys.maxunicode + 1) if _is_tried(character := chr(code))]
    # Together with a letter, so that no mark stands alone, and no text is ASCII only.
    with connection.cursor() as cursor:
        folding = f"SELECT array_agg(filters_{fold}('é' || c) ORDER BY n) FROM unnest(%s::text[]) WITH ORDINALITY"
        cursor.execute(f"{folding} AS each(c, n)", [every])
        (folded,) = cursor.fetchone()

    wrong = {one: sql for one, sql in zip(every, folded, strict=True) if sql != FOLDS[fold]("é" + one)}
    assert wrong == {}
    assert len(every) > 25_000


def _is_tried(character):
    """Say whether it is a character of some script; of ideographs, private and unassigned ones, take a few."""
    category = unicodedata.category(character)
    is_dull = category in ("Cn", "Co") or (category == "Lo" and character.casefold() == character)
    return category != "Cs" and (not is_dull or ord(character) % 61 == 0 or ord(character) in range(0xAC00, 0xAD00))


@pytest.mark.parametrize("text", ["", "ASCII only", "STRASSE straße ẞ", "ΑΣ ς", "İıǅ", "ﬃ ΐ", "a\u0323\u0301b", "한국"])
@pytest.mark.parametrize("fold", FOLDS)
def test_whole_texts_fold_alike(fold, text):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT filters_{fold}(%s)", [text])
        assert cursor.fetchone() == (FOLDS[fold](text),)


def test_two_spellings_are_one():
    assert FOLDS["casei"]("Straße") == FOLDS["casei"]("STRASSE")
    assert FOLDS["accenti"]("Crème Brûlée") == "Creme Brulee"
