"""A private Redis on a unix socket. Callers hold the cluster's lock.

It keeps nothing on disk: only PostgreSQL holds truth.
"""

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from watchfloor_dev.accounts import server_account
from watchfloor_dev.liveness import read_pid, wait_until_gone, works_in
from watchfloor_dev.paths import CHECKOUT
from watchfloor_dev.programs import find_redis
from watchfloor_dev.talk import refuse

START_SECONDS = 60.0
STOP_SECONDS = 10.0
DATABASES = 256


def start(run: Path) -> None:
    """Run the server; returns when it answers."""
    if is_running(run):
        return
    program = find_redis() or refuse("Redis is not installed")
    (run / "redis.sock").unlink(missing_ok=True)
    log = run.with_name("redis.log")
    account = server_account(CHECKOUT)
    with log.open("a") as output:
        process = subprocess.Popen(
            ["redis-server", *_settings(run)],
            executable=program.path,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            cwd=run,
            env={**os.environ, **program.environment},
            user=account.user,
            group=account.group,
            extra_groups=account.extra_groups,
        )
    deadline = time.monotonic() + START_SECONDS
    while not is_running(run):
        if process.poll() is not None or time.monotonic() > deadline:
            refuse(f"Redis does not start; see {log}")
        time.sleep(0.02)
    # It outlives us on purpose: keep Python from warning about a child that nobody waits for.
    process.returncode = 0


def stop(run: Path) -> bool:
    """Stop the server; False when it did not run."""
    pid = _server(run)
    if pid is None:
        return False
    os.kill(pid, signal.SIGTERM)
    if not wait_until_gone(pid, run, seconds=STOP_SECONDS):
        os.kill(pid, signal.SIGKILL)
    return True


def is_running(run: Path) -> bool:
    """Whether the server runs and answers."""
    return _server(run) is not None and _answers(run / "redis.sock")


def _settings(run: Path) -> list[str]:
    settings = {
        "port": "0",
        "unixsocket": str(run / "redis.sock"),
        "unixsocketperm": "700",
        "pidfile": str(run / "redis.pid"),
        "databases": str(DATABASES),
        "save": "",
        "appendonly": "no",
    }
    return [part for key, value in settings.items() for part in (f"--{key}", value)]


def _server(run: Path) -> int | None:
    pid = read_pid(run / "redis.pid")
    return pid if pid is not None and works_in(pid, run) else None


def _answers(path: Path) -> bool:
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(2)
            client.connect(str(path))
            client.sendall(b"PING\r\n")
            return client.recv(16).startswith(b"+PONG")
    except OSError:
        return False
