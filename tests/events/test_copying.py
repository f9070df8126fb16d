"""The log outside: on a stream, and once more on standard output or for a webhook."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.core import clock
from apps.core.redis import client
from apps.events import services
from apps.events.models import Delivery, StreamCursor
from apps.events.queries import earliest, head
from apps.events.services.copying import RedisStream, copy_batch
from tests.factories.access import Cast, make_cast
from tests.factories.events import logged, new_event
from tests.factories.webhooks import make_webhook

pytestmark = pytest.mark.django_db
STREAM = "tests-events"


@pytest.fixture
def stream(settings: Any) -> Iterator[str]:
    settings.WATCHFLOOR = replace(settings.WATCHFLOOR, event_stream=STREAM)
    client().delete(STREAM)
    yield STREAM
    client().delete(STREAM)


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def test_what_is_new_is_copied_once_in_order(stream: str) -> None:
    logged(new_event())
    assert services.copy_events(clock.now()) == 0
    rows = logged(new_event(title="one"), new_event(title="two"))
    assert (services.copy_events(clock.now()), services.copy_events(clock.now())) == (2, 0)
    entries: Any = client().xrange(stream)
    assert [entry[b"sequence"].decode() for _, entry in entries] == [f"{row.offset:020d}" for row in rows]
    told = [json.loads(entry[b"event"]) for _, entry in entries]
    assert [each["data"]["object"]["properties"]["title"] for each in told] == ["one", "two"]
    assert StreamCursor.objects.get().offset == head().offset


def test_a_stream_that_fails_is_told_again(stream: str, monkeypatch: pytest.MonkeyPatch) -> None:
    copy_batch(RedisStream(stream))
    logged(new_event(), new_event())

    def fail(*_: Any) -> None:
        raise ConnectionError

    with monkeypatch.context() as broken:
        broken.setattr(RedisStream, "append", fail)
        with pytest.raises(ConnectionError):
            copy_batch(RedisStream(stream))
    assert copy_batch(RedisStream(stream)) == 2


def replayed(*arguments: str) -> list[str]:
    out = StringIO()
    call_command("replay", *arguments, stdout=out)
    return [json.loads(line)["data"]["object"]["properties"]["title"] for line in out.getvalue().splitlines()]


def test_it_is_written_as_somebody_may_see_it(cast: Cast) -> None:
    logged(
        new_event(organisation_id=cast.harbour.pk, title="one"),
        new_event(organisation_id=cast.elsewhere.pk, title="two"),
        new_event(organisation_id=cast.harbour.pk, title="three"),
    )
    assert replayed("--as", "alice") == ["one", "three"]
    assert replayed("--as", "charlie") == ["two"]
    assert replayed("--as", "alice", "--after", f"{earliest().epoch}:1") == ["three"]
    assert replayed("--as", "alice", "--type", "watchfloor.zone.*") == []
    assert replayed("--as", "alice", "--since", (clock.now() + timedelta(hours=1)).isoformat()) == []
    with pytest.raises(CommandError, match="no active user"):
        replayed("--as", "nobody")


def test_it_is_owed_to_a_webhook(cast: Cast) -> None:
    logged(new_event(organisation_id=cast.harbour.pk), new_event(organisation_id=cast.elsewhere.pk))
    endpoint, _ = make_webhook(cast.alice)
    out = StringIO()
    call_command("replay", "--to", str(endpoint.pk), stdout=out)
    assert (out.getvalue().strip(), Delivery.objects.count()) == ("1 deliveries are owed.", 1)
