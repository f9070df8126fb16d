"""Whether a server runs. A pid that answers may be a zombie or a stranger, so the working directory decides."""

import os
import time
from pathlib import Path


def works_in(pid: int, directory: Path) -> bool:
    """Whether process `pid` is alive with `directory` as its working directory; a zombie has none."""
    try:
        return Path(f"/proc/{pid}/cwd").readlink() == directory.resolve()
    except PermissionError:
        return _names(pid, directory)
    except OSError:
        return False


def workers_in(directory: Path) -> list[int]:
    """All processes with `directory` as their working directory: a dead postmaster leaves its children."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if works_in(pid, directory)]


def wait_until_gone(pid: int, directory: Path, *, seconds: float) -> bool:
    """Wait for the process to end; False when it is still there at the end."""
    deadline = time.monotonic() + seconds
    while works_in(pid, directory):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def read_pid(file: Path) -> int | None:
    """The number on the first line of a pid file, None without one."""
    try:
        return int(file.read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def _names(pid: int, directory: Path) -> bool:
    """Whether the command line names the directory: all that root may see of others in a container."""
    try:
        return os.fsencode(directory) in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
