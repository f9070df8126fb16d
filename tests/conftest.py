"""What every test has: the network shut, the cast, and nothing that a test could leave behind."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from django.apps import apps

_connect = socket.socket.connect


def _connect_here_only(self: socket.socket, address: Any) -> None:
    """Refuse to leave the machine: a test that needs the internet fails, and says so."""
    if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1", "localhost"):
        raise OSError(f"Tests may not connect to {address[0]}.")
    _connect(self, address)


@pytest.fixture(autouse=True)
def _forget_definitions() -> Any:
    """Forget what was published in the test: it is rolled back, and the next may publish another under its name."""
    yield
    if apps.ready:
        from apps.lifecycle.registry import forget_definitions  # noqa: PLC0415 - only where Django is set up

        forget_definitions()


@pytest.fixture(autouse=True, scope="session")
def _no_network() -> Any:
    patch = pytest.MonkeyPatch()
    patch.setattr(socket.socket, "connect", _connect_here_only)
    yield
    patch.undo()
