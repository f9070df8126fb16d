"""Debian packages for people without root: apt downloads and checks them, `dpkg-deb` unpacks them into a folder."""

import os
import shutil
import subprocess
from pathlib import Path

from watchfloor_dev.talk import refuse

DPKG_STATUS = Path("/var/lib/dpkg/status")


def unpack(packages: list[str], root: Path) -> None:
    """Fetch `packages` with what they depend on and lay their files below `root`."""
    work = root.with_name(root.name + ".apt")
    options = _private_apt(work)
    _run(["apt-get", *options, "-q", "update"], work)
    _run(["apt-get", *options, "-q", "-y", "--no-install-recommends", "--download-only", "install", *packages], work)
    for archive in sorted((work / "cache/archives").glob("*.deb")):
        _run(["dpkg-deb", "-x", str(archive), str(root)], work)
    _link_alternatives(root)
    shutil.rmtree(work)


def _private_apt(work: Path) -> list[str]:
    """Options that keep apt out of the system's directories, which an ordinary user may not write."""
    for name in ("state/lists/partial", "cache/archives/partial"):
        (work / name).mkdir(parents=True, exist_ok=True)
    (work / "status").write_text(_status_without_postgres())
    settings = {
        "Dir::State": work / "state",
        "Dir::State::status": work / "status",
        "Dir::Cache": work / "cache",
        "Dir::Log": work,
        "Debug::NoLocking": "1",
        "APT::Sandbox::User": "",
    }
    return [option for key, value in settings.items() for option in ("-o", f"{key}={value}")]


def _status_without_postgres() -> str:
    """What dpkg knows, less every PostgreSQL: server and extensions must come to lie in one tree."""
    stanzas = DPKG_STATUS.read_text().split("\n\n") if DPKG_STATUS.exists() else []
    return "\n\n".join(stanza for stanza in stanzas if not stanza.startswith("Package: postgresql"))


def _link_alternatives(root: Path) -> None:
    """Set the one link that Debian sets when it installs: `postgis.control` points at a versioned file."""
    for versioned in root.glob("usr/share/postgresql/*/extension/postgis-[0-9].control"):
        link = versioned.with_name("postgis.control")
        link.unlink(missing_ok=True)
        link.symlink_to(versioned.name)


def _run(command: list[str], work: Path) -> None:
    log = work.with_name("apt.log")
    with log.open("a") as output:
        done = subprocess.run(command, stdout=output, stderr=output, check=False, env={**os.environ, "LC_ALL": "C"})
    if done.returncode:
        refuse(f"`{' '.join(command[:1])}` failed; see {log}")
