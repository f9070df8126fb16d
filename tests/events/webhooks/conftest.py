"""A receiver on this machine, which the operator of the tests lets webhooks reach."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from apps.events import jobs
from tests.factories.webhooks import Receiver, receiving


@pytest.fixture(autouse=True)
def _reachable(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.WATCHFLOOR = replace(
        settings.WATCHFLOOR, outbound_hosts=frozenset({"127.0.0.1"}), webhook_timeout=timedelta(seconds=30)
    )
    # A run ends when nothing is due, and not sooner on a slow machine.
    monkeypatch.setattr(jobs, "RUN_SECONDS", 60.0)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found
