"""What every test has: the network shut, the cast, and nothing that a test could leave behind."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from hypothesis import HealthCheck, settings

# A slow machine is no fault, and the examples are the same every time: `--hypothesis-profile=default` draws others.
settings.register_profile("steady", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")

_connect = socket.socket.connect


def _connect_here_only(self: socket.socket, address: Any) -> None:
    """Refuse to leave the machine: a test that needs the internet fails, and says so."""
    if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1", "localhost"):
        raise OSError(f"Tests may not connect to {address[0]}.")
    _connect(self, address)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put first what breaks an installation of its own, and into the middle what looks at one in the browser.

    At the end the workers would share these tests out, and each would lay out an installation.
    """
    if not hasattr(config, "workerinput"):
        return
    kinds: dict[str, list[pytest.Item]] = {"faults": [], "browser": [], "": []}
    for item in items:
        kinds[next((name for name in ("faults", "browser") if item.get_closest_marker(name)), "")].append(item)
    half = len(items) // 2 - len(kinds["faults"])
    items[:] = [*kinds["faults"], *kinds[""][:half], *kinds["browser"], *kinds[""][half:]]


@pytest.fixture(autouse=True)
def _forget_definitions() -> Any:
    """Forget what was published in the test: it is rolled back, and the next may publish another under its name."""
    yield
    if apps.ready:
        from apps.lifecycle.registry import forget_definitions  # noqa: PLC0415 - only where Django is set up

        forget_definitions()


@pytest.fixture(autouse=True, scope="session")
def _read_addresses() -> None:
    """Import every view before a test puts another clock in the place of ours: what is imported then would keep it."""
    if apps.ready:
        from django.urls import get_resolver  # noqa: PLC0415 - only where Django is set up

        get_resolver().url_patterns  # noqa: B018 - read for what it imports


@pytest.fixture(autouse=True, scope="session")
def _no_network() -> Any:
    patch = pytest.MonkeyPatch()
    patch.setattr(socket.socket, "connect", _connect_here_only)
    yield
    patch.undo()


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, django_db_modify_db_settings: None, django_db_blocker: Any
) -> Iterator[None]:
    """Copy the database from the template, and empty it between tests by our own means."""
    from django.core.management.commands import flush  # noqa: PLC0415 - only where Django is set up
    from django.db import connection  # noqa: PLC0415
    from django.test.utils import setup_databases  # noqa: PLC0415

    from tests import emptying  # noqa: PLC0415
    from tests.template import drop, template  # noqa: PLC0415

    with django_db_blocker.unblock():
        with template() as name:
            connection.settings_dict["TEST"]["TEMPLATE"] = name
            setup_databases(verbosity=0, interactive=False, serialized_aliases=[])
        emptying.remember()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flush.Command, "handle", emptying.restore)
        yield
    with django_db_blocker.unblock():
        name = connection.settings_dict["NAME"]
        connection.close()
        drop(name)
