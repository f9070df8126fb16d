"""The hub's beginning and end."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from django.db import OperationalError

from apps.live.hub import Hub
from apps.live.hub.landing import Fresh
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


async def test_what_was_kept_for_somebody_who_left_before_they_flew_is_forgotten() -> None:
    """Rows that come later are not kept: those before and after would look to the next one like all there are."""
    hub = Hub(Limits())
    reader = SimpleNamespace(reaches={"assets.view": object()})
    gone: Any = SimpleNamespace(is_over=True, topic=SimpleNamespace(view_action="assets.view"), reader=reader)
    join = Fresh(subscription=gone)
    hub.joins._boarding.append(join)
    hub.log._recent.append(cast("Any", SimpleNamespace(offset=1)))
    await hub.joins._board(join)
    assert not hub.joins.is_busy
    assert hub.log.after(0) == []
