"""What text and JSON we take from outside: what PostgreSQL can store and a person can read."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Mapping, Sequence

from apps.core.types import FieldError

NUL = "\0"
DEEPEST_JSON = 32
LARGEST_NUMBER = 2**63


def text_fault(value: str, *, max_length: int, may_be_blank: bool = False, is_multiline: bool = False) -> str | None:
    """Return what is wrong with a text, in words, or ``None``.

    One line takes no control characters; several lines take line breaks and tabs. Everything that Unicode
    calls a character is welcome otherwise, in any script.
    """
    if not may_be_blank and not value.strip():
        return "It must not be empty."
    if len(value) > max_length:
        return f"It has {len(value)} characters; {max_length} are allowed."
    allowed = "\n\r\t" if is_multiline else ""
    for character in value:
        if unicodedata.category(character) in {"Cc", "Cs"} and character not in allowed:
            return f"It contains the control character U+{ord(character):04X}."
    return None


def text_error(
    value: str, pointer: str, *, max_length: int, may_be_blank: bool = False, is_multiline: bool = False
) -> Iterator[FieldError]:
    """Yield the one error of a text, if it has one."""
    fault = text_fault(value, max_length=max_length, may_be_blank=may_be_blank, is_multiline=is_multiline)
    if fault:
        yield FieldError(pointer=pointer, code="bad_text", detail=fault)


def json_errors(value: object, pointer: str = "", *, depth: int = 0) -> Iterator[FieldError]:
    """Yield what in a JSON value cannot be stored as ``jsonb``: NUL, lone surrogates, NaN, infinity, depth."""
    if depth > DEEPEST_JSON:
        yield FieldError(pointer=pointer, code="too_deep", detail=f"It is nested deeper than {DEEPEST_JSON} levels.")
    elif isinstance(value, str):
        yield from _string_errors(value, pointer)
    elif isinstance(value, int | float):
        yield from _number_errors(value, pointer)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _string_errors(str(key), pointer)
            yield from json_errors(inner, f"{pointer}/{escape_pointer(str(key))}", depth=depth + 1)
    elif isinstance(value, Sequence):
        for index, inner in enumerate(value):
            yield from json_errors(inner, f"{pointer}/{index}", depth=depth + 1)


def _number_errors(value: float, pointer: str) -> Iterator[FieldError]:
    # PostgreSQL writes a large float as all its digits, which would come back as an integer that JSON has no room for.
    # Compared, since an integer may be more than any float.
    if not -math.inf < value < math.inf:
        yield FieldError(pointer=pointer, code="not_finite", detail="It is not a finite number.")
    elif abs(value) >= LARGEST_NUMBER:
        yield FieldError(pointer=pointer, code="bad_number", detail="It is a number of more than 64 bits.")


def escape_pointer(step: str) -> str:
    """Return one step of a JSON Pointer, escaped (RFC 6901, section 3)."""
    return step.replace("~", "~0").replace("/", "~1")


def is_storable(text: str) -> bool:
    """Say whether PostgreSQL can hold the text, or search for it: no NUL, no half of a surrogate pair."""
    return NUL not in text and (text.isascii() or not any("\ud800" <= each <= "\udfff" for each in text))


def _string_errors(value: str, pointer: str) -> Iterator[FieldError]:
    if not is_storable(value):
        yield FieldError(pointer=pointer, code="bad_text", detail="It contains a character that cannot be stored.")
