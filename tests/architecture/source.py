"""The project's own Python files as syntax trees: what the architecture tests look at."""

from __future__ import annotations

import ast
import gc
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
APPS = ROOT / "apps"
CODE = (APPS, ROOT / "project", ROOT / "tools", ROOT / "benchmarks", ROOT / "tests")


def python_files(*folders: Path) -> list[Path]:
    """Return every Python file below the folders, migrations left out, in a stable order."""
    found = [path for folder in folders for path in folder.rglob("*.py")]
    return sorted(path for path in found if "migrations" not in path.parts and "node_modules" not in path.parts)


def tree(path: Path) -> ast.Module:
    """Parse one file.

    Without the collector: up to Python 3.11.4 a collection in the middle, which happens to compile something, makes
    the parser lose count of its depth (cpython issue 106905).
    """
    gc.disable()
    try:
        return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    finally:
        gc.enable()


def calls(path: Path) -> Iterator[ast.Call]:
    """Yield every call in a file."""
    return (node for node in ast.walk(tree(path)) if isinstance(node, ast.Call))


def place(path: Path, node: ast.AST) -> str:
    """Name a node as ``file:line``, relative to the project."""
    return f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
