"""CQL2 text to the tree that CQL2 JSON has, by recursive descent: one token of look-ahead, no way back.

So the time is linear in the text, whatever is wrong with it, and the depth is bounded by a count. What names and values
mean is decided elsewhere (``checking``). Grammar: OGC 21-065r2, annex B.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from apps.filters.rules import words
from apps.filters.rules.tokens import Token, syntax_error, tokens
from apps.filters.rules.wkt import SHAPE_NAMES, WktReader

Raw: TypeAlias = Any

_CANONICAL: Final = {
    name: words.TEMPORAL_JSON.get(name, "a_containedBy" if name == "a_containedby" else name) for name in words.STANDARD
}
_SIGNED: Final = frozenset("+-")


def read_text(source: str) -> Raw:
    """Return the tree of a CQL2 text as CQL2 JSON; raises ``FilterError`` with the place of what is wrong."""
    reader = _Reader(source)
    tree = reader.expression()
    reader.expect_end()
    return tree


class _Reader(WktReader):
    """Reads one expression; each method reads one production and leaves the next token in ``self.token``."""

    def __init__(self, source: str) -> None:
        super().__init__(source, tokens(source))
        self._depth = 0

    def expect_end(self) -> None:
        if self.token.kind != "end":
            raise self.fault(f"Expected an operator or the end, not {self.shown()}.")

    def expression(self) -> Raw:
        """BooleanTerm {"OR" booleanTerm}."""
        return self._joined("or", lambda: self._joined("and", self._factor))

    def _joined(self, op: str, part: Callable[[], Raw]) -> Raw:
        parts = [part()]
        while self.accept("word", op):
            parts.append(part())
        return parts[0] if len(parts) == 1 else {"op": op, "args": _flat(op, parts)}

    def _factor(self) -> Raw:
        if self.accept("word", "not"):
            return self._deeper(lambda: {"op": "not", "args": [self._factor()]})
        return self._predicate()

    def _predicate(self) -> Raw:
        left = self._sum()
        if self.token.kind == "sign" and self.token.value in words.COMPARISONS:
            op = self.take().value
            return {"op": op, "args": [left, self._sum()]}
        if self.token.kind == "word" and self.token.value == "is":
            return self._is_null(left)
        is_negated = self.accept("word", "not")
        predicate = self._of_word(left, is_negated=is_negated)
        return {"op": "not", "args": [predicate]} if is_negated else predicate

    def _of_word(self, left: Raw, *, is_negated: bool) -> Raw:
        if self.accept("word", "like"):
            return {"op": "like", "args": [left, self._sum()]}
        if self.accept("word", "between"):
            low = self._sum()
            self.expect("word", "and")
            return {"op": "between", "args": [left, low, self._sum()]}
        if self.accept("word", "in"):
            return {"op": "in", "args": [left, self._array()]}
        if is_negated:
            raise self.fault(f"Expected LIKE, BETWEEN or IN after NOT, not {self.shown()}.")
        return left

    def _is_null(self, left: Raw) -> Raw:
        self.take()
        is_negated = self.accept("word", "not")
        self.expect("word", "null")
        predicate = {"op": "isNull", "args": [left]}
        return {"op": "not", "args": [predicate]} if is_negated else predicate

    def _sum(self) -> Raw:
        return self._chain(
            ("+", "-"), lambda: self._chain(("*", "/", "%", "div"), lambda: self._chain("^", self._unit))
        )

    def _chain(self, ops: tuple[str, ...] | str, part: Callable[[], Raw]) -> Raw:
        left = part()
        while self.token.kind in ("sign", "word") and self.token.value in ops:
            op = self.take().value
            left = {"op": op, "args": [left, part()]}
        return left

    def _unit(self) -> Raw:
        if self.token.kind == "sign" and self.token.value in _SIGNED:
            sign = self.take()
            if self.token.kind == "number":
                return self.number() if sign.value == "+" else -self.number()
            if sign.value == "-":
                return self._deeper(lambda: {"op": "*", "args": [-1.0, self._unit()]})
            raise self.fault(f"Expected a number after +, not {self.shown()}.")
        return self._operand()

    def _operand(self) -> Raw:
        token = self.token
        if token.kind == "number":
            return self.number()
        if token.kind == "text":
            return self.take().value
        if token.kind == "variable":
            return {"op": "variable", "args": [self.take().value]}
        if token.kind == "name":
            return self._named(self.take())
        if token.kind == "word" and token.value in ("true", "false"):
            return self.take().value == "true"
        if token.kind == "sign" and token.value == "(":
            return self._deeper(self._parenthesised)
        raise self.fault(f"Expected a value, not {self.shown()}.")

    def _parenthesised(self) -> Raw:
        """Read what stands in parentheses: an expression, or with a comma an array."""
        self.expect("sign", "(")
        if self.accept("sign", ")"):
            return []
        first = self.expression()
        if self.accept("sign", ")"):
            return first
        return [first, *self._rest_of_list()]

    def _array(self) -> Raw:
        """Read what can only be an array, also when there is one element in it."""
        return self._deeper(self._listed)

    def _listed(self) -> list[Raw]:
        self.expect("sign", "(")
        if self.accept("sign", ")"):
            return []
        return [self.expression(), *self._rest_of_list()]

    def _rest_of_list(self) -> list[Raw]:
        rest = []
        while not self.accept("sign", ")"):
            self.expect("sign", ",", otherwise="a comma or a closing parenthesis")
            rest.append(self.expression())
        return rest

    def _named(self, name: Token) -> Raw:
        is_quoted = self.source[name.start] == '"'
        if is_quoted or not (self.token.kind == "sign" and self.token.value == "("):
            if not is_quoted and name.value.lower() in SHAPE_NAMES and self._is_tagged():
                return self.shape(name.value.lower())
            return {"property": name.value}
        return self._deeper(lambda: self._called(name.value))

    def _is_tagged(self) -> bool:
        return self.token.kind == "name" and self.token.value.lower() in ("z", "empty")

    def _called(self, name: str) -> Raw:
        lowered = name.lower()
        if lowered in SHAPE_NAMES:
            return self.shape(lowered)
        if lowered == "bbox":
            return {"bbox": self.numbers()}
        if lowered in ("date", "timestamp"):
            return {lowered: self._quoted()}
        if lowered == "interval":
            return {"interval": self._interval()}
        arguments = self._array_arguments() if lowered in words.ARRAYS else self._listed()
        return {"op": _CANONICAL.get(lowered, name), "args": arguments}

    def _array_arguments(self) -> list[Raw]:
        """Read two arguments of which each may be an array of one: there a parenthesis never only groups."""
        self.expect("sign", "(")
        arguments = [self._array_argument()]
        while not self.accept("sign", ")"):
            self.expect("sign", ",", otherwise="a comma or a closing parenthesis")
            arguments.append(self._array_argument())
        return arguments

    def _array_argument(self) -> Raw:
        is_array = self.token.kind == "sign" and self.token.value == "("
        return self._array() if is_array else self.expression()

    def _quoted(self) -> str:
        self.expect("sign", "(")
        if self.token.kind != "text":
            raise self.fault(f"Expected a quoted instant, not {self.shown()}.")
        value = self.take().value
        self.expect("sign", ")")
        return value

    def _interval(self) -> list[Raw]:
        self.expect("sign", "(")
        start = self._operand()
        self.expect("sign", ",")
        end = self._operand()
        self.expect("sign", ")")
        return [start, end]

    def _deeper(self, part: Callable[[], Raw]) -> Raw:
        self._depth += 1
        if self._depth > words.DEEPEST:
            detail = f"It is nested deeper than {words.DEEPEST} levels."
            raise syntax_error(self.source, self.token.start, detail)
        result = part()
        self._depth -= 1
        return result


def _flat(op: str, parts: list[Raw]) -> list[Raw]:
    """Return the parts with those of the same operator taken apart: ``(a AND b) AND c`` is ``a AND b AND c``."""
    flat: list[Raw] = []
    for part in parts:
        flat += part["args"] if isinstance(part, dict) and part.get("op") == op else [part]
    return flat
