"""The browser of the browser tests: Debian's chromium, brought when the tests first run; the demo does without."""

import shutil
from pathlib import Path

from watchfloor_dev.locks import exclusive
from watchfloor_dev.packages import bring
from watchfloor_dev.paths import places
from watchfloor_dev.programs import library_path
from watchfloor_dev.talk import SetupError, say

PACKAGES = ["chromium", "fonts-dejavu-core"]
NAMES = ("chromium", "chromium-browser", "google-chrome")
STARTER = """#!/bin/sh
# Made by ./dev: a Chromium that was unpacked without being installed.
export LD_LIBRARY_PATH="{libraries}" FONTCONFIG_PATH="{root}/etc/fonts" XDG_DATA_HOME="{root}/usr/share"
exec "{root}/usr/lib/chromium/chromium" "$@"
"""


def bring_chromium() -> str:
    """The path of a Chromium, empty without one: the browser tests then skip, and say why."""
    with exclusive(places().state / "chromium.lock", waiting_for="its Chromium"):
        if not _found():
            try:
                _bring()
            except SetupError as error:
                say(f"no Chromium, so the browser tests will skip: {error}")
        return _found()


def _bring() -> None:
    root = places().state / "chromium"
    shutil.rmtree(root, ignore_errors=True)
    if bring(PACKAGES, root) and (root / "usr/lib/chromium/chromium").exists():
        starter = _starter()
        starter.write_text(STARTER.format(root=root, libraries=library_path(root)))
        starter.chmod(0o755)


def _found() -> str:
    installed = next((path for name in NAMES if (path := shutil.which(name))), "")
    return installed or (str(_starter()) if _starter().exists() else "")


def _starter() -> Path:
    return places().state / "chromium/start"
