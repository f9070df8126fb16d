"""Two senders at once, on connections of their own: nothing is lost, nothing is doubled, nobody waits in a circle."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from apps.events.models import Event
from apps.tracking.models import Position, Presence, Stay
from apps.tracking.services import existing_partitions, look_at_presences, maintain_partitions
from apps.tracking.types import IngestResult
from tests.factories.assets import make_asset
from tests.factories.core import NOON, after
from tests.factories.races import rival_waits_for
from tests.factories.tracking import FAR_AWAY, IN_SQUARE, follow, ingest, report
from tests.factories.zones import make_zone

pytestmark = pytest.mark.django_db(transaction=True)

STORED = IngestResult(stored=1, duplicate=0)
DUPLICATE = IngestResult(stored=0, duplicate=1)


def found() -> list[tuple[str, str]]:
    rows = Event.objects.filter(noun="positions").order_by("seq").values_list("data", flat=True)
    return [
        (row["object"]["properties"]["finding"], row["object"]["properties"]["effective_at"][14:16]) for row in rows
    ]


def test_the_same_fix_from_two_at_once_is_stored_and_found_once() -> None:
    asset, _ = make_asset(), make_zone()
    follow(asset, [(0, FAR_AWAY)])
    fix = report(asset, 1, IN_SQUARE)
    with rival_waits_for(lambda: ingest(fix)) as rival:
        assert ingest(fix) == STORED
    assert (rival.outcome, Position.objects.count(), found()) == (DUPLICATE, 2, [("entered", "01")])


def test_who_waited_goes_on_from_what_the_other_left() -> None:
    """The presence that a statement returns is the locked one, not the one of its snapshot."""
    asset, _ = make_asset(), make_zone()
    follow(asset, [(0, FAR_AWAY)])
    with rival_waits_for(lambda: ingest(report(asset, 2))) as rival:
        ingest(report(asset, 1, IN_SQUARE))
    assert rival.outcome == STORED
    assert found() == [("entered", "01"), ("left", "02")]
    assert Stay.objects.values_list("entered_at", "left_at").get() == (after(minutes=1), after(minutes=2))


def test_who_comes_second_with_an_older_fix_is_late() -> None:
    asset, _ = make_asset(), make_zone()
    follow(asset, [(0, FAR_AWAY)])
    with rival_waits_for(lambda: ingest(report(asset, 1, IN_SQUARE), received_at=after(minutes=2))) as rival:
        ingest(report(asset, 2))
    assert (rival.outcome, Presence.objects.get().fixed_at) == (STORED, after(minutes=2))
    assert found() == [("entered", "01"), ("left", "02")]


def test_a_partition_that_is_made_for_a_fix_on_its_way_is_nothing_unforeseen(caplog: pytest.LogCaptureFixture) -> None:
    asset = make_asset()
    follow(asset, [(0, FAR_AWAY)])
    try:
        with rival_waits_for(lambda: ingest(report(asset, 1))) as rival:
            made = maintain_partitions(NOON)
        assert (rival.outcome, made.moved, Position.objects.count()) == (STORED, 1, 2)
        assert "unforeseen" not in caplog.text
    finally:
        with connection.cursor() as cursor:
            for partition in existing_partitions():
                cursor.execute(f"DROP TABLE {partition.name}")


def test_a_first_report_from_two_at_once_enters_once() -> None:
    asset, _ = make_asset(), make_zone()
    together([lambda: ingest(report(asset, 0, IN_SQUARE)), lambda: ingest(report(asset, 0, IN_SQUARE))])
    assert (Position.objects.count(), found()) == (1, [("entered", "00")])


def test_the_clock_leaves_what_a_sender_has_in_hand() -> None:
    asset = make_asset()
    ingest(report(asset))
    outcomes: list[Any] = []

    def look() -> None:
        outcomes.append(look_at_presences(after(minutes=20)))
        connection.close()

    with rival_waits_for(lambda: None):
        ingest(report(asset, 19))
        clock = threading.Thread(target=look)
        clock.start()
        clock.join(60)
    assert (outcomes, found(), Presence.objects.get().connectivity) == ([0], [], "online")


def test_many_senders_in_every_order_lose_and_double_nothing() -> None:
    assets = [make_asset() for _ in range(12)]
    make_zone()
    track = [(minutes, IN_SQUARE if minutes % 3 else FAR_AWAY) for minutes in range(8)]
    at = after(minutes=8)

    def send(sender: int) -> Callable[[], object]:
        def run() -> None:
            order = assets if sender % 2 else assets[::-1]
            for minutes, place in track[sender % 3 :] + track[: sender % 3]:
                ingest(*(report(asset, minutes, place) for asset in order), received_at=at)

        return run

    assert together([send(sender) for sender in range(6)]) == [None] * 6
    assert Position.objects.count() == len(assets) * len(track)
    told = {
        asset.pk: list(
            Stay.objects.filter(asset_id=asset.pk).order_by("entered_at").values_list("entered_at", "left_at")
        )
        for asset in assets
    }
    expected = [(after(minutes=1), after(minutes=3)), (after(minutes=4), after(minutes=6)), (after(minutes=7), None)]
    assert told == {asset.pk: expected for asset in assets}


def together(works: list[Callable[[], object]]) -> list[Any]:
    """Do all at once, each on a connection of its own; return what each raised."""
    raised: list[Any] = [None] * len(works)
    barrier = threading.Barrier(len(works))

    def run(number: int) -> None:
        barrier.wait()
        try:
            works[number]()
        except Exception as error:  # noqa: BLE001  the test looks at it
            raised[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return raised
