"""The virtual environment: made by uv from the locked requirements, again only when they changed."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from watchfloor_dev.packages import ca_bundle, find_pip
from watchfloor_dev.paths import home_directory, places
from watchfloor_dev.talk import refuse, say

REQUIREMENTS = "requirements/dev.txt"
TRUST_THE_MACHINE = {"UV_SYSTEM_CERTS": "1", "UV_NATIVE_TLS": "1", "NODE_USE_SYSTEM_CA": "1"}
UV_REQUIREMENTS = "requirements/uv.txt"


def make_environment() -> None:
    """Bring the virtual environment to what the lock file says."""
    lock = places().checkout / REQUIREMENTS
    stamp = places().venv / "watchfloor.stamp"
    wanted = fingerprint(lock)
    if is_current(stamp, wanted) and _runs(python()):
        return
    say("installing the Python packages")
    stamp.unlink(missing_ok=True)
    installer = uv()
    if not _runs(python()):
        shutil.rmtree(places().venv, ignore_errors=True)
        run_logged([installer, "venv", "--no-project", "--python", sys.executable, str(places().venv)], "venv")
    run_logged([installer, "pip", "sync", "--require-hashes", "--python", str(python()), str(lock)], "venv")
    stamp.write_text(wanted)


def python() -> Path:
    """The virtual environment's interpreter."""
    return places().venv / "bin/python"


def uv() -> str:
    """The path of uv, in the version that is locked."""
    target = places().state / "uv"
    install_beside(places().checkout / UV_REQUIREMENTS, target)
    return str(target / "bin/uv")


def install_beside(requirements: Path, target: Path) -> None:
    """Install locked requirements into a folder of their own, again only when they changed."""
    stamp = target / "watchfloor.stamp"
    wanted = fingerprint(requirements)
    if is_current(stamp, wanted):
        return
    pip = find_pip()
    if pip is None:
        refuse("no pip was found; install python3-pip or python3-venv")
    shutil.rmtree(target, ignore_errors=True)
    options = ["--disable-pip-version-check", "--no-cache-dir", "--require-hashes", "--only-binary", ":all:"]
    run_logged(
        [sys.executable, *pip, "install", "-q", *options, "--target", str(target), "-r", str(requirements)], "pip"
    )
    stamp.write_text(wanted)


def fingerprint(*files: Path) -> str:
    """A hash of the files' contents: equal means that nothing has to be done again."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def is_current(stamp: Path, wanted: str) -> bool:
    """Whether the stamp was written for these inputs."""
    return stamp.exists() and stamp.read_text() == wanted


def run_logged(command: list[str], log_name: str, *, directory: Path | None = None) -> None:
    """Run a set-up step; its output goes to a log, of which the end is shown when it fails."""
    log = places().state / f"{log_name}.log"
    with log.open("w") as output:
        done = subprocess.run(
            command, stdout=output, stderr=output, check=False, cwd=directory, env=_install_environment()
        )
    if done.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        refuse(f"`{Path(command[0]).name} {' '.join(command[1:3])}` failed ({log}):\n{tail}")


def _install_environment() -> dict[str, str]:
    """Trust the machine's certificates (there may be a proxy with its own), and cache where one may write."""
    bundle = ca_bundle()
    environment = TRUST_THE_MACHINE | ({"PIP_CERT": bundle} if bundle else {}) | dict(os.environ)
    home = home_directory()
    if home is None or not os.access(home, os.W_OK):
        caches = places().state / "cache"
        environment |= {"UV_CACHE_DIR": str(caches / "uv"), "HOME": str(caches)}
        caches.mkdir(parents=True, exist_ok=True)
    return environment


def _runs(interpreter: Path) -> bool:
    """Whether it starts: a system upgrade may have taken the Python away that it links to."""
    return interpreter.exists() and subprocess.run([interpreter, "-c", ""], check=False).returncode == 0
