"""CQL2 text to the tree that CQL2 JSON has, by recursive descent: one token of look-ahead, no way back.

So the time is linear in the text, whatever is wrong with it, and the depth is bounded by a count. What names and values
mean is decided elsewhere (``checking``). Grammar: OGC 21-065r2, annex B.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from apps.filters.rules import words
from apps.filters.rules.tokens import Token, tokens
from apps.filters.rules.wkt import SHAPE_NAMES, WktReader

Raw: TypeAlias = Any

_CANONICAL: Final = {
    name: words.TEMPORAL_JSON.get(name, "a_containedBy" if name == "a_containedby" else name) for name in words.STANDARD
}
_SIGNED: Final = frozenset("+-")
_WORDED: Final = frozenset({"is", "not", "like", "between", "in"})
_NOT: Final = 3
_COMPARING: Final = 4
_TIGHTEST: Final = 7
# How tightly operators bind. NOT stands here as the first word of NOT LIKE.
_BINDING: Final = {
    "or": 1, "and": 2, **dict.fromkeys((*words.COMPARISONS, *_WORDED), _COMPARING),
    "+": 5, "-": 5, "*": 6, "/": 6, "%": 6, "div": 6, "^": 7,
}  # fmt: skip


def read_text(source: str) -> Raw:
    """Return the tree of a CQL2 text as CQL2 JSON; raises ``FilterError`` with the place of what is wrong."""
    reader = _Reader(source)
    tree = reader.expression()
    reader.expect_end()
    return tree


class _Reader(WktReader):
    """Reads one expression; every method leaves the token behind what it has read in ``self.token``.

    Operators are read by how tightly they bind, in one loop for all, so that a level of parentheses costs few frames.
    """

    def __init__(self, source: str) -> None:
        super().__init__(source, tokens(source))
        self._depth = 0

    def expect_end(self) -> None:
        if self.token.kind != "end":
            raise self.fault(f"Expected an operator or the end, not {self.shown()}.")

    def expression(self, floor: int = 0) -> Raw:
        """Read an expression whose operators bind at least as tightly as ``floor``."""
        left, ceiling = self._prefixed(floor)
        while floor <= (binding := self._binding()) <= ceiling:
            left = self._joined(left, binding)
            # Comparisons have no order among each other: `a < b < c` means nothing.
            ceiling = binding - 1 if binding == _COMPARING else binding
        return left

    def _binding(self) -> int:
        """Return how tightly the operator at hand binds; -1 for what is none."""
        return _BINDING.get(self.token.value, -1) if self.token.kind in ("sign", "word") else -1

    def _prefixed(self, floor: int) -> tuple[Raw, int]:
        """Read an operand with its sign or NOT, and return what may follow it at most."""
        if floor <= _NOT and self.at("word", "not"):
            self._enter()
            self.take()
            negated = {"op": "not", "args": [self.expression(_NOT)]}
            self._leave()
            return negated, _NOT - 1
        if self.token.kind == "sign" and self.token.value in _SIGNED:
            return self._signed_operand(), _TIGHTEST
        return self._operand(), _TIGHTEST

    def _signed_operand(self) -> Raw:
        sign = self.take()
        if self.token.kind == "number":
            return self.number() if sign.value == "+" else -self.number()
        if sign.value == "+":
            raise self.fault(f"Expected a number after +, not {self.shown()}.")
        self._enter()
        operand, _ = self._prefixed(_TIGHTEST)
        self._leave()
        return {"op": "*", "args": [-1.0, operand]}

    def _joined(self, left: Raw, binding: int) -> Raw:
        """Read an operator and what stands behind it."""
        op = self.take().value
        if op in _WORDED:
            return self._worded(left, op)
        right = self.expression(binding + 1)
        if op in ("and", "or"):
            return {"op": op, "args": [*_parts(op, left), *_parts(op, right)]}
        return {"op": op, "args": [left, right]}

    def _worded(self, left: Raw, op: str) -> Raw:
        is_negated = op == "not"
        if is_negated:
            op = self.take().value if self.token.kind == "word" else ""
        elif op == "is":
            is_negated = self.accept("word", "not")
        predicate = self._predicate(left, op)
        return {"op": "not", "args": [predicate]} if is_negated else predicate

    def _predicate(self, left: Raw, op: str) -> Raw:
        match op:
            case "is":
                self.expect("word", "null")
                return {"op": "isNull", "args": [left]}
            case "like":
                return {"op": "like", "args": [left, self.expression(_COMPARING + 1)]}
            case "between":
                low = self.expression(_COMPARING + 1)
                self.expect("word", "and")
                return {"op": "between", "args": [left, low, self.expression(_COMPARING + 1)]}
            case "in":
                return {"op": "in", "args": [left, self._array()]}
        raise self.fault(f"Expected LIKE, BETWEEN or IN after NOT, not {self.shown()}.")

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
        if self.at("sign", "("):
            return self._parenthesised()
        raise self.fault(f"Expected a value, not {self.shown()}.")

    def _parenthesised(self) -> Raw:
        """Read what stands in parentheses: an expression, or with a comma an array."""
        found = self._array()
        return found[0] if len(found) == 1 else found

    def _array(self) -> list[Raw]:
        """Read what can only be an array, also when there is one element in it."""
        self._enter()
        self.expect("sign", "(")
        items: list[Raw] = []
        if not self.accept("sign", ")"):
            items = [self.expression(), *self._rest_of_list()]
        self._leave()
        return items

    def _rest_of_list(self) -> list[Raw]:
        rest = []
        while not self.accept("sign", ")"):
            self.expect("sign", ",", otherwise="a comma or a closing parenthesis")
            rest.append(self.expression())
        return rest

    def _named(self, name: Token) -> Raw:
        is_quoted = self.source[name.start] == '"'
        if not is_quoted and self.at("sign", "("):
            return self._called(name.value)
        if not is_quoted and name.value.lower() in SHAPE_NAMES and self._is_tagged():
            return self.shape(name.value.lower())
        return {"property": name.value}

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
        arguments = self._array_arguments() if lowered in words.ARRAYS else self._array()
        return {"op": _CANONICAL.get(lowered, name), "args": arguments}

    def _array_arguments(self) -> list[Raw]:
        """Read two arguments of which each may be an array of one: there a parenthesis never only groups."""
        self._enter()
        self.expect("sign", "(")
        arguments = [self._array_argument()]
        while not self.accept("sign", ")"):
            self.expect("sign", ",", otherwise="a comma or a closing parenthesis")
            arguments.append(self._array_argument())
        self._leave()
        return arguments

    def _array_argument(self) -> Raw:
        return self._array() if self.at("sign", "(") else self.expression()

    def _quoted(self) -> str:
        self.expect("sign", "(")
        if self.token.kind != "text":
            raise self.fault(f"Expected a quoted instant, not {self.shown()}.")
        value = self.take().value
        self.expect("sign", ")")
        return value

    def _interval(self) -> list[Raw]:
        self.expect("sign", "(")
        start, _ = self._prefixed(_TIGHTEST)
        self.expect("sign", ",")
        end, _ = self._prefixed(_TIGHTEST)
        self.expect("sign", ")")
        return [start, end]

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > words.DEEPEST:
            raise self.fault(f"It is nested deeper than {words.DEEPEST} levels.")

    def _leave(self) -> None:
        self._depth -= 1


def _parts(op: str, part: Raw) -> list[Raw]:
    """Return the parts of the same operator: ``(a AND b) AND c`` is ``a AND b AND c``."""
    return list(part["args"]) if isinstance(part, dict) and part.get("op") == op else [part]
