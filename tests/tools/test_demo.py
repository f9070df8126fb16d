"""The demo's own part: which port it takes, what it reads from the loader, and what it prints last."""

from __future__ import annotations

import os
import socket
import sys

import pytest

from watchfloor_dev import commands, demo
from watchfloor_dev.talk import SetupError

REPLAY = "import sys; print('progress', file=sys.stderr); print({line!r}.format(sys.argv[1:]))"


def stand_in(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Let manage.py be a few lines that see its arguments."""
    monkeypatch.setattr(commands, "manage", lambda *arguments: [sys.executable, "-c", code, *arguments])


def test_a_port_in_use_is_passed_over_and_it_is_said(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "HIGHEST_PORT", 65_535)
    with socket.socket() as taken:
        taken.bind((commands.HOST, 0))
        taken.listen()
        number = taken.getsockname()[1]
        assert demo._free_port(number) > number
    assert f"port {number} is in use; taking" in capfd.readouterr().err


def test_no_port_at_all_is_said() -> None:
    with pytest.raises(SetupError, match="no port from 40000 to 32767 is free"):
        demo._free_port(40_000)


def test_only_the_loaders_last_line_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, 'print(\'295 vessels\'); print(\'{"logins": [], "key": "k"}\')')
    assert demo._load(dict(os.environ), {"berths": 8001, "pilots": 8002}) == {"logins": [], "key": "k"}


def test_a_loader_that_fails_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, "raise SystemExit(1)")
    with pytest.raises(SetupError, match=r"`manage.py load_demo` failed"):
        demo._load(dict(os.environ), {"berths": 8001, "pilots": 8002})


def test_what_the_replay_counted_is_printed_when_all_is_over(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    stand_in(monkeypatch, REPLAY.format(line="{}"))
    options = demo._parse(["--for", "60", "--json", "--speed", "30"])
    replay = demo.Replay(8123, options, dict(os.environ))
    replay._process.wait(timeout=60)
    assert replay.status() == 0
    assert capfd.readouterr().out == ""
    replay.report()
    expected = ["replay_demo", "--url", "http://127.0.0.1:8123", "--speed", "30.0", "--for", "60.0", "--json"]
    assert capfd.readouterr().out == f"{expected}\n"


def test_the_address_and_the_logins_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    logins = [{"username": "admin", "password": "secret", "who": "superuser"}]
    demo._introduce(8001, {"logins": logins, "key": "wf_1"})
    words = capsys.readouterr().out.split()
    assert words[:4] == ["http://127.0.0.1:8001/", "admin", "secret", "superuser"]
    assert words[4:7] == ["API", "key", "wf_1"]
