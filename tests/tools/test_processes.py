"""The supervisor: who dies comes back, who is told to stop stops, and nobody else is touched."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from watchfloor_dev import processes
from watchfloor_dev.processes import Program, Supervisor, run_in_foreground

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
OBEDIENT = "import time; print('up', flush=True); time.sleep(60)"
SHORT = "print('up', flush=True); raise SystemExit(3)"


def python(name: str, code: str) -> Program:
    return Program(name=name, command=[sys.executable, "-c", code])


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def lives(log: Path) -> int:
    return log.read_text().count("up") if log.exists() else 0


def test_who_dies_is_started_again_and_it_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    supervisor = Supervisor(dict(os.environ), tmp_path)
    supervisor.start(python("short", SHORT))

    def third_life() -> bool:
        supervisor.look_after()
        return lives(tmp_path / "short.log") >= 3

    wait_for(third_life)
    supervisor.stop()
    said = capfd.readouterr().err
    assert "short ended (status 3); again in 0.5 s" in said
    assert "short ended (status 3); again in 1 s" in said


def test_all_are_asked_to_stop_and_the_deaf_are_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(processes, "GRACE_SECONDS", 0.5)
    supervisor = Supervisor(dict(os.environ), tmp_path)
    supervisor.start(python("obedient", OBEDIENT))
    supervisor.start(python("stubborn", STUBBORN))
    wait_for(lambda: lives(tmp_path / "obedient.log") == lives(tmp_path / "stubborn.log") == 1)
    supervisor.stop()
    ends = {child.program.name: child.process.returncode for child in supervisor._children if child.process}
    assert ends == {"obedient": -signal.SIGTERM, "stubborn": -signal.SIGKILL}
    assert "stubborn did not stop in 0.5 s and was killed" in capfd.readouterr().err


def test_the_foreground_gives_the_status_on() -> None:
    assert run_in_foreground([sys.executable, "-c", "raise SystemExit(7)"], dict(os.environ)) == 7
    killed = "import os, signal; os.kill(os.getpid(), signal.SIGTERM)"
    assert run_in_foreground([sys.executable, "-c", killed], dict(os.environ)) == 128 + signal.SIGTERM
