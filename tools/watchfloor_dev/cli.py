"""The commands of `./dev`. Each is a few lines; the work is done elsewhere."""

import subprocess
import sys
from collections.abc import Callable

from watchfloor_dev import clusters, variables
from watchfloor_dev.environment import python
from watchfloor_dev.locks import first_free
from watchfloor_dev.paths import places
from watchfloor_dev.setup import set_up
from watchfloor_dev.talk import SetupError

TEST_SLOTS = 8
USAGE = """usage: ./dev COMMAND

  setup                             bring everything that is missing; every other command does so first
  test [PYTEST ARGUMENTS]           the tests, on servers of their own
  manage ARGUMENTS                  Django's manage.py, on the demo's servers
  services start|stop|status [demo|test|bench]
"""


def main(arguments: list[str]) -> int:
    """Run one command; returns its exit status."""
    name, *rest = arguments or ["help"]
    command = COMMANDS.get(name)
    if command is None:
        print(USAGE, file=sys.stderr)
        return 0 if name in ("help", "-h", "--help") else 2
    try:
        return command(rest)
    except SetupError as error:
        print(f"dev: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _setup(_arguments: list[str]) -> int:
    set_up()
    return 0


def _test(arguments: list[str]) -> int:
    set_up()
    with clusters.running("test") as cluster, first_free(places().state, count=TEST_SLOTS) as slot:
        return _run([str(python()), "-m", "pytest", *arguments], variables.application(cluster, kind="test", slot=slot))


def _manage(arguments: list[str]) -> int:
    set_up()
    with clusters.running("demo") as cluster:
        return _run([str(python()), "manage.py", *arguments], variables.application(cluster, kind="dev"))


def _services(arguments: list[str]) -> int:
    action, name = [*arguments, "demo"][:2] if arguments else ("status", "demo")
    if action == "start":
        set_up()
        clusters.start(name)
    elif action == "stop":
        clusters.stop(name)
    for server, is_up in clusters.status(name).items():
        print(f"{name} {server}: {'up' if is_up else 'down'}")
    return 0


def _run(command: list[str], environment: dict[str, str]) -> int:
    return subprocess.run(command, cwd=places().checkout, env=environment, check=False).returncode


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "setup": _setup,
    "test": _test,
    "manage": _manage,
    "services": _services,
}
