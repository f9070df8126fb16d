"""What a tree is made of, without its meaning."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from apps.filters.types import Call, Node, Property


def nodes(root: Node) -> Iterator[Node]:
    """Yield every node, and what stands behind the functions of ours."""
    yield root
    if isinstance(root, Call):
        for each in (*root.args, root.meaning):
            if each is not None:
                yield from nodes(each)


def is_deeper(tree: Any, levels: int) -> bool:
    """Say whether JSON is nested deeper than so many levels; it takes no frames, however deep that is."""
    nested = [tree]
    for _ in range(levels):
        nested = [each for whole in nested for each in _members(whole)]
    return any(map(_members, nested))


def property_names(root: Node) -> frozenset[str]:
    """Return the names of the queryables that the tree reads."""
    return frozenset(each.queryable.name for each in nodes(root) if isinstance(each, Property))


def asks_clock(root: Node) -> bool:
    """Say whether the same feature may be judged otherwise later."""
    return any(isinstance(each, Call) and each.op == "now" for each in nodes(root))


def _members(whole: Any) -> list[Any]:
    if isinstance(whole, dict):
        return list(whole.values())
    return whole if isinstance(whole, list) else []
