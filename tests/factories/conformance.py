"""Test data of others that may not be vendored: it lies beside the checkout, and tests skip where it does not."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

BESIDE = Path(__file__).resolve().parents[3] / "shared" / "data"
DATA = Path(os.environ.get("WATCHFLOOR_SHARED_DATA") or BESIDE)


def shared_file(name: str) -> Path:
    """Return a file of the shared data; skips the test, with the reason, where it is absent."""
    path = DATA / name
    if not path.is_file():
        pytest.skip(f"{name} is not beside this checkout; WATCHFLOOR_SHARED_DATA may say where it is")
    return path


def naughty_strings() -> list[str]:
    """Return the Big List of Naughty Strings (MIT), and some that it lacks: a NUL, controls, great length."""
    listed: list[str] = json.loads(shared_file("conformance/blns.json").read_text(encoding="utf-8"))
    return [*listed, "a\0b", "\0", "a\x01b", "a\x7fb", "line\nline", "x" * 5000, "\u202edesrever", "\ufeff", " \u00a0 "]
