"""A private PostgreSQL with PostGIS, on a unix socket only. Callers hold the cluster's lock."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from watchfloor_dev.accounts import server_account
from watchfloor_dev.liveness import read_pid, wait_until_gone, workers_in, works_in
from watchfloor_dev.paths import CHECKOUT
from watchfloor_dev.programs import Program, find_postgres
from watchfloor_dev.talk import refuse, say

DATABASE = "watchfloor"
USER = "watchfloor"
PORT = 5432
"""Part of the socket's file name; no TCP port is opened."""
START_SECONDS = 60.0
STOP_SECONDS = 30.0
ORPHAN_SECONDS = 60.0

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
}
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
TEMPLATE_SQL = {
    # Databases that the tests make are copies of template1.
    "template1": "CREATE EXTENSION postgis; CREATE EXTENSION btree_gist;",
    "postgres": f"CREATE DATABASE {DATABASE};",
}


def start(data: Path, run: Path, *, is_durable: bool) -> None:
    """Make the database directory if there is none, and run the server; returns when it takes connections."""
    program = find_postgres() or refuse("PostgreSQL with PostGIS is not installed")
    if is_running(data):
        return
    if not (data / "PG_VERSION").exists():
        _create(program, data)
    _clear_the_dead(data, run)
    settings = SETTINGS | ({} if is_durable else NOT_DURABLE) | {"unix_socket_directories": f'"{run}"'}
    _launch(program, data, settings)


def stop(data: Path) -> bool:
    """Stop the server, breaking off open transactions; False when it did not run."""
    pid = _postmaster(data)
    if pid is None:
        return False
    os.kill(pid, signal.SIGINT)
    if not wait_until_gone(pid, data, seconds=STOP_SECONDS):
        os.kill(pid, signal.SIGQUIT)
        wait_until_gone(pid, data, seconds=STOP_SECONDS)
    return True


def is_running(data: Path) -> bool:
    """Whether the server runs and takes connections."""
    return _postmaster(data) is not None and _is_ready(data)


def _create(program: Program, data: Path) -> None:
    """Initialise under another name and rename at the end: what has the right name is complete."""
    say("creating a PostgreSQL cluster")
    unfinished = data.with_name("data.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    options = ["-U", USER, "--auth-local=trust", "--auth-host=reject", "--encoding=UTF8", "--locale=C.UTF-8"]
    _run(program, ["initdb", "-D", str(unfinished), *options])
    for database, sql in TEMPLATE_SQL.items():
        single = ["postgres", "--single", "-j", "-D", str(unfinished), "-c", "fsync=off", database]
        _run(program, single, text=sql.replace("; ", ";\n\n") + "\n\n")
    unfinished.rename(data)


def _launch(program: Program, data: Path, settings: dict[str, str]) -> None:
    options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
    log = data.with_name("postgresql.log")
    account = server_account(CHECKOUT)
    with log.open("a") as output:
        process = subprocess.Popen(
            [program.path / "postgres", "-D", str(data), *options],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            cwd="/",
            env={**os.environ, **program.environment},
            user=account.user,
            group=account.group,
            extra_groups=account.extra_groups,
        )
    deadline = time.monotonic() + START_SECONDS
    # A file left by the one before may say "ready" too.
    while read_pid(data / "postmaster.pid") != process.pid or not _is_ready(data):
        if process.poll() is not None or time.monotonic() > deadline:
            refuse(f"PostgreSQL does not start; see {log}")
        time.sleep(0.02)
    # It outlives us on purpose: keep Python from warning about a child that nobody waits for.
    process.returncode = 0


def _clear_the_dead(data: Path, run: Path) -> None:
    """Take away the lock files of a server that is gone, where PostgreSQL would believe them: a zombie has its pid.

    Children of a killed postmaster may still write: wait for them first, as PostgreSQL itself would.
    """
    pid = read_pid(data / "postmaster.pid")
    if pid is None or works_in(pid, data):
        return
    deadline = time.monotonic() + ORPHAN_SECONDS
    while workers_in(data):
        if time.monotonic() > deadline:
            refuse(f"processes of a PostgreSQL that died still run in {data}: {workers_in(data)}")
        time.sleep(0.1)
    if Path(f"/proc/{pid}").exists():
        (data / "postmaster.pid").unlink(missing_ok=True)
        (run / f".s.PGSQL.{PORT}.lock").unlink(missing_ok=True)


def _postmaster(data: Path) -> int | None:
    pid = read_pid(data / "postmaster.pid")
    return pid if pid is not None and works_in(pid, data) else None


def _is_ready(data: Path) -> bool:
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except OSError:
        return False
    return len(lines) >= 8 and lines[7].strip() == "ready"


def _run(program: Program, command: list[str], *, text: str = "") -> None:
    account = server_account(CHECKOUT)
    done = subprocess.run(
        [program.path / command[0], *command[1:]],
        input=text,
        text=True,
        capture_output=True,
        check=False,
        cwd="/",
        env={**os.environ, "LC_ALL": "C.UTF-8", **program.environment},
        user=account.user,
        group=account.group,
        extra_groups=account.extra_groups,
    )
    if done.returncode or "ERROR" in done.stderr:
        refuse(f"{command[0]} failed:\n{done.stderr.strip()[-2000:]}")
