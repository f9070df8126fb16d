"""The test suite: fast hashing, no pool, a database and a Redis database of its own for every run and worker."""

from __future__ import annotations

import os
import zlib
from dataclasses import replace

from project.queues import rq_queues
from project.settings.base import *  # noqa: F403  settings modules are layered by star import in Django
from project.settings.base import DATABASES, ENV, WATCHFLOOR

DEBUG = False
SECRET_KEY = "only-for-tests-0123456789-0123456789"  # noqa: S105  guards nothing
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True  # looks for a file when it is asked for: every test's client would list them all first
STATIC_ROOT = None  # type: ignore[assignment]  # nothing is collected: the finders serve it

# Two runs on one machine must not meet, nor two workers of one run: the suffix names the run, xdist names the worker.
# `./dev` numbers its runs, and its Redis has room for 16 databases of each; elsewhere there may be 16 in all.
_run = os.environ.get("WATCHFLOOR_TEST_SUFFIX", "")
_worker = os.environ.get("PYTEST_XDIST_WORKER", "")
_first = 16 * int(_run) if _run.isdecimal() else zlib.crc32(_run.encode())
_place = 1 + (_first + int(_worker.removeprefix("gw") or -1) + 1) % (240 if _run.isdecimal() else 15)
_redis_url = f"{ENV.redis_url.split('?')[0]}?db={_place}"

DATABASES["default"]["OPTIONS"]["pool"] = False
DATABASES["default"]["TEST"] = {"NAME": f"test_watchfloor{'_' if _run else ''}{_run}"}
RQ_QUEUES = rq_queues(_redis_url)
WATCHFLOOR = replace(WATCHFLOOR, redis_url=_redis_url, redis_prefix=f"test-{_run}-{_worker}")
