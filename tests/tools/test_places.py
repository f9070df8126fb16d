"""Where things go, who may go there, and what is never committed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from watchfloor_dev import paths, unpack
from watchfloor_dev.accounts import Account, can_enter
from watchfloor_dev.environment import fingerprint, is_current
from watchfloor_dev.locks import Usage, exclusive_or_refused, first_free
from watchfloor_dev.talk import SetupError

SOMEBODY = Account(uid=54321, gid=54321, switch=False)


def test_a_closed_directory_above_keeps_an_account_out(tmp_path: Path) -> None:
    inner = tmp_path / "home/project"
    inner.mkdir(parents=True)
    owner = Account(uid=tmp_path.stat().st_uid, gid=tmp_path.stat().st_gid, switch=False)
    assert can_enter(owner, inner)
    assert not can_enter(SOMEBODY, inner)
    assert can_enter(SOMEBODY, Path("/usr/bin"))


def test_servers_go_elsewhere_when_their_socket_would_have_too_long_a_path() -> None:
    account = Account(uid=os.geteuid(), gid=os.getegid(), switch=False)
    with tempfile.TemporaryDirectory(dir="/tmp") as short:
        long = Path(short) / ("x" * 100)
        assert paths._first_usable([long, Path(short) / "y"], account=account) == Path(short) / "y"
        assert not long.exists()


def test_no_directory_at_all_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SetupError, match="no directory is fit to keep state in"):
        paths._first_usable([tmp_path / "file/inside"], account=None)


def test_unpacking_brings_postgresql_even_where_half_of_it_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = tmp_path / "status"
    status.write_text("Package: bash\nStatus: ok\n\nPackage: postgresql-15\nStatus: ok\n\nPackage: libc6\nStatus: ok\n")
    monkeypatch.setattr(unpack, "DPKG_STATUS", status)
    assert unpack._status_without_postgres() == "Package: bash\nStatus: ok\n\nPackage: libc6\nStatus: ok\n"


def test_a_stamp_holds_until_an_input_changes(tmp_path: Path) -> None:
    lock, stamp = tmp_path / "lock", tmp_path / "stamp"
    lock.write_text("a")
    assert not is_current(stamp, fingerprint(lock))
    stamp.write_text(fingerprint(lock))
    assert is_current(stamp, fingerprint(lock))
    lock.write_text("b")
    assert not is_current(stamp, fingerprint(lock))


def test_the_last_user_is_told_so(tmp_path: Path) -> None:
    first, second = Usage(tmp_path / "lock"), Usage(tmp_path / "lock")
    assert not first.leave()
    assert second.leave()


def test_two_runs_get_two_numbers(tmp_path: Path) -> None:
    with first_free(tmp_path, count=2) as first, first_free(tmp_path, count=2) as second:
        assert (first, second) == (0, 1)
    with first_free(tmp_path, count=2) as again:
        assert again == 0


def test_what_runs_already_is_refused(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    refused = pytest.raises(SetupError, match="runs already")
    with exclusive_or_refused(lock, refusal=""), refused, exclusive_or_refused(lock, refusal="runs already"):
        pytest.fail("held twice")


def test_no_lock_file_names_a_registry() -> None:
    files = [path for path in (paths.CHECKOUT / "requirements").rglob("*") if path.is_file()]
    assert len(files) > 8
    hosts = ("pypi" + ".org", "pythonhosted" + ".org", "npmjs" + ".org", "npmjs" + ".com")
    assert [path.name for path in files if any(host in path.read_text() for host in hosts)] == []


@pytest.mark.parametrize(("arguments", "status", "words"), [
    (["help"], 0, "usage: ./dev COMMAND"),
    (["nonsense"], 2, "usage: ./dev COMMAND"),
    (["run", "nonsense"], 1, "run takes one of web, live, serve, worker, clock"),
    (["services", "start", "nonsense"], 1, "services takes start, stop or status"),
    (["bench"], 1, "bench takes one of"),
])  # fmt: skip
def test_the_command_line_says_what_it_takes(arguments: list[str], status: int, words: str) -> None:
    done = subprocess.run(
        [sys.executable, paths.CHECKOUT / "dev", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == status
    assert words in done.stdout + done.stderr
