"""Server-sent events: the log as its reader may see it, from a cursor on, for as long as they may."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from apps.access.models import User
from apps.access.services import revoke_api_key
from apps.access.types import SYSTEM
from apps.core import clock
from apps.events import services
from apps.events.queries import head
from apps.live import streams as streams_module
from apps.live.hub.tail import _tails
from tests.factories.access import Cast, make_cast, signed_in, with_key
from tests.factories.core import after
from tests.factories.events import logged, new_event
from tests.live.asyncapi import judge_event

PATIENCE_S = 60.0


class Reader:
    """A stream that is open, read in a thread."""

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        self.ids: list[str] = []
        self.events: list[dict[str, Any]] = []
        self.names: list[str] = []
        self.is_over = False
        self._response = response
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        try:
            for line in self._response.iter_lines():
                name, _, value = line.partition(": ")
                if name == "id":
                    self.ids.append(value)
                elif name == "event":
                    self.names.append(value)
                elif name == "data" and not self.names:
                    self.events.append(json.loads(value))
        except (httpx.HTTPError, httpx.StreamError):
            pass
        self.is_over = True

    def titles(self) -> list[str]:
        return [each["data"]["object"]["properties"]["title"] for each in self.events]

    def wait(self, is_so: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not is_so():
            assert time.monotonic() < deadline, (self.events, self.names, self.ids)
            time.sleep(0.02)


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    return make_cast()


@pytest.fixture
def streams(feed_address: str) -> Callable[..., Any]:
    @contextmanager
    def open_stream(user: User | None = None, query: str = "", **headers: str) -> Iterator[Reader]:
        cookies = {name: morsel.value for name, morsel in signed_in(user).cookies.items()} if user is not None else {}
        with (
            httpx.Client(cookies=cookies, timeout=PATIENCE_S) as client,
            client.stream("GET", f"http://{feed_address}/sse/events{query}", headers=headers) as response,
        ):
            yield Reader(response)

    return open_stream


def test_everybody_is_told_of_what_is_theirs_as_it_is_numbered(cast: Cast, streams: Any) -> None:
    with streams(cast.alice) as alice, streams(cast.charlie) as charlie:
        alice.wait(lambda: len(alice.ids) == 1)
        charlie.wait(lambda: len(charlie.ids) == 1)
        rows = logged(
            new_event(organisation_id=cast.harbour.pk, title="harbour"),
            new_event(organisation_id=cast.elsewhere.pk, title="elsewhere"),
        )
        alice.wait(lambda: alice.titles() == ["harbour"])
        charlie.wait(lambda: charlie.titles() == ["elsewhere"])
        for event in alice.events + charlie.events:
            judge_event(event)
    assert alice.ids[1] == f"{head().epoch}:{rows[0].offset}"


def test_another_log_that_ends_at_the_same_number_is_noticed(
    cast: Cast, streams: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams_module, "HEARTBEAT_S", 3600)  # a beat would notice it as well
    logged(new_event(organisation_id=cast.harbour.pk))
    with streams(cast.alice) as reader:
        reader.wait(lambda: len(reader.ids) == 1)
        reader.wait(lambda: [tail.head for tail in list(_tails.values())] == [head()])
        services.begin_epoch()
        reader.wait(lambda: reader.names == ["gone"])


def test_it_goes_on_where_it_was_and_narrows(cast: Cast, streams: Any) -> None:
    logged(*[new_event(organisation_id=cast.harbour.pk, title=str(number)) for number in range(3)])
    epoch = head().epoch
    with streams(cast.alice, f"?after={epoch}:0", **{"Last-Event-ID": f"{epoch}:1"}) as reader:
        reader.wait(lambda: reader.titles() == ["1", "2"])
    with streams(cast.alice, f"?after={epoch}:0&type=watchfloor.zone.*") as none:
        with streams(cast.alice, f"?after={epoch}:0&filter=noun%20=%20'incidents'&type=watchfloor.incident.*") as all_:
            all_.wait(lambda: all_.titles() == ["0", "1", "2"])
        assert none.events == []


def test_what_cannot_be_is_refused(cast: Cast, streams: Any) -> None:
    logged(new_event(), new_event())
    services.forget_before(after(days=10_000), limit=1)
    epoch = head().epoch
    refused = [
        (None, "", 401),
        (cast.alice, f"?after={epoch}:0", 410),
        (cast.alice, "?after=yesterday", 422),
        (cast.alice, "?since=1", 422),
        (cast.alice, "?filter=nothing%20=%201", 422),
    ]
    for user, query, status in refused:
        with streams(user, query) as reader:
            assert reader.status == status, query
    with streams(cast.alice, origin="https://evil.example") as reader:
        assert reader.status == 401


def test_a_revoked_key_ends_it_and_a_lost_role_shows_nothing_more(cast: Cast, streams: Any) -> None:
    headers = with_key(cast.alice, "incidents.view")
    with streams(**headers) as keyed, streams(cast.bob) as bob:
        logged(new_event(organisation_id=cast.harbour.pk, title="before"))
        keyed.wait(lambda: keyed.titles() == ["before"])
        bob.wait(lambda: bob.titles() == ["before"])
        cast.bob.assignments.all().delete()
        revoke_api_key(cast.alice.api_keys.get().pk, actor=SYSTEM, at=clock.now())
        keyed.wait(lambda: keyed.is_over)
        assert keyed.names == ["end"]
        logged(new_event(organisation_id=cast.harbour.pk, title="after"))
        bob.wait(lambda: len(bob.ids) > 1)
        time.sleep(0.5)
        assert bob.titles() == ["before"]
