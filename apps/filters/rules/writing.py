"""A checked tree as CQL2 JSON and as CQL2 text: one way to write each, which reads as an equal tree."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from apps.filters.rules import times, words
from apps.filters.rules.wkt import write_number, write_wkt
from apps.filters.types import Call, Literal, Node, Property, Type, Variable

_JSON_NAMES: Final = {**words.TEMPORAL_JSON, "a_containedby": "a_containedBy"}
# How tightly an operator binds; what binds less tightly than its surroundings stands in parentheses.
_BINDING: Final = {
    "or": 1, "and": 2, "not": 3, **dict.fromkeys((*words.COMPARISONS, "like", "between", "in", "isNull"), 4),
    "+": 5, "-": 5, "*": 6, "/": 6, "%": 6, "div": 6, "^": 7,
}  # fmt: skip
_TIGHTEST: Final = 8
_WORDED: Final[Mapping[str, Callable[[str, Sequence[str]], str]]] = {
    "isNull": lambda first, _: f"{first} IS NULL",
    "like": lambda first, rest: f"{first} LIKE {rest[0]}",
    "between": lambda first, rest: f"{first} BETWEEN {rest[0]} AND {rest[1]}",
    "in": lambda first, rest: f"{first} IN ({', '.join(rest)})",
}


def to_json(node: Node) -> Any:
    """Return a tree as CQL2 JSON."""
    if isinstance(node, Property):
        return {"property": node.name}
    if isinstance(node, Variable):
        return {"op": "variable", "args": [node.name]}
    if isinstance(node, Literal):
        return _literal_json(node)
    arguments = [to_json(each) for each in node.args]
    if node.op == "instant":
        return arguments[0]
    if node.op == "array":
        return arguments
    if node.op == "interval":
        return {"interval": [_end_json(each) for each in arguments]}
    if node.op == "in":
        return {"op": "in", "args": [arguments[0], arguments[1:]]}
    return {"op": _JSON_NAMES.get(node.op, node.op), "args": arguments}


def to_text(node: Node, binding: int = 0) -> str:
    """Return a tree as CQL2 text, with as few parentheses as it can have."""
    if isinstance(node, Property):
        return node.name if words.is_plain(node.name) else f'"{node.name}"'
    if isinstance(node, Variable):
        return f"${{{node.name}}}"
    if isinstance(node, Literal):
        return _literal_text(node)
    own = _BINDING.get(node.op, _TIGHTEST)
    text = _call_text(node, own)
    return f"({text})" if own < binding else text


def _call_text(node: Call, own: int) -> str:
    op = node.op
    if op == "instant":
        return to_text(node.args[0])
    if op in ("and", "or"):
        return f" {op.upper()} ".join(to_text(each, own + 1) for each in node.args)
    if op == "not":
        return f"NOT {to_text(node.args[0], own)}"
    if op in words.ARITHMETIC:
        left, right = node.args
        return f"{to_text(left, own)} {op} {to_text(right, own + 1)}"
    if op in words.COMPARISONS:
        return f" {op} ".join(to_text(each, own + 1) for each in node.args)
    return _worded_text(node, own)


def _worded_text(node: Call, own: int) -> str:
    if node.op in _WORDED:
        first, *rest = (to_text(each, own + 1) for each in node.args)
        return _WORDED[node.op](first, rest)
    if node.op == "interval":
        return f"INTERVAL({', '.join(_end_text(each) for each in node.args)})"
    name = "" if node.op == "array" else node.op.upper() if node.op in words.STANDARD else node.op
    # Each argument is written once: twice would be a million times where twenty functions stand in each other.
    return f"{name}({', '.join(to_text(each) for each in node.args)})"


def _literal_json(node: Literal) -> Any:
    if node.written is not None:
        return node.written
    match node.type:
        case Type.INSTANT:
            return node.value if node.value == times.OPEN else {"timestamp": times.write_instant(node.value)}
        case Type.DATE:
            return {"date": node.value.isoformat()}
        case Type.UUID:
            return str(node.value)
        case Type.NUMBER | Type.INTEGER:
            return int(node.value) if node.value.is_integer() and abs(node.value) < 2**53 else node.value
    return node.value


def _literal_text(node: Literal) -> str:
    written = _literal_json(node)
    if isinstance(written, bool):
        return "TRUE" if written else "FALSE"
    if isinstance(written, int | float):
        return write_number(float(written))
    if isinstance(written, str):
        return _quoted(written)
    if "timestamp" in written or "date" in written:
        ((kind, text),) = written.items()
        return f"{kind.upper()}({_quoted(text)})"
    if "bbox" in written:
        return f"BBOX({', '.join(write_number(float(each)) for each in written['bbox'])})"
    return write_wkt(written)


def _end_json(written: Any) -> Any:
    """Return an end of an interval, where an instant stands without its name."""
    if isinstance(written, dict):
        return written.get("timestamp", written.get("date", written))
    return written


def _end_text(node: Node) -> str:
    written = _end_json(to_json(node))
    return _quoted(written) if isinstance(written, str) else to_text(node)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
