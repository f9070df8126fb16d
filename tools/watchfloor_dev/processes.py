"""Runs Watchfloor's processes: one in the foreground, or several under supervision. Ends only what it started."""

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from watchfloor_dev.paths import places
from watchfloor_dev.talk import say

GRACE_SECONDS = 10.0
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
STEADY_SECONDS = 60.0
"""Who ran this long starts without a pause again."""
PR_SET_PDEATHSIG = 1
_Handler = Callable[[int, FrameType | None], object]
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What to run, and under which name to speak of it."""

    name: str
    command: list[str]


class Supervisor:
    """Keeps programs running until it is told to stop; each writes to a log of its own."""

    def __init__(self, environment: dict[str, str], logs: Path) -> None:
        """Nothing is started yet."""
        self._environment = environment
        self.logs = logs
        self._children: list[_Child] = []
        logs.mkdir(exist_ok=True)

    def start(self, program: Program) -> None:
        """Start one more program."""
        child = _Child(program, self.logs / f"{program.name}.log", self._environment)
        child.start()
        self._children.append(child)

    def look_after(self) -> None:
        """Restart who died, after a pause that grows from death to death. To be called often."""
        for child in self._children:
            child.look_after()

    def stop(self) -> None:
        """Ask all to end, and after the grace period make them."""
        for child in self._children:
            child.signal(signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS
        while any(child.is_running() for child in self._children) and time.monotonic() < deadline:
            time.sleep(0.05)
        for child in self._children:
            child.end()


class _Child:
    """One program, through all its lives."""

    def __init__(self, program: Program, log: Path, environment: dict[str, str]) -> None:
        self.program = program
        self.log = log
        self.environment = environment
        self.process: subprocess.Popen[bytes] | None = None
        self.started_at = 0.0
        self.pause = FIRST_PAUSE_SECONDS
        self.due_at: float | None = None

    def start(self) -> None:
        with self.log.open("a") as output:
            self.process = subprocess.Popen(
                self.program.command,
                cwd=places().checkout,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # A session of its own: Ctrl-C in the terminal reaches us alone, and we end all in order.
                start_new_session=True,
                preexec_fn=end_with_parent,  # noqa: PLW1509 - this program has one thread
            )
        self.started_at, self.due_at = time.monotonic(), None

    def look_after(self) -> None:
        if self.is_running() or self.process is None:
            return
        now = time.monotonic()
        if self.due_at is None:
            if now - self.started_at > STEADY_SECONDS:
                self.pause = FIRST_PAUSE_SECONDS
            say(f"{self.program.name} ended ({_manner(self.process)}); again in {self.pause:g} s; see {self.log}")
            self.due_at = now + self.pause
            self.pause = min(self.pause * 2, LONGEST_PAUSE_SECONDS)
        elif now >= self.due_at:
            self.start()

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(number)

    def end(self) -> None:
        """Kill it with what it forked, if it is still there."""
        if self.process is not None and self.process.poll() is None:
            say(f"{self.program.name} did not stop in {GRACE_SECONDS:g} s and was killed")
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def run_in_foreground(command: list[str], environment: dict[str, str]) -> int:
    """Run one command on our terminal; Ctrl-C and SIGTERM are its to answer. Returns its exit status."""
    process = subprocess.Popen(command, cwd=places().checkout, env=environment)
    with _handling({signal.SIGINT: _ignore, signal.SIGTERM: lambda *_: process.send_signal(signal.SIGTERM)}):
        status = process.wait()
    return status if status >= 0 else 128 - status


@contextmanager
def interrupted_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP unwind the program as Ctrl-C does."""
    with _handling({signal.SIGTERM: _interrupt, signal.SIGHUP: _interrupt}):
        yield


@contextmanager
def undisturbed() -> Iterator[None]:
    """Ignore further signals while cleaning up."""
    with _handling(dict.fromkeys((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), _ignore)):
        yield


def end_with_parent() -> None:
    """For `preexec_fn`: have the kernel end this child when we are killed."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@contextmanager
def _handling(handlers: dict[signal.Signals, _Handler]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """A handler, not SIG_IGN: children would inherit that."""


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _manner(process: subprocess.Popen[bytes]) -> str:
    status = process.returncode
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"status {status}"
