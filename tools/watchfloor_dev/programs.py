"""Finds PostgreSQL with PostGIS, and Redis, on this machine. Installs nothing; `packages` does."""

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from watchfloor_dev.paths import places

POSTGIS_CONTROL = "extension/postgis.control"
# Debian's redis-tools: the server is a link to this program, which looks at the name it was called by.
REDIS_SERVER_NAMES = ("redis-server", "valkey-server", "redis-check-rdb")


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A directory of programs, or one program, and the environment it needs to run."""

    path: Path
    environment: dict[str, str] = field(default_factory=dict)


def unpacked_root() -> Path:
    """Where Debian packages lie that were unpacked without being installed."""
    return places().state / "debian"


def find_postgres() -> Program | None:
    """The directory of a PostgreSQL that can do PostGIS: the newest of Debian's, PATH's, or the unpacked one."""
    return _debian_postgres(Path("/")) or _postgres_on_path() or _debian_postgres(unpacked_root())


def find_redis() -> Program | None:
    """A program that serves Redis, if it is called `redis-server`."""
    for name in REDIS_SERVER_NAMES:
        if found := shutil.which(name):
            return Program(path=Path(found))
    for name in REDIS_SERVER_NAMES:
        found_path = unpacked_root() / "usr/bin" / name
        if found_path.exists():
            return Program(path=found_path, environment=_unpacked_environment())
    return None


def library_path(root: Path) -> str:
    """Where the linker finds the libraries of packages unpacked below `root`; some lie in folders of their own."""
    libraries = [path for path in root.glob("usr/lib/*-linux-gnu*") if path.is_dir()]
    libraries += [path / name for path in libraries for name in ("blas", "lapack", "pulseaudio")]
    libraries += [*root.glob("lib/*-linux-gnu*"), root / "usr/lib"]
    return os.pathsep.join(map(str, libraries))


def _debian_postgres(root: Path) -> Program | None:
    """`postgres` alone proves nothing: the version must have its `postgis.control`."""
    controls = root.glob(f"usr/share/postgresql/*/{POSTGIS_CONTROL}")
    for control in sorted(controls, key=lambda path: _number(path.parents[1].name), reverse=True):
        directory = root / "usr/lib/postgresql" / control.parents[1].name / "bin"
        if (directory / "postgres").exists():
            environment = {} if root == Path("/") else _unpacked_environment()
            return Program(path=directory, environment=environment)
    return None


def _postgres_on_path() -> Program | None:
    """What `pg_config` knows, on systems that are not Debian."""
    pg_config = shutil.which("pg_config")
    if not pg_config:
        return None
    answer = subprocess.run([pg_config, "--bindir", "--sharedir"], capture_output=True, text=True, check=False)
    directories = [Path(line) for line in answer.stdout.splitlines()]
    if len(directories) != 2 or not (directories[1] / POSTGIS_CONTROL).exists():
        return None
    return Program(path=directories[0]) if (directories[0] / "postgres").exists() else None


def _unpacked_environment() -> dict[str, str]:
    root = unpacked_root()
    environment = {"LD_LIBRARY_PATH": library_path(root), "PROJ_DATA": str(root / "usr/share/proj")}
    if not Path("/usr/share/zoneinfo").exists():
        environment["TZDIR"] = str(root / "usr/share/zoneinfo")
    return environment


def _number(name: str) -> int:
    return int(name) if name.isdigit() else 0
