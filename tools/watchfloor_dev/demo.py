"""The demo: everything up on one port, and one real hour of harbour traffic replayed into it."""

import argparse
import json
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from typing import IO, Any

from watchfloor_dev import clusters, commands, variables
from watchfloor_dev.clusters import Cluster
from watchfloor_dev.locks import exclusive_or_refused
from watchfloor_dev.paths import places
from watchfloor_dev.processes import Supervisor, end_with_parent, interrupted_by_signals, undisturbed
from watchfloor_dev.setup import set_up
from watchfloor_dev.talk import refuse, say

# Above it the kernel hands out ports to clients.
HIGHEST_PORT = 32767
READY_SECONDS = 90.0
PROGRAMS = ("serve", "worker", "clock")
# The services of others that berth visits call (`docs/apps/lifecycle.md`).
DESKS = ("berths", "pilots")


def run(arguments: list[str]) -> int:
    """Run until Ctrl-C, or for `--for` seconds of replay; returns the exit status."""
    options = _parse(arguments)
    with interrupted_by_signals():
        try:
            set_up()
            with clusters.running("demo") as cluster:
                return _run_on(cluster, options)
        except KeyboardInterrupt:
            say("stopped; the data stay")
            return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev demo", description="Run Watchfloor with an hour of harbour traffic.")
    parser.add_argument("--port", type=int, default=8000, help="the next free one is taken if it is in use")
    parser.add_argument("--speed", type=float, help="how many times faster than it was")
    parser.add_argument("--for", type=float, dest="seconds", help="stop by itself after so many seconds of replay")
    parser.add_argument("--json", action="store_true", help="print what was counted as the last line")
    return parser.parse_args(arguments)


def _run_on(cluster: Cluster, options: argparse.Namespace) -> int:
    refusal = f"a demo of this checkout runs already; its logs are in {cluster.home / 'logs'}"
    with exclusive_or_refused(cluster.home / "demo.lock", refusal=refusal):
        environment = variables.application(cluster, kind="dev")
        say("bringing the database up to date")
        _manage(environment, "migrate", "--verbosity", "0")
        port = _free_port(options.port)
        environment |= {
            "WATCHFLOOR_PUBLIC_URL": f"http://{commands.HOST}:{port}",
            "WATCHFLOOR_OUTBOUND_HOSTS": commands.HOST,
        }
        desks = _desk_ports(port)
        stores = cluster.home / "desks"
        stores.mkdir(mode=0o700, exist_ok=True)
        supervisor = Supervisor(environment, cluster.home / "logs")
        replay: Replay | None = None
        try:
            for name in PROGRAMS:
                supervisor.start(commands.program(name, port=port))
            for name in DESKS:
                supervisor.start(commands.program(name, port=desks[name], stores=stores))
            # While they start: the loader takes as long as they do.
            loaded = _load(environment, desks)
            _wait_until_ready(port, supervisor)
            _introduce(port, loaded)
            replay = Replay(port, options, environment | {"WATCHFLOOR_DEMO_KEY": loaded.get("key", "")})
            status = _follow(replay, supervisor, options)
        finally:
            with undisturbed():
                if replay is not None:
                    replay.stop()
                supervisor.stop()
        replay.report()
        return status


class Replay:
    """The command that sends the hour's reports and listens to the feed."""

    def __init__(self, port: int, options: argparse.Namespace, environment: dict[str, str]) -> None:
        """Start it. What it counts is kept back, to be the last thing that is printed."""
        arguments = ["--url", f"http://{commands.HOST}:{port}"]
        if options.speed is not None:
            arguments += ["--speed", str(options.speed)]
        if options.seconds is not None:
            arguments += ["--for", str(options.seconds)]
        if options.json:
            arguments.append("--json")
        self._counted: IO[bytes] | None = (
            tempfile.TemporaryFile() if options.json else None  # noqa: SIM115 - open until `report`
        )
        self._process = subprocess.Popen(
            commands.manage("replay_demo", *arguments),
            cwd=places().checkout,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self._counted,
            start_new_session=True,
            preexec_fn=end_with_parent,  # noqa: PLW1509 - this program has one thread
        )

    def status(self) -> int | None:
        """Its exit status, None while it runs."""
        return self._process.poll()

    def stop(self) -> None:
        """End it, if it still runs."""
        self._process.terminate()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def report(self) -> None:
        """Print what it counted."""
        if self._counted is None:
            return
        with self._counted as counted:
            counted.seek(0)
            print(counted.read().decode(), end="", flush=True)


def _desk_ports(port: int) -> dict[str, int]:
    ports = {"berths": _free_port(port + 1, quietly=True)}
    return ports | {"pilots": _free_port(ports["berths"] + 1, quietly=True)}


def _load(environment: dict[str, str], desks: dict[str, int]) -> dict[str, Any]:
    """Fill the database with what the demo needs; returns what the loader says on its last line."""
    where = [word for name, port in desks.items() for word in (f"--{name}", f"http://{commands.HOST}:{port}")]
    loaded: dict[str, Any] = json.loads(_manage(environment, "load_demo", *where).splitlines()[-1])
    return loaded


def _manage(environment: dict[str, str], *arguments: str) -> str:
    command = commands.manage(*arguments)
    done = subprocess.run(
        command, cwd=places().checkout, env=environment, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        refuse(f"`manage.py {arguments[0]}` failed")
    return done.stdout


def _free_port(wanted: int, *, quietly: bool = False) -> int:
    for port in range(wanted, HIGHEST_PORT + 1):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((commands.HOST, port))
            except OSError:
                continue
        if port != wanted and not quietly:
            say(f"port {wanted} is in use; taking {port}")
        return port
    return refuse(f"no port from {wanted} to {HIGHEST_PORT} is free")


def _wait_until_ready(port: int, supervisor: Supervisor) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not _answers(f"http://{commands.HOST}:{port}/readyz"):
        if time.monotonic() > deadline:
            refuse(f"the server did not become ready in {READY_SECONDS:g} s; see {supervisor.logs}")
        supervisor.look_after()
        time.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _introduce(port: int, loaded: dict[str, Any]) -> None:
    """Print the address and the logins."""
    print(f"\n  http://{commands.HOST}:{port}/\n")
    for login in loaded.get("logins", []):
        print(f"  {login['username']:<10} {login['password']:<24} {login['who']}")
    if loaded.get("key"):
        print(f"\n  API key    {loaded['key']}")
    print("\n  Ctrl-C stops everything; the data stay.\n", flush=True)


def _follow(replay: Replay, supervisor: Supervisor, options: argparse.Namespace) -> int:
    """Look after the processes; ends with the replay when a time was set, else never."""
    told = False
    while True:
        supervisor.look_after()
        status = replay.status()
        if status is not None and options.seconds is not None:
            return status
        if status is not None and not told:
            say(f"the replay ended (status {status}); everything else keeps running")
            told = True
        time.sleep(0.2)
