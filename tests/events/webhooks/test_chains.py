"""What waits of one subject is taken in hand together: still one after another, and the next only when one is taken."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from types import SimpleNamespace
from uuid import UUID

import pytest
from django.db.models import F

from apps.core import clock
from apps.core.ids import new_id
from apps.events import jobs, services
from apps.events.models import Delivery
from apps.events.services.delivering import Message, Result, claim, is_anything_due, is_overdue, lease, settle
from tests.factories.access import Cast, make_cast
from tests.factories.events import logged, new_event
from tests.factories.webhooks import Received, Receiver, make_webhook

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def owe(cast: Cast, count: int, *, subjects: Sequence[UUID]) -> None:
    """Owe Alice so many events about each of these subjects, in turns."""
    logged(*[new_event(organisation_id=cast.harbour.pk, object_id=each) for each in list(subjects) * count])
    services.owe_events(clock.now())


def rows() -> list[tuple[str, int, bool]]:
    """Return the state of each delivery, how often it was tried, and whether it is due some time."""
    found = Delivery.objects.order_by("id").values_list("state", "attempts", "due_at")
    return [(state, attempts, due_at is not None) for state, attempts, due_at in found]


def result(message: Message, status: int) -> Result:
    return Result(message=message, sent_at=clock.now(), duration=timedelta(0), status=status)


def test_few_subjects_are_taken_in_hand_in_long_chains_and_many_in_short_ones(cast: Cast) -> None:
    make_webhook(cast.alice)
    owe(cast, 6, subjects=[new_id()])
    assert [len(claim(10, {}, each=4, at=clock.now())), Delivery.objects.filter(attempts=1).count()] == [4, 4]
    Delivery.objects.all().delete()
    owe(cast, 6, subjects=[new_id() for _ in range(4)])
    messages = claim(10, {}, each=8, at=clock.now())
    assert (len(messages), len({each.subject for each in messages})) == (8, 4)
    assert claim(10, {}, each=8, at=clock.now()) == []


def test_an_endpoint_with_a_rate_is_sent_one_at_a_time(cast: Cast) -> None:
    make_webhook(cast.alice, rate=1)
    owe(cast, 3, subjects=[new_id()])
    assert len(claim(10, {}, each=8, at=clock.now())) == 1


def test_what_is_not_taken_holds_up_those_behind_it_and_nobody_else(cast: Cast, receiver: Receiver) -> None:
    bad, good = new_id(), new_id()
    seen: list[str] = []

    def answer(got: Received) -> tuple[int, dict[str, str], bytes]:
        seen.append(got.event["subject"])
        return (500 if seen.count(f"incidents/{bad}") == 3 and seen[-1].endswith(str(bad)) else 204), {}, b""

    receiver.answer = answer
    make_webhook(cast.alice, receiver.url)
    owe(cast, 5, subjects=[bad, good])
    jobs.deliver()
    assert rows()[::2] == [("delivered", 1, False)] * 2 + [("waiting", 1, True)] + [("waiting", 0, False)] * 2
    assert rows()[1::2] == [("delivered", 1, False)] * 5
    assert not is_anything_due(clock.now())
    Delivery.objects.filter(due_at__isnull=False).update(due_at=F("due_at") - timedelta(minutes=1))
    jobs.deliver()
    told = receiver.by_subject()[f"incidents/{bad}"]
    assert (told == sorted(told), len(told), len(set(told))) == (True, 6, 5)
    assert {state for state, *_ in rows()} == {"delivered"}


def test_what_a_dead_worker_held_comes_back_from_its_first_on(cast: Cast) -> None:
    make_webhook(cast.alice)
    owe(cast, 3, subjects=[new_id()])
    at = clock.now()
    held = claim(10, {}, each=8, at=at)
    assert settle([result(held[0], 204)], at=at) == 1
    assert (claim(10, {}, each=8, at=at), len(held)) == ([], 3)
    later = at + lease()
    again = claim(10, {}, each=1, at=later)
    assert [each.delivery_id for each in again] == [held[1].delivery_id]
    # The third has outlived its lease too, and is nobody's until the second is settled.
    assert claim(10, {}, each=8, at=later) == []
    assert (is_anything_due(later), is_overdue(later + timedelta(seconds=1), timedelta(0))) == (False, False)
    assert settle([result(each, 204) for each in held[1:]], at=later) == 1
    assert settle([result(again[0], 204)], at=later) == 1
    assert [state for state, *_ in rows()] == ["delivered"] * 3


def test_workers_that_die_do_not_use_up_the_attempts_of_what_they_never_sent(cast: Cast) -> None:
    make_webhook(cast.alice)
    owe(cast, 3, subjects=[new_id()])
    at = clock.now()
    for number in range(5):
        messages = claim(10, {}, each=8, at=at + number * lease())
    assert [each.attempt for each in messages] == [5, 1, 1]
    assert settle([result(messages[0], 204)], late=messages[1:], at=at) == 3
    assert rows() == [("delivered", 5, False), ("waiting", 0, True), ("waiting", 0, False)]


def test_what_its_owner_may_not_see_any_more_leaves_a_gap_in_the_chain(cast: Cast) -> None:
    make_webhook(cast.bob)
    subject = new_id()
    owe(cast, 3, subjects=[subject])
    second = Delivery.objects.order_by("id")[1]
    Delivery.objects.filter(pk=second.pk).update(event_offset=10_000)  # forgotten by now
    messages = claim(10, {}, each=8, at=clock.now())
    assert [each.delivery_id for each in messages] == [second.pk - 1, second.pk + 1]
    assert [state for state, *_ in rows()] == ["waiting", "withheld", "waiting"]


def test_a_chain_ends_after_a_while_so_that_it_is_settled_soon(
    cast: Cast, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed = [0.0]

    def answer(_: Received) -> tuple[int, dict[str, str], bytes]:
        passed[0] += 0.06
        return 204, {}, b""

    receiver.answer = answer
    monkeypatch.setattr(jobs, "time", SimpleNamespace(monotonic=lambda: passed[0]))
    monkeypatch.setattr(jobs, "CHAIN_SECONDS", 0.1)
    make_webhook(cast.alice, receiver.url)
    owe(cast, 6, subjects=[new_id()])
    monkeypatch.setattr(jobs, "RUN_SECONDS", 0.05)
    assert jobs.deliver() == 2
    assert rows() == [("delivered", 1, False)] * 2 + [("waiting", 0, True)] + [("waiting", 0, False)] * 3
    while jobs.deliver():
        pass
    [told] = receiver.by_subject().values()
    assert (told, len(told)) == (sorted(set(told)), 6)


def test_what_was_put_off_and_is_taken_in_hand_behind_another_counts_one_attempt(cast: Cast) -> None:
    make_webhook(cast.alice)
    owe(cast, 2, subjects=[new_id()])
    # As it stands when it was due some time, and nobody has tried it: a replay puts another one before it.
    Delivery.objects.update(due_at=clock.now())
    messages = claim(10, {}, each=4, at=clock.now())
    assert [message.attempt for message in messages] == [1, 1]
    settle([], late=messages, at=clock.now())
    assert [attempts for _, attempts, _ in rows()] == [0, 0]
