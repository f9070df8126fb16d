"""Three-valued logic (SQL's): ``None`` is not known."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

Truth: TypeAlias = bool | None
Read: TypeAlias = Callable[[Any], Any]

COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


def all_of(parts: Sequence[Read]) -> Read:
    """Return the conjunction: false if one is false, else not known if one is not known."""

    def decide(feature: Any) -> Truth:
        truth: Truth = True
        for part in parts:
            answer = part(feature)
            if answer is False:
                return False
            if answer is None:
                truth = None
        return truth

    return decide


def any_of(parts: Sequence[Read]) -> Read:
    """Return the disjunction: true if one is true, else not known if one is not known."""

    def decide(feature: Any) -> Truth:
        truth: Truth = False
        for part in parts:
            answer = part(feature)
            if answer is True:
                return True
            if answer is None:
                truth = None
        return truth

    return decide


def negation(part: Read) -> Read:
    """Return the opposite; of what is not known, it is not known either."""

    def decide(feature: Any) -> Truth:
        answer = part(feature)
        return None if answer is None else not answer

    return decide


def comparison(compare: Callable[[Any, Any], bool], left: Read, right: Read) -> Read:
    """Return the comparison of two values; not known if one of them is not."""

    def decide(feature: Any) -> Truth:
        one, other = left(feature), right(feature)
        return None if one is None or other is None else compare(one, other)

    return decide


def comparison_with(compare: Callable[[Any, Any], bool], left: Read, constant: Any) -> Read:
    """Return the comparison of a value with one that stays; the usual case, in one step less."""

    def decide(feature: Any) -> Truth:
        one = left(feature)
        return None if one is None else compare(one, constant)

    return decide
