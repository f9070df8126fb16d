"""A whole installation of its own that a test may break: PostgreSQL, Redis and Watchfloor's processes.

Nothing here is shared with other tests: own directories, own sockets, own ports below the ephemeral range.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg

from tests.template import pour
from watchfloor_dev import postgres, redis
from watchfloor_dev.accounts import server_account
from watchfloor_dev.liveness import read_pid
from watchfloor_dev.paths import CHECKOUT

START_SECONDS = 120.0
STOP_SECONDS = 60.0
DESKS = ("berths", "pilots")
FIRST_PORT, LAST_PORT = 21_000, 29_000


class Floor:
    """One installation. Start it with ``up``; break it with ``kill``; end it with ``down``."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.data = home / "pg" / "data"
        self.run = home / "pg" / "run"
        for folder in (self.data.parent, self.run):
            folder.mkdir(parents=True, mode=0o700)
            server_account(CHECKOUT).own(folder)
        self.ports = {name: free_port() for name in ("live", "web", *DESKS)}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    # --- servers ---------------------------------------------------------------------------------------------

    def up(self) -> None:
        """Start the servers and lay out the database."""
        postgres.start(self.data, self.run, is_durable=True)
        redis.start(self.run)
        pour(self.run)

    def down(self) -> None:
        """End everything that this floor started."""
        for name in list(self.processes):
            self.kill(name)
        redis.stop(self.run)
        postgres.stop(self.data)

    def restart_postgres(self) -> None:
        """Break off every connection, as a fast restart does, and come back."""
        postgres.stop(self.data)
        postgres.start(self.data, self.run, is_durable=True)

    def kill_redis(self) -> None:
        """End Redis without a word; it keeps nothing on disk."""
        pid = read_pid(self.run / "redis.pid")
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not redis.is_running(self.run), "Redis to be gone")

    def start_redis(self) -> None:
        """Bring an empty Redis up."""
        redis.start(self.run)

    # --- Watchfloor's processes ------------------------------------------------------------------------------

    def environment(self) -> Mapping[str, str]:
        """What the processes read."""
        return {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "project.settings.dev",
            "WATCHFLOOR_SECRET_KEY": "fault-tests-fault-tests-fault-tests-1",
            "WATCHFLOOR_DB_NAME": postgres.DATABASE,
            "WATCHFLOOR_DB_USER": postgres.USER,
            "WATCHFLOOR_DB_HOST": str(self.run),
            "WATCHFLOOR_DB_PORT": str(postgres.PORT),
            "WATCHFLOOR_REDIS_URL": f"unix://{self.run / 'redis.sock'}?db=0",
            "WATCHFLOOR_PUBLIC_URL": self.url("web" if "web" in self.ports else "serve", ""),
            "WATCHFLOOR_OUTBOUND_HOSTS": "127.0.0.1",
            "PYTHONUNBUFFERED": "1",
        }

    def command(self, name: str) -> Sequence[str]:
        """How each process is started."""
        bin_ = Path(sys.executable).parent
        if name == "web":
            address = ["--host", "127.0.0.1", "--port", str(self.ports["web"])]
            return [str(bin_ / "granian"), "--interface", "wsgi", *address, "--no-ws", "project.wsgi:application"]
        if name == "live":
            address = ["--host", "127.0.0.1", "--port", str(self.ports["live"]), "--log-level", "warning"]
            return [str(bin_ / "uvicorn"), *address, "project.asgi:application"]
        if name in DESKS:
            options = ["--port", str(self.ports[name]), "--store", str(self.store(name))]
            return [
                *(sys.executable, "-m", "apps.console.demo.desks", *options),
                *(["--later"] if name == "pilots" else []),
            ]
        return [sys.executable, "manage.py", name]

    def store(self, desk: str) -> Path:
        """Return the file in which a desk keeps what it has booked."""
        return self.home / f"{desk}.sqlite"

    def start(self, name: str) -> None:
        """Start a process or a desk; returns when it answers, or at once, if it has no port."""
        with (self.home / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                self.command(name), cwd=CHECKOUT, env=dict(self.environment()), stdout=log, stderr=log
            )
        if name in self.ports:
            wait_for(lambda: self.answers(name), f"{name} to answer\n{self.log(name)}")

    def kill(self, name: str) -> None:
        """End a process as a power cut would, its children with it."""
        process = self.processes.pop(name)
        for pid in [*children(process.pid), process.pid]:
            end(pid)
        process.wait(STOP_SECONDS)

    def answers(self, name: str) -> bool:
        """Say whether the process answers over HTTP."""
        try:
            with urllib.request.urlopen(self.url(name, "/livez"), timeout=10) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def url(self, name: str, path: str) -> str:
        """Return the address of a path on one of the processes."""
        return f"http://127.0.0.1:{self.ports[name]}{path}"

    def log(self, name: str) -> str:
        """Return the end of what a process said."""
        path = self.home / f"{name}.log"
        return path.read_text(errors="replace")[-4000:] if path.exists() else ""

    def manage(self, *arguments: str) -> str:
        """Run a management command and return what it printed; a failure shows what it said."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=CHECKOUT, env=dict(self.environment()), capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    # --- the truth -------------------------------------------------------------------------------------------

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Ask the database itself."""
        with psycopg.connect(
            host=str(self.run), port=postgres.PORT, user=postgres.USER, dbname=postgres.DATABASE
        ) as connection:
            return connection.execute(query, parameters).fetchall()

    def execute(self, statement: str) -> None:
        """Tamper with the database."""
        with psycopg.connect(
            host=str(self.run), port=postgres.PORT, user=postgres.USER, dbname=postgres.DATABASE
        ) as connection:
            connection.execute(statement)

    def value(self, query: str, *parameters: Any) -> Any:
        """Return the first column of the first row."""
        return self.rows(query, *parameters)[0][0]


def wait_for(is_so: Callable[[], bool], what: str, *, seconds: float = START_SECONDS) -> None:
    """Wait until something is so; fails with its name after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        time.sleep(0.05)


def free_port() -> int:
    """Return a free port below the range that clients take theirs from.

    It stays claimed as long as this process lives: one that others have taken and do not listen on yet looks free, to
    the workers of this run as to another run on the same machine.
    """
    for port in range(FIRST_PORT, LAST_PORT):
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0watchfloor-tests-{port}")
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
        except OSError:
            claim.close()
        else:
            _claims.append(claim)
            return port
    raise AssertionError("no free port")


_claims: list[socket.socket] = []


def children(pid: int) -> list[int]:
    """Return the processes that a process started, and theirs."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    direct = [int(each) for each in path.read_text().split()] if path.exists() else []
    return [one for child in direct for one in [*children(child), child]]


def end(pid: int) -> None:
    """Kill a process that may be gone already."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
