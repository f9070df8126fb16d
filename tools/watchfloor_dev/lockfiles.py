"""`./dev lock`: writes the lock files anew from what is asked for. No address of a registry gets into them."""

import os
import subprocess

from watchfloor_dev.browser import npm_command
from watchfloor_dev.environment import run_logged, uv
from watchfloor_dev.paths import places
from watchfloor_dev.talk import say

NAMES = ("base", "prod", "dev", "uv", "browser/node")
OPTIONS = ["--universal", "--generate-hashes", "--python-version", "3.11", "--no-emit-index-url", "--quiet"]


def lock(arguments: list[str]) -> int:
    """Resolve again; `--upgrade` takes newer versions where the .in files allow them."""
    directory = places().checkout / "requirements"
    for name in NAMES:
        say(f"locking {name}")
        command = [uv(), "pip", "compile", *OPTIONS, "--custom-compile-command", "./dev lock", *arguments]
        run_logged([*command, f"{name}.in", "-o", f"{name}.txt"], "lock", directory=directory)
    for name in ("browser", "identity"):
        say(f"locking npm's packages of {name}")
        run_logged([*npm_command(), "install", "--package-lock-only"], "lock", directory=directory / name)
    return subprocess.run(["git", "diff", "--stat", "--", directory], env=os.environ, check=False).returncode
