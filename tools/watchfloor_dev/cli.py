"""The commands of `./dev`. Each is a few lines; the work is done elsewhere."""

import os
import sys
from collections.abc import Callable

from watchfloor_dev import clusters, commands, demo, lockfiles, variables
from watchfloor_dev.browser import install_browser_files
from watchfloor_dev.checks import run_static_checks
from watchfloor_dev.chromium import browser_variables
from watchfloor_dev.environment import python
from watchfloor_dev.identity import identity_variables
from watchfloor_dev.locks import first_free
from watchfloor_dev.paths import places
from watchfloor_dev.processes import run_in_foreground
from watchfloor_dev.setup import set_up
from watchfloor_dev.talk import SetupError, refuse, say

TEST_SLOTS = 8
MOST_TEST_WORKERS = 8
USAGE = """usage: ./dev COMMAND

  demo [--port N] [--speed X] [--for SECONDS] [--json]
                                everything up, and an hour of harbour traffic replayed
  test [PYTEST ARGUMENTS]       the tests, on servers of their own
  check                         format, lint, types, import contracts, migrations, then the tests
  fmt                           format the code and repair what ruff can

  setup                         bring what is missing; every other command does so first
  browser                       of that, only the browser's libraries and the base map
  manage ARGUMENTS              Django's manage.py, on the demo's servers
  run web|live|serve|worker|clock [--port N]
                                one process in the foreground, on the demo's servers
  bench NAME [ARGUMENTS]        a program of benchmarks/, on servers of its own
  soak, fuzz [ARGUMENTS]        the same as bench soak, bench fuzz
  services start|stop|status [demo|test|bench]
                                the private PostgreSQL and Redis
  lock [--upgrade]              resolve the requirements anew
"""


def main(arguments: list[str]) -> int:
    """Run one command; returns its exit status."""
    name, *rest = arguments or ["help"]
    command = COMMANDS.get(name)
    if command is None:
        wanted = name in ("help", "-h", "--help")
        print(USAGE, file=sys.stdout if wanted else sys.stderr)
        return 0 if wanted else 2
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


def _browser(_arguments: list[str]) -> int:
    install_browser_files()
    return 0


def _test(arguments: list[str]) -> int:
    set_up()
    extras = browser_variables() | identity_variables()
    with clusters.running("test") as cluster, first_free(places().state, count=TEST_SLOTS) as slot:
        environment = variables.application(cluster, kind="test", slot=slot) | extras
        return run_in_foreground([str(python()), "-m", "pytest", *_workers(arguments), *arguments], environment)


def _workers(arguments: list[str]) -> list[str]:
    """Spread the tests over the processors, unless one test or a debugger was asked for."""
    alone = any(
        part.startswith(("-n", "--numprocesses", "--pdb", "--collect-only")) or "::" in part for part in arguments
    )
    return [] if alone else ["-n", str(min(len(os.sched_getaffinity(0)), MOST_TEST_WORKERS)), "--dist", "worksteal"]


def _check(_arguments: list[str]) -> int:
    set_up()
    with clusters.running("test") as cluster:
        failed = run_static_checks(variables.application(cluster, kind="test"))
        if _test([]):
            failed.append("tests")
    if failed:
        say(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


def _format(_arguments: list[str]) -> int:
    set_up()
    ruff = [str(python()), "-m", "ruff"]
    environment = {**os.environ, **variables.tool_caches()}
    repaired = run_in_foreground([*ruff, "check", "--fix", "."], environment)
    return run_in_foreground([*ruff, "format", "."], environment) or repaired


def _manage(arguments: list[str]) -> int:
    set_up()
    with clusters.running("demo") as cluster:
        return run_in_foreground(commands.manage(*arguments), variables.application(cluster, kind="dev"))


def _run(arguments: list[str]) -> int:
    match arguments:
        case [name] if name in commands.NAMES:
            port = 8000
        case [name, "--port", number] if name in commands.NAMES and number.isdigit():
            port = int(number)
        case _:
            refuse(f"run takes one of {', '.join(commands.NAMES)}, and --port N")
    set_up()
    with clusters.running("demo") as cluster:
        command = commands.program(name, port=port).command
        return run_in_foreground(command, variables.application(cluster, kind="dev"))


def _bench(arguments: list[str]) -> int:
    benchmarks = sorted(path.stem for path in (places().checkout / "benchmarks").glob("[a-z]*.py"))
    if not arguments or arguments[0] not in benchmarks:
        refuse(f"bench takes one of: {', '.join(benchmarks)}")
    set_up()
    with clusters.running("bench") as cluster:
        command = [str(python()), "-m", f"benchmarks.{arguments[0]}", *arguments[1:]]
        return run_in_foreground(command, variables.application(cluster, kind="prod"))


def _services(arguments: list[str]) -> int:
    match arguments or ["status"]:
        case ["start" | "stop" | "status" as action]:
            names = ["demo"]
        case ["start" | "stop" | "status" as action, name] if name in clusters.NAMES:
            names = [name]
        case _:
            refuse(f"services takes start, stop or status, and one of {', '.join(clusters.NAMES)}")
    for name in names:
        if action == "start":
            set_up()
            clusters.start(name)
        elif action == "stop":
            clusters.stop(name)
        for server, is_up in clusters.status(name).items():
            print(f"{name} {server}: {'up' if is_up else 'down'}")
    return 0


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "demo": demo.run,
    "test": _test,
    "check": _check,
    "fmt": _format,
    "setup": _setup,
    "browser": _browser,
    "manage": _manage,
    "run": _run,
    "bench": _bench,
    "soak": lambda arguments: _bench(["soak", *arguments]),
    "fuzz": lambda arguments: _bench(["fuzz", *arguments]),
    "services": _services,
    "lock": lockfiles.lock,
}
