"""The private servers: they start twice without harm, and after every way of dying."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from watchfloor_dev import postgres, redis
from watchfloor_dev.accounts import server_account
from watchfloor_dev.liveness import read_pid, wait_until_gone, works_in
from watchfloor_dev.paths import CHECKOUT, places


@pytest.fixture(scope="module")
def home(worker_id: str) -> Iterator[Path]:
    """A directory with a space in its name, that the servers' account may enter."""
    path = places().servers / f"it {worker_id}"
    shutil.rmtree(path, ignore_errors=True)
    for directory in (path, path / "run"):
        directory.mkdir()
        server_account(CHECKOUT).own(directory)
    yield path
    redis.stop(path / "run")
    postgres.stop(path / "data")
    shutil.rmtree(path)


def ask(home: Path, sql: str) -> object:
    with psycopg.connect(host=str(home / "run"), dbname=postgres.DATABASE, user=postgres.USER) as connection:
        row = connection.execute(sql.encode()).fetchone()
        return row and row[0]


def test_the_database_does_postgis_and_keeps_what_it_promised(home: Path) -> None:
    postgres.stop(home / "data")
    postgres.start(home / "data", home / "run", is_durable=True)
    assert ask(home, "SELECT ST_AsText(ST_MakePoint(1, 2))") == "POINT(1 2)"
    assert ask(home, "SHOW fsync") == "on"
    assert ask(home, "SHOW listen_addresses") == ""


def test_a_second_start_finds_the_first(home: Path) -> None:
    postgres.start(home / "data", home / "run", is_durable=True)
    first = read_pid(home / "data/postmaster.pid")
    postgres.start(home / "data", home / "run", is_durable=True)
    assert read_pid(home / "data/postmaster.pid") == first


def test_a_killed_postmaster_comes_back_though_its_zombie_keeps_the_pid(home: Path) -> None:
    """Nobody waits for the child that this process started: after the kill it is a zombie, and `kill -0` succeeds."""
    postgres.start(home / "data", home / "run", is_durable=True)
    killed = read_pid(home / "data/postmaster.pid")
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    assert wait_until_gone(killed, home / "data", seconds=60)
    os.kill(killed, 0)
    assert not postgres.is_running(home / "data")
    postgres.start(home / "data", home / "run", is_durable=True)
    assert read_pid(home / "data/postmaster.pid") != killed
    assert ask(home, "SELECT 1") == 1


def test_a_broken_off_initialisation_leaves_nothing_that_looks_complete(home: Path) -> None:
    postgres.stop(home / "data")
    shutil.rmtree(home / "data", ignore_errors=True)
    (home / "data.new").mkdir()
    (home / "data.new/PG_VERSION").write_text("15\n")
    postgres.start(home / "data", home / "run", is_durable=False)
    assert ask(home, "SHOW fsync") == "off"
    assert not (home / "data.new").exists()


def test_redis_answers_stops_and_comes_back(home: Path) -> None:
    redis.start(home / "run")
    assert redis.is_running(home / "run")
    pid = read_pid(home / "run/redis.pid")
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_until_gone(pid, home / "run", seconds=60)
    assert not redis.is_running(home / "run")
    redis.start(home / "run")
    assert redis.is_running(home / "run")
    assert redis.stop(home / "run")
    assert not redis.stop(home / "run")


def test_a_stranger_with_the_pid_is_not_the_server(tmp_path: Path) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, cwd="/")
    try:
        assert not works_in(stranger.pid, tmp_path)
        assert works_in(stranger.pid, Path("/"))
    finally:
        stranger.communicate(b"\n")
    assert not works_in(stranger.pid, Path("/"))
