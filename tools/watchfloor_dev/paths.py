"""Where things of one checkout lie. Decides about directories; creates only those it hands out."""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from watchfloor_dev.accounts import Account, can_enter, server_account
from watchfloor_dev.talk import refuse

CHECKOUT = Path(__file__).resolve().parents[2]
# sockaddr_un holds 108 bytes on Linux; PostgreSQL adds a lock file beside the socket.
SOCKET_PATH_LIMIT = 100
LONGEST_SOCKET = "bench/run/.s.PGSQL.5432"


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The directories of one checkout. All but `servers` belong to who runs `./dev`."""

    checkout: Path
    state: Path
    """Logs, secrets, stamps, unpacked Debian packages."""
    venv: Path
    browser: Path
    """JavaScript and map files of others, served below `static/vendor/`."""
    servers: Path
    """PostgreSQL and Redis, one directory for each cluster; belongs to the account they run as."""


@cache
def places() -> Places:
    """The directories in use: inside the checkout where that works, elsewhere where it cannot."""
    state = _first_usable([CHECKOUT / "var", *_outside_candidates()], account=None)
    inside = state == CHECKOUT / "var"
    return Places(
        checkout=CHECKOUT,
        state=state,
        venv=CHECKOUT / ".venv" if inside else state / "venv",
        browser=CHECKOUT / "browser" if inside else state / "browser",
        servers=_servers_directory(state),
    )


def home_directory() -> Path | None:
    """The person's home, None where nobody knows of one (a container's unnamed user)."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def _outside_candidates() -> list[Path]:
    """Directories outside the checkout, one for each checkout and person, the tidiest first."""
    name = hashlib.sha256(os.fsencode(CHECKOUT)).hexdigest()[:8]
    candidates = [Path("/var/lib/watchfloor") / name] if os.geteuid() == 0 else []
    home = home_directory()
    if home:
        candidates.append(home / ".local/state/watchfloor" / name)
    candidates.append(Path("/var/tmp") / f"watchfloor-{os.geteuid()}-{name}")
    return candidates


def _servers_directory(state: Path) -> Path:
    """A directory of one's own choice lets two demos of one checkout run side by side."""
    account = server_account(CHECKOUT)
    chosen = os.environ.get("WATCHFLOOR_SERVERS_DIR")
    candidates = [Path(chosen).resolve()] if chosen else _server_candidates(state)
    directory = _first_usable(candidates, account=account)
    account.own(directory)
    return directory


def _server_candidates(state: Path) -> list[Path]:
    return [state / "servers", *(path / "servers" for path in _outside_candidates())]


def _first_usable(candidates: list[Path], *, account: Account | None) -> Path:
    for path in candidates:
        if _is_writable(path) if account is None else _is_fit_for_servers(path, account):
            return path
    return refuse("no directory is fit to keep state in; tried " + ", ".join(map(str, candidates)))


def _is_writable(path: Path) -> bool:
    try:
        path.mkdir(parents=True, exist_ok=True)
        # Permission bits say nothing about a read-only mount: write something.
        tempfile.TemporaryFile(dir=path).close()
    except OSError:
        return False
    return True


def _is_fit_for_servers(path: Path, account: Account) -> bool:
    if len(os.fsencode(path / LONGEST_SOCKET)) > SOCKET_PATH_LIMIT:
        return False
    return _is_writable(path.parent) and can_enter(account, path.parent) and _is_writable(path)
