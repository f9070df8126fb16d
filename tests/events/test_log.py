"""Publishing and numbering: what is committed gets the next offset, once, without gaps, and never changes again."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, connections, transaction

from apps.access.types import SYSTEM, Actor, ActorKind
from apps.core import clock, redis
from apps.core.ids import new_id
from apps.events import queries, services
from apps.events.models import Epoch, Event
from apps.events.types import Cursor, CursorGone, NewEvent
from tests.factories.core import NOON, after
from tests.factories.events import UPDATED, logged, new_event, publish

pytestmark = pytest.mark.django_db


def offsets() -> list[int | None]:
    return list(Event.objects.order_by("seq").values_list("offset", flat=True))


def test_a_published_event_says_who_what_and_when() -> None:
    actor = Actor(kind=ActorKind.USER, label="Alice", user_id=new_id())
    event = new_event()
    [row] = publish(event, actor=actor)
    assert (row.type, row.noun, row.object_id, row.organisation_id) == (
        UPDATED, "incidents", event.object_id, event.organisation_id,
    )  # fmt: skip
    assert (row.actor_id, row.actor_label, row.occurred_at) == (actor.user_id, "Alice", NOON)
    assert row.data == {"change": "updated", "object": event.object, "previous": None, "lifecycle": None}
    assert (row.offset, row.also, row.previous_organisation_id) == (None, [], None)


def test_events_are_written_in_order_by_one_statement(
    django_assert_num_queries: Callable[..., AbstractContextManager[Any]],
) -> None:
    events = [new_event(title=str(number)) for number in range(50)]
    with transaction.atomic(), django_assert_num_queries(1):
        services.publish(events, actor=SYSTEM, at=NOON)
    titles = [row.data["object"]["properties"]["title"] for row in Event.objects.order_by("seq")]
    assert titles == [str(number) for number in range(50)]


def test_a_type_that_nobody_described_is_not_published() -> None:
    event = new_event()
    unknown = NewEvent(
        type="watchfloor.ghost.seen.v1",
        noun=event.noun,
        object_id=event.object_id,
        organisation_id=event.organisation_id,
        change=event.change,
        object=None,
    )
    with pytest.raises(LookupError, match="ghost"):
        services.publish([unknown], actor=SYSTEM, at=NOON)
    assert Event.objects.count() == 0


def test_the_relay_numbers_without_gaps_and_only_once() -> None:
    publish(new_event(), new_event(), new_event())
    assert services.relay(NOON) == 3
    publish(new_event())
    assert services.relay(NOON) == 1
    assert services.relay(NOON) == 0
    assert offsets() == [1, 2, 3, 4]
    assert queries.head().offset == 4


def test_a_batch_is_as_large_as_it_may_be() -> None:
    publish(*[new_event() for _ in range(5)])
    assert [services.number_pending(2) for _ in range(4)] == [2, 2, 1, 0]
    assert offsets() == [1, 2, 3, 4, 5]


def test_a_numbered_batch_is_announced_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[str] = []
    monkeypatch.setattr(redis, "ring", rung.append)
    publish(*[new_event() for _ in range(3)])
    services.relay(NOON)
    services.relay(NOON)
    assert rung == ["events"]


@pytest.mark.parametrize(
    "change",
    ["type = 'x'", "data = '{}'", "occurred_at = now()", "organisation_id = gen_random_uuid()", '"offset" = 9'],
)
def test_the_database_keeps_an_event_as_it_was_written(change: str) -> None:
    [row] = logged(new_event())
    with pytest.raises(IntegrityError, match="never changes"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE events_event SET {change} WHERE seq = %s", [row.seq])
    kept = Event.objects.get(seq=row.seq)
    assert (kept.type, kept.data, kept.offset) == (row.type, row.data, 1)


def test_what_is_forgotten_is_the_beginning() -> None:
    logged(*[new_event() for _ in range(5)])
    assert services.forget_before(after(days=-1)) == 0
    assert services.forget_before(after(days=10_000), limit=2) == 2
    assert offsets() == [3, 4, 5]
    assert (queries.earliest().offset, queries.head().offset) == (2, 5)


def test_what_waits_for_its_number_is_not_forgotten() -> None:
    publish(new_event())
    assert services.forget_before(after(days=10_000)) == 0
    assert offsets() == [None]


def test_a_cursor_can_be_resumed_while_the_log_reaches_back_to_it() -> None:
    logged(*[new_event() for _ in range(4)])
    services.forget_before(after(days=10_000), limit=2)
    epoch = queries.head().epoch
    for offset in (2, 3, 4):
        queries.require_resumable(Cursor(epoch=epoch, offset=offset))
    for gone in (Cursor(epoch=epoch, offset=1), Cursor(epoch=epoch, offset=5), Cursor(epoch=new_id(), offset=3)):
        with pytest.raises(CursorGone) as refusal:
            queries.require_resumable(gone)
        assert refusal.value.details == {"earliest": f"{epoch}:2"}


def test_the_clock_forgets_nothing_unless_told_how_far_the_log_reaches_back(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged(*[new_event() for _ in range(5)])
    late = clock.now() + timedelta(days=2)
    assert (services.forget_old(late), Event.objects.count()) == (0, 5)
    settings.WATCHFLOOR = replace(settings.WATCHFLOOR, event_retention=timedelta(days=3))
    assert (services.forget_old(late), Event.objects.count()) == (0, 5)
    settings.WATCHFLOOR = replace(settings.WATCHFLOOR, event_retention=timedelta(days=1))
    batches: list[int] = []

    def forget(cutoff: datetime) -> int:
        batches.append(forget_before(cutoff, limit=2))
        return batches[-1]

    forget_before = services.forget_before
    monkeypatch.setattr(services.log, "forget_before", forget)
    assert (services.forget_old(late), batches, Event.objects.count()) == (5, [2, 2, 1, 0], 0)


def test_a_new_epoch_ends_every_cursor() -> None:
    logged(new_event())
    before = queries.head()
    services.begin_epoch()
    with pytest.raises(CursorGone):
        queries.require_resumable(before)
    assert queries.head().offset == before.offset


def test_an_operator_keeps_the_log_short_and_begins_a_new_epoch() -> None:
    logged(*[new_event() for _ in range(3)])
    said = io.StringIO()
    call_command("forget_events", days=1, stdout=said)
    before = queries.head()
    call_command("begin_epoch", stdout=said)
    assert said.getvalue() == f"0 events forgotten.\nEpoch {queries.head().epoch} begins.\n"
    assert before.epoch != queries.head().epoch
    with pytest.raises(CommandError):
        call_command("forget_events", days=0)


def test_the_lag_says_how_many_wait_and_for_how_long() -> None:
    assert queries.relay_lag(NOON).waiting == 0
    [row, _] = publish(new_event(), new_event())
    lag = queries.relay_lag(row.recorded_at + (after(3) - NOON))
    assert (lag.waiting, lag.oldest) == (2, after(3) - NOON)


@pytest.mark.django_db(transaction=True)
def test_a_late_commit_gets_a_later_offset() -> None:
    """Who wrote first and committed last comes last: a reader that has passed its place would miss it otherwise."""
    has_written, may_commit = threading.Event(), threading.Event()

    def write_early_commit_late() -> None:
        with transaction.atomic():
            publish(new_event(title="early"))
            has_written.set()
            may_commit.wait(60)

    slow = start(write_early_commit_late)
    assert has_written.wait(60)
    publish(new_event(title="late"))
    services.relay(NOON)
    seen = [row.data["object"]["properties"]["title"] for row in queries.events_after(0, 10)]
    may_commit.set()
    finish(slow)
    services.relay(NOON)
    assert seen == ["late"]
    assert [(row.offset, row.data["object"]["properties"]["title"]) for row in queries.events_after(0, 10)] == [
        (1, "late"),
        (2, "early"),
    ]


@pytest.mark.django_db(transaction=True)
def test_many_relays_and_writers_number_every_row_once() -> None:
    """Whoever reads offset n could have read n - 1: seen by a reader that looks while they work."""
    writers, each = 4, 25
    seen: list[list[int | None]] = []
    is_over = threading.Event()

    def write() -> None:
        for _ in range(each):
            publish(new_event())

    def number() -> None:
        while not is_over.is_set():
            services.number_pending(7)

    def look() -> None:
        while not is_over.is_set():
            seen.append([row.offset for row in queries.events_after(0, 1000)])

    working = start(number, number, look)
    finish(start(*[write] * writers))
    is_over.set()
    finish(working)
    services.relay(NOON)
    assert [look for look in seen if look != list(range(1, len(look) + 1))] == []
    assert [row.offset for row in Event.objects.order_by("offset")] == list(range(1, writers * each + 1))
    assert Epoch.objects.get().head == writers * each


@pytest.mark.django_db(transaction=True)
def test_an_emptied_log_is_another_log() -> None:
    logged(new_event())
    before = queries.head()
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE events_event, events_epoch")
    after_it = queries.head()
    assert (before.offset, after_it.offset) == (1, 0)
    assert before.epoch != after_it.epoch


def start(*works: Callable[[], None]) -> list[threading.Thread]:
    """Start each piece of work in a thread with a database connection of its own."""

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    return threads


def finish(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.join(60)
