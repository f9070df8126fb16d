"""A database of a benchmark's own, so that neither an earlier run nor another benchmark is measured."""

from __future__ import annotations

import os
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier


def server() -> dict[str, Any]:
    """Return where the server is, as psycopg takes it."""
    return {
        name: os.environ.get(f"WATCHFLOOR_DB_{name.upper()}") or None for name in ("host", "port", "user", "password")
    }


def make_database(name: str) -> None:
    """Make an empty database of that name for this process and its children; call it before Django is set up."""
    with psycopg.connect(dbname=os.environ.get("WATCHFLOOR_DB_NAME", "watchfloor"), autocommit=True, **server()) as own:
        own.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name)))
        own.execute(SQL("CREATE DATABASE {} TEMPLATE template1").format(Identifier(name)))
    os.environ["WATCHFLOOR_DB_NAME"] = name
