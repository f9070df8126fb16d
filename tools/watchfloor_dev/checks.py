"""`./dev check`: everything that must hold before a change lands. All of it runs, whatever fails first."""

import time

from watchfloor_dev.commands import manage
from watchfloor_dev.environment import python
from watchfloor_dev.paths import places
from watchfloor_dev.processes import run_in_foreground
from watchfloor_dev.talk import say


def static_checks() -> dict[str, list[str]]:
    """What is checked without running the tests. The write guard is a test: `tests/architecture`."""
    module = [str(python()), "-m"]
    return {
        "format": [*module, "ruff", "format", "--check", "--quiet", "."],
        "lint": [*module, "ruff", "check", "--quiet", "."],
        "types": [*module, "mypy"],
        "import contracts": [str(places().venv / "bin/lint-imports"), "--no-cache"],
        "migrations": manage("makemigrations", "--check", "--dry-run"),
    }


def run_static_checks(environment: dict[str, str]) -> list[str]:
    """Run them all; returns the names of those that failed."""
    return [name for name, command in static_checks().items() if not _passes(name, command, environment)]


def _passes(name: str, command: list[str], environment: dict[str, str]) -> bool:
    started_at = time.monotonic()
    status = run_in_foreground(command, environment)
    say(f"{name}: {'FAILED' if status else 'passed'} ({time.monotonic() - started_at:.1f} s)")
    return status == 0
