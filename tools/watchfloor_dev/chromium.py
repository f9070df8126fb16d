"""The browser of the browser tests: Debian's chromium, brought when the tests first run, where that is easy."""

import shutil

from watchfloor_dev.packages import apt_command, bring
from watchfloor_dev.talk import SetupError, say

PACKAGES = ["chromium", "fonts-dejavu-core"]
NAMES = ("chromium", "chromium-browser", "google-chrome")


def bring_chromium() -> str:
    """The path of a Chromium, empty without one: the browser tests then skip, and say why."""
    if not _found() and apt_command():
        try:
            bring(PACKAGES)
        except SetupError as error:
            say(f"no Chromium, so the browser tests will skip: {error}")
    return _found()


def _found() -> str:
    return next((path for name in NAMES if (path := shutil.which(name))), "")
