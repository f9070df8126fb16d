"""The hub's beginning and end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.db import OperationalError

from apps.live.hub import Hub
from apps.live.hub.log import LogFollower
from apps.live.types import Limits


async def test_who_knocks_while_the_hub_cannot_begin_hinders_nobody_who_comes_later(monkeypatch) -> None:
    async def nobody_home(_: LogFollower) -> None:
        raise OperationalError("The database cannot be reached.")

    async def send(_: Any) -> None: ...

    hub = Hub(Limits())
    hub.open(send, on_unheard=lambda: None)
    with monkeypatch.context() as away:
        away.setattr(LogFollower, "start", nobody_home)
        with pytest.raises(OperationalError):
            await hub.ready()
    begun = asyncio.Event()

    async def start(_: LogFollower) -> None:
        begun.set()
        await asyncio.sleep(60)

    monkeypatch.setattr(LogFollower, "start", start)
    waiting = asyncio.ensure_future(hub.ready())
    await asyncio.wait_for(begun.wait(), 60)
    # And nothing begins any more for a hub that everybody has left.
    for socket in tuple(hub.sockets):
        socket.gone()
    with pytest.raises(asyncio.CancelledError):
        await waiting
