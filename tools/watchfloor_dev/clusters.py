"""A cluster is one PostgreSQL and one Redis that belong together: for the demo, the tests or the benchmarks."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from watchfloor_dev import postgres, redis
from watchfloor_dev.accounts import server_account
from watchfloor_dev.locks import Usage, exclusive
from watchfloor_dev.paths import CHECKOUT, places

NAMES = ("demo", "test", "bench")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """The directories of one cluster."""

    name: str
    home: Path
    data: Path
    run: Path
    """Holds both sockets; nothing listens on a port."""

    @property
    def redis_socket(self) -> Path:
        """Where Redis listens."""
        return self.run / "redis.sock"

    @property
    def stays_up(self) -> Path:
        """Exists while somebody asked for the servers by `./dev services start`."""
        return self.home / "stays-up"


def cluster(name: str) -> Cluster:
    """The cluster of that name; its directories exist, its servers need not run."""
    home = places().servers / name
    made = Cluster(name=name, home=home, data=home / "data", run=home / "run")
    for directory in (made.home, made.run):
        if not directory.exists():
            directory.mkdir(mode=0o700)
            server_account(CHECKOUT).own(directory)
    return made


@contextmanager
def running(name: str) -> Iterator[Cluster]:
    """The cluster with both servers up. The last to leave stops them, unless they were asked to stay."""
    wanted = cluster(name)
    with _guard(wanted):
        _start(wanted)
        usage = Usage(wanted.home / "users.lock")
    try:
        yield wanted
    finally:
        with _guard(wanted):
            if usage.leave() and not wanted.stays_up.exists():
                _stop(wanted)


def start(name: str) -> Cluster:
    """Start both servers and leave them running."""
    wanted = cluster(name)
    with _guard(wanted):
        _start(wanted)
        wanted.stays_up.touch()
    return wanted


def stop(name: str) -> bool:
    """Stop both servers, whoever uses them; False when none ran. Data stay."""
    wanted = cluster(name)
    with _guard(wanted):
        wanted.stays_up.unlink(missing_ok=True)
        return _stop(wanted)


def status(name: str) -> dict[str, bool]:
    """Which of the two servers run."""
    wanted = cluster(name)
    return {"postgresql": postgres.is_running(wanted.data), "redis": redis.is_running(wanted.run)}


def _start(wanted: Cluster) -> None:
    postgres.start(wanted.data, wanted.run, is_durable=wanted.name != "test")
    redis.start(wanted.run)


def _stop(wanted: Cluster) -> bool:
    return any([redis.stop(wanted.run), postgres.stop(wanted.data)])


def _guard(wanted: Cluster) -> AbstractContextManager[None]:
    return exclusive(wanted.home / "start.lock", waiting_for=f"servers of {wanted.name}")
