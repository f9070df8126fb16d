"""Starts the provider as a process of its own; skips with a reason where Node or its packages are not at hand."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from apps.access.types import IdentityProvider
from tests.access.identity.browsing import PATIENCE_S

SCRIPT = Path(__file__).with_name("provider.mjs")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningProvider:
    """The provider, as the tests speak to it beside the protocol."""

    issuer: str
    process: subprocess.Popen[str]

    def knows(self, **people: dict[str, Any]) -> None:
        """Say what it tells of whom, by subject."""
        httpx.post(f"{self.issuer}/people", json=people, timeout=PATIENCE_S).raise_for_status()

    def falsify(self, **claims: Any) -> None:
        """Falsify these claims in all ID tokens from now on; none is honest again."""
        httpx.post(f"{self.issuer}/fault", json=claims, timeout=PATIENCE_S).raise_for_status()

    def pause(self) -> None:
        """Let it accept connections and never answer."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it answer again."""
        self.process.send_signal(signal.SIGCONT)


@pytest.fixture(scope="module")
def running_provider(live_server: Any) -> Iterator[RunningProvider]:
    """A provider that knows our live server's callback."""
    node, modules = os.environ.get("WATCHFLOOR_NODE"), os.environ.get("WATCHFLOOR_IDENTITY_MODULES")
    if not node or not modules:
        pytest.skip("no Node with oidc-provider: ./dev test brings them, WATCHFLOOR_NODE says where")
    environment = {
        "MODULES": modules,
        "BACK_TO": f"{live_server.url}/sign-in/oidc/callback/",
        "AFTER_LOGOUT": f"{live_server.url}/admin/login/",
    }
    process = subprocess.Popen(
        [node, str(SCRIPT)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    issuer = process.stdout.readline().strip()
    assert issuer.startswith("http://127.0.0.1:"), "the provider did not start"
    yield RunningProvider(issuer=issuer, process=process)
    process.kill()
    process.wait(PATIENCE_S)
    process.stdout.close()


@pytest.fixture
def provider(
    running_provider: RunningProvider, transactional_db: None, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[RunningProvider]:
    """The provider, honest and configured; ``settings.WATCHFLOOR`` may say more about it."""
    configured = IdentityProvider(
        issuer=running_provider.issuer,
        client_id="watchfloor",
        client_secret="a secret that is known to both",
        name="Harbour ID",
    )
    settings.WATCHFLOOR = replace(settings.WATCHFLOOR, identity_provider=configured)
    monkeypatch.setattr("apps.access.api.oidc.TIMEOUT_S", PATIENCE_S)
    running_provider.falsify()
    yield running_provider
    running_provider.go_on()
