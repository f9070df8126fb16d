"""Arithmetic that always answers: a number, or null where there is none or where it leaves what can be counted on.

The same steps, in the same order, stand in the SQL function ``filters_arithmetic``; both work on IEEE doubles.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

# Operands beyond these are null: so no result overflows, and none is rounded to nothing.
LARGEST: Final = 1e100
SMALLEST: Final = 1e-100
_LARGEST_LOG: Final = 200.0


def calculate(op: str, left: float | None, right: float | None) -> float | None:
    """Return ``left op right``; null for null, for a division by zero, and outside the range."""
    if left is None or right is None or not (is_countable(left) and is_countable(right)):
        return None
    return _OPERATIONS[op](left, right)


def is_countable(value: float) -> bool:
    """Say whether arithmetic takes the number."""
    return value == 0 or SMALLEST <= abs(value) <= LARGEST


def _divide(left: float, right: float) -> float | None:
    return left / right if right else None


def _truncate(left: float, right: float) -> float | None:
    return float(math.trunc(left / right)) if right else None


def _modulo(left: float, right: float) -> float | None:
    return left - right * float(math.trunc(left / right)) if right else None


def _power(left: float, right: float) -> float | None:
    if left == 0:
        return None if right < 0 else 1.0 if right == 0 else 0.0
    if left < 0 and right != math.trunc(right):
        return None
    if abs(right * math.log(abs(left))) > _LARGEST_LOG:
        return None
    return math.pow(left, right)


_OPERATIONS: Final[Mapping[str, Callable[[float, float], float | None]]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": _divide,
    "div": _truncate,
    "%": _modulo,
    "^": _power,
}
