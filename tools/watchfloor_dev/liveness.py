"""Whether a server runs. A pid that answers may be a zombie or a stranger, so the working directory decides."""

import time
from pathlib import Path


def works_in(pid: int, directory: Path) -> bool:
    """Whether process `pid` is alive with `directory` as its working directory; a zombie has none."""
    try:
        return Path(f"/proc/{pid}/cwd").readlink() == directory.resolve()
    except PermissionError:
        return True
    except OSError:
        return False


def workers_in(directory: Path) -> list[int]:
    """All processes of ours with `directory` as their working directory: a dead postmaster leaves its children."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if _may_look(pid) and works_in(pid, directory)]


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


def _may_look(pid: int) -> bool:
    try:
        Path(f"/proc/{pid}/cwd").readlink()
    except OSError:
        return False
    return True
