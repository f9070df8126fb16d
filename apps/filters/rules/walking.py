"""What a tree is made of, without its meaning."""

from __future__ import annotations

from collections.abc import Iterator

from apps.filters.types import Call, Node, Property


def nodes(root: Node) -> Iterator[Node]:
    """Yield every node, and what stands behind the functions of ours."""
    yield root
    if isinstance(root, Call):
        for each in (*root.args, root.meaning):
            if each is not None:
                yield from nodes(each)


def property_names(root: Node) -> frozenset[str]:
    """Return the names of the queryables that the tree reads."""
    return frozenset(each.queryable.name for each in nodes(root) if isinstance(each, Property))


def asks_clock(root: Node) -> bool:
    """Say whether the same feature may be judged otherwise later."""
    return any(isinstance(each, Call) and each.op == "now" for each in nodes(root))
