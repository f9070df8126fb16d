"""One database that the migrations have laid out; the databases of all tests are copies of it.

Django would run a hundred migrations for every worker, which takes as long as hundreds of tests. The template's name
tells what it was made from, so that whoever changes a migration gets a new one.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path

from django.db import connection
from psycopg import Connection, connect
from psycopg.sql import SQL, Identifier

from watchfloor_dev.postgres import DATABASE, PORT, USER
from watchfloor_dev.programs import find_postgres

CHECKOUT = Path(__file__).resolve().parent.parent
SOURCES = (
    "apps/*/migrations/*.py",
    "apps/*/triggers.py",
    "apps/*/lifecycles/*",
    "project/settings/*.py",
    "requirements/dev.txt",
)
PREFIX = "watchfloor_template_"
LOCK = 7_309_514
"""Shared while somebody copies, exclusive while somebody makes the template or drops an outdated one."""


@contextmanager
def template() -> Iterator[str]:
    """Name the template, which stays as long as this is open. Whoever comes first makes it; the others wait."""
    name = f"{PREFIX}{_fingerprint()}"
    with _server() as server:
        server.execute("SELECT pg_advisory_lock_shared(%s)", [LOCK])
        if not _exists(server, name):
            server.execute("SELECT pg_advisory_unlock_shared(%s), pg_advisory_lock(%s)", [LOCK, LOCK])
            if not _exists(server, name):
                _make(server, name)
            server.execute("SELECT pg_advisory_lock_shared(%s), pg_advisory_unlock(%s)", [LOCK, LOCK])
        yield name


def pour(host: Path) -> None:
    """Lay out the empty database of a server of one's own, whose socket lies there, as the template is."""
    programs = find_postgres()
    assert programs is not None
    environment = {**os.environ, **programs.environment}
    options = connection.settings_dict
    with template() as name:
        dump = subprocess.run(
            [programs.path / "pg_dump", "-h", options["HOST"], "-p", str(options["PORT"]), "-U", options["USER"], name],
            env={**environment, "PGPASSWORD": options["PASSWORD"]}, capture_output=True, check=True,
        )  # fmt: skip
    where = ["-h", str(host), "-p", str(PORT), "-U", USER, "-d", DATABASE]
    subprocess.run(
        [str(programs.path / "psql"), *where, "-q", "-1", "-v", "ON_ERROR_STOP=1"],
        env=environment, input=dump.stdout, stdout=subprocess.DEVNULL, check=True,
    )  # fmt: skip


def drop(name: str) -> None:
    """Drop a database, whatever a thread of some test has left open in it."""
    with _server() as server:
        server.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


def _server() -> Connection:
    options = connection.settings_dict
    return connect(
        host=options["HOST"], port=options["PORT"], user=options["USER"], password=options["PASSWORD"],
        dbname="postgres", autocommit=True,
    )  # fmt: skip


def _exists(server: Connection, name: str) -> bool:
    return server.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone() is not None


def _make(server: Connection, name: str) -> None:
    """Make it under another name and rename it at the end: what has the right name is complete."""
    for (outdated,) in server.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [PREFIX]):
        server.execute(SQL("DROP DATABASE {}").format(Identifier(outdated)))
    unfinished = f"{PREFIX}unfinished"
    server.execute(SQL("CREATE DATABASE {}").format(Identifier(unfinished)))
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
        cwd=CHECKOUT, env={**os.environ, "WATCHFLOOR_DB_NAME": unfinished}, check=True,
    )  # fmt: skip
    server.execute(SQL("ALTER DATABASE {} RENAME TO {}").format(Identifier(unfinished), Identifier(name)))


def _fingerprint() -> str:
    digest = blake2b(sys.version.encode(), digest_size=8)
    for path in sorted(path for pattern in SOURCES for path in CHECKOUT.glob(pattern) if path.is_file()):
        digest.update(f"{path.relative_to(CHECKOUT)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()
