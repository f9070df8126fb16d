"""Brings the Debian packages that are missing: by apt as root or with sudo, else unpacked into the state directory."""

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

from watchfloor_dev import unpack
from watchfloor_dev.paths import places
from watchfloor_dev.programs import find_postgres, find_redis, unpacked_root
from watchfloor_dev.talk import refuse, say

CLUSTER_SWITCH = Path("/etc/postgresql-common/createcluster.d/watchfloor.conf")
CA_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
WITHOUT_APT = """this machine lacks {missing}, and there is no apt to bring it.
Install PostgreSQL with PostGIS and Redis by hand, or run everything in containers:
    docker compose -f docker/compose.yaml --profile demo up"""


def bring_packages() -> None:
    """Install or unpack what is missing. Asks the machine, not a stamp: somebody may have removed a package."""
    missing = _missing()
    if not missing:
        return
    if not bring(missing, unpacked_root()):
        refuse(WITHOUT_APT.format(missing=", ".join(missing)))
    if still := _missing():
        refuse(f"{', '.join(still)}: brought, and still not usable; see {places().state / 'debian'}")


def bring(packages: list[str], root: Path) -> bool:
    """Install `packages` where one may, unpack them below `root` where one may not; False without apt."""
    apt = _apt_command()
    if apt:
        _install(apt, packages)
    elif shutil.which("apt-get") and shutil.which("dpkg-deb"):
        say(f"unpacking {', '.join(packages)} (no root, no sudo)")
        unpack.unpack(packages, root)
    else:
        return False
    return True


def find_pip() -> list[str] | None:
    """How to call some pip: Python's own, or the wheel that Debian keeps for virtual environments."""
    if importlib.util.find_spec("pip"):
        return ["-m", "pip"]
    for root in (Path("/"), unpacked_root()):
        for wheel in root.glob("usr/share/python-wheels/pip-*.whl"):
            return [str(wheel / "pip")]
    return None


def ca_bundle() -> str | None:
    """The file of the certificates that this machine trusts."""
    return next((bundle for bundle in CA_BUNDLES if Path(bundle).exists()), None)


def _missing() -> list[str]:
    wanted = {
        "postgresql-postgis": find_postgres() is not None,
        "redis-tools": find_redis() is not None,
        "python3-venv": find_pip() is not None,
        "ca-certificates": ca_bundle() is not None,
    }
    return [package for package, is_there in wanted.items() if not is_there]


def _apt_command() -> list[str] | None:
    """How to call apt-get with the right to install, None without it. Never asks for a password."""
    if not shutil.which("apt-get"):
        return None
    if os.geteuid() == 0:
        return ["apt-get"]
    if (
        shutil.which("sudo")
        and subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode == 0
    ):
        return ["sudo", "-n", "apt-get"]
    return None


def _install(apt: list[str], packages: list[str]) -> None:
    say(f"installing {', '.join(packages)}")
    as_root = apt[:-1]
    if "postgresql-postgis" in packages and not CLUSTER_SWITCH.exists():
        # Debian would start a cluster of its own on the usual port.
        _run([*as_root, "mkdir", "-p", str(CLUSTER_SWITCH.parent)])
        _run([*as_root, "tee", str(CLUSTER_SWITCH)], text="create_main_cluster = false\n")
    options = ["-q", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300"]
    _run([*apt, "-q", "update"])
    _run([*as_root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", *options, "install", *packages])


def _run(command: list[str], *, text: str = "") -> None:
    log = places().state / "apt.log"
    with log.open("a") as output:
        done = subprocess.run(command, input=text, text=True, stdout=output, stderr=output, check=False)
    if done.returncode:
        refuse(f"`{' '.join(command)}` failed; see {log}")
