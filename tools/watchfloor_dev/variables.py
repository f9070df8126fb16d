"""The environment variables that Watchfloor's processes read."""

import os
import secrets
import shlex
from pathlib import Path
from urllib.parse import quote

from watchfloor_dev import postgres
from watchfloor_dev.clusters import Cluster
from watchfloor_dev.paths import places
from watchfloor_dev.talk import refuse


def application(cluster: Cluster, *, kind: str, slot: int = 0) -> dict[str, str]:
    """The environment of a process that works on `cluster`; `kind` is dev, test or prod.

    Two test runs at once get different slots, from which the test settings name their databases.
    """
    return {
        **_inherited(),
        **libraries(),
        **tool_caches(),
        "PATH": f"{places().venv / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "DJANGO_SETTINGS_MODULE": f"project.settings.{kind}",
        "WATCHFLOOR_ENV": kind,
        "WATCHFLOOR_SECRET_KEY": _secret_key(),
        "WATCHFLOOR_DB_NAME": postgres.DATABASE,
        "WATCHFLOOR_DB_USER": postgres.USER,
        "WATCHFLOOR_DB_PASSWORD": "",
        "WATCHFLOOR_DB_HOST": str(cluster.run),
        "WATCHFLOOR_DB_PORT": str(postgres.PORT),
        "WATCHFLOOR_REDIS_URL": f"unix://{quote(str(cluster.redis_socket))}?db=0",
        "WATCHFLOOR_TEST_SUFFIX": str(slot),
        "WATCHFLOOR_BROWSER_DIR": str(places().browser),
    }


def tool_caches() -> dict[str, str]:
    """Where the tools keep what they remember: beside our own state, for the checkout may not be writable."""
    caches = places().state / "cache"
    return {
        "RUFF_CACHE_DIR": str(caches / "ruff"),
        "MYPY_CACHE_DIR": str(caches / "mypy"),
        "HYPOTHESIS_STORAGE_DIRECTORY": str(caches / "hypothesis"),
        "PYTEST_ADDOPTS": f"{os.environ.get('PYTEST_ADDOPTS', '')} -o cache_dir={shlex.quote(str(caches / 'pytest'))}",
    }


def libraries() -> dict[str, str]:
    """Where Django finds GDAL and GEOS: in the wheels of pyogrio and shapely, whose file names carry a hash."""
    return {
        "GDAL_LIBRARY_PATH": str(_library("pyogrio.libs/libgdal*.so*")),
        "GEOS_LIBRARY_PATH": str(_library("shapely.libs/libgeos_c*.so*")),
    }


def _inherited() -> dict[str, str]:
    """Our own environment, less the ban on compiled files: without them every start costs seconds."""
    return {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}


def _library(pattern: str) -> Path:
    found = sorted(places().venv.glob(f"lib/python3*/site-packages/{pattern}"))
    if len(found) != 1:
        refuse(f"expected one {pattern} in {places().venv}, found {len(found)}; delete the folder and run ./dev setup")
    return found[0]


def _secret_key() -> str:
    """Made once for each checkout, so that sessions outlive a restart."""
    file = places().state / "secret-key"
    if not file.exists():
        unfinished = file.with_name(f"secret-key.{os.getpid()}")
        descriptor = os.open(unfinished, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as output:
            output.write(secrets.token_urlsafe(48))
        unfinished.rename(file)
    return file.read_text()
