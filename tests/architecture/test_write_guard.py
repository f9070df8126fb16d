"""Rows are written in ``services`` and nowhere else, so that no write can skip the access decision.

The guard reads syntax, not types: a call counts as a write by its name (``save``, ``bulk_create``, ...), an
``update`` or ``delete`` only when it ends a queryset chain, and a string when it is an SQL statement.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.architecture.source import APPS, calls, place, python_files, tree

ALWAYS_WRITES = {
    "bulk_create", "bulk_update", "get_or_create", "update_or_create", "save",
    "abulk_create", "abulk_update", "aget_or_create", "aupdate_or_create", "asave", "acreate", "aupdate", "adelete",
}  # fmt: skip
WRITES_ON_QUERYSETS = {"create", "create_user", "create_superuser", "update", "delete"}
CHAIN = {
    "objects",
    "filter",
    "exclude",
    "all",
    "select_for_update",
    "order_by",
    "using",
    "_default_manager",
    "_base_manager",
}
SQL_WRITE = re.compile(
    r"^\s*(WITH\b.*\b)?(INSERT\s+INTO|UPDATE\s+\w+.*\bSET\b|DELETE\s+FROM|TRUNCATE)\b", re.IGNORECASE | re.DOTALL
)


def is_service(path: Path) -> bool:
    """Say whether a file is, or belongs to, an application's ``services``."""
    parts = path.relative_to(APPS).parts
    return len(parts) > 1 and parts[1].removesuffix(".py") == "services"


def chain_names(node: ast.expr) -> set[str]:
    """Return the attribute names on the way down a chain such as ``A.objects.filter(x)``."""
    names: set[str] = set()
    while True:
        if isinstance(node, ast.Call):
            node = node.func
        elif isinstance(node, ast.Attribute):
            names.add(node.attr)
            node = node.value
        else:
            return names


def is_orm_write(call: ast.Call) -> bool:
    """Say whether a call looks like an ORM write."""
    if not isinstance(call.func, ast.Attribute):
        return False
    if isinstance(call.func.value, ast.Call) and getattr(call.func.value.func, "id", "") == "super":
        return False
    name = call.func.attr
    return name in ALWAYS_WRITES or (name in WRITES_ON_QUERYSETS and bool(chain_names(call.func.value) & CHAIN))


def offences(path: Path) -> list[str]:
    """Return the places in a file that write rows."""
    found = [place(path, call) for call in calls(path) if is_orm_write(call)]
    strings = (node for node in ast.walk(tree(path)) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return found + [place(path, node) for node in strings if SQL_WRITE.match(str(node.value))]


def test_only_services_write_rows() -> None:
    # The example services of the demo keep stores of their own, as any other system would.
    outside = [path for path in python_files(APPS) if not is_service(path) and "desks" not in path.parts]
    assert [place for path in outside for place in offences(path)] == []


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("Zone.objects.create(name='x')", True),
        ("Zone.objects.filter(pk=1).update(name='x')", True),
        ("zone.save()", True),
        ("rows.bulk_create(x)", True),
        ("headers.update(x)", False),
        ("super().save(x)", False),
    ],
)
def test_the_guard_knows_a_write_when_it_sees_one(code: str, *, expected: bool) -> None:
    call = ast.parse(code, mode="eval").body
    assert isinstance(call, ast.Call)
    assert is_orm_write(call) is expected
