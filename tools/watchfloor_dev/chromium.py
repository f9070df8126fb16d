"""The browser of the browser tests: Debian's chromium, brought when the tests first run; the demo does without."""

import shutil
import subprocess
from pathlib import Path

from watchfloor_dev.locks import exclusive
from watchfloor_dev.packages import bring
from watchfloor_dev.paths import places
from watchfloor_dev.programs import library_path
from watchfloor_dev.talk import SetupError, say

# Playwright drives it with a Node of its own, which wants libatomic.
PACKAGES = ["chromium", "fonts-dejavu-core", "libatomic1"]
NAMES = ("chromium", "chromium-browser", "google-chrome")
STARTER = """#!/bin/sh
# Made by ./dev: starts a program with libraries that were unpacked without being installed.
export LD_LIBRARY_PATH="{libraries}" FONTCONFIG_PATH="{root}/etc/fonts" XDG_DATA_HOME="{root}/usr/share"
exec "{program}" "$@"
"""


def browser_variables() -> dict[str, str]:
    """Where the tests find a Chromium and Playwright its Node; empty without: the browser tests then skip."""
    with exclusive(places().state / "chromium.lock", waiting_for="its Chromium"):
        if not _variables():
            try:
                _bring()
            except SetupError as error:
                say(f"no Chromium, so the browser tests will skip: {error}")
        return _variables()


def _bring() -> None:
    root = _root()
    shutil.rmtree(root, ignore_errors=True)
    if bring(PACKAGES, root) and root.exists():
        _make_starter(root / "start", root / "usr/lib/chromium/chromium")
        _make_starter(root / "start-node", _driver())


def _make_starter(starter: Path, program: Path) -> None:
    starter.write_text(STARTER.format(root=_root(), libraries=library_path(_root()), program=program))
    starter.chmod(0o755)


def _variables() -> dict[str, str]:
    """Both from the system, or both with what was unpacked."""
    chromium = next((path for name in NAMES if (path := shutil.which(name))), None)
    if chromium and _runs(_driver()):
        return {"WATCHFLOOR_CHROMIUM": chromium}
    starter, node = _root() / "start", _root() / "start-node"
    if starter.exists() and _runs(node):
        return {"WATCHFLOOR_CHROMIUM": str(starter), "PLAYWRIGHT_NODEJS_PATH": str(node)}
    return {}


def _driver() -> Path:
    """Playwright's own Node; a path that does not exist without Playwright."""
    found = places().venv.glob("lib/python3*/site-packages/playwright/driver/node")
    return next(found, Path("/nonexistent"))


def _runs(program: Path) -> bool:
    if not program.exists():
        return False
    return subprocess.run([program, "--version"], capture_output=True, check=False).returncode == 0


def _root() -> Path:
    return places().state / "chromium"
