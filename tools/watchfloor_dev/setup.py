"""Brings everything that is missing, and nothing that is there. Every other command starts with it."""

from watchfloor_dev.browser import install_browser_files
from watchfloor_dev.environment import make_environment
from watchfloor_dev.locks import exclusive
from watchfloor_dev.packages import bring_packages
from watchfloor_dev.paths import places


def set_up() -> None:
    """Debian packages, the virtual environment and the browser's files."""
    with exclusive(places().state / "setup.lock", waiting_for="its set-up"):
        bring_packages()
        make_environment()
        install_browser_files()
