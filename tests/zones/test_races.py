"""Two people at once, and many threads over one index."""

from __future__ import annotations

import threading
from uuid import UUID

import pytest

from apps.access.types import SYSTEM
from apps.core.types import Conflict, Invalid, NotFound, VersionConflict
from apps.zones import services
from apps.zones.models import Zone, ZoneVersion
from apps.zones.queries import zone_index
from tests.factories.core import NOON, after
from tests.factories.races import rival_waits_for
from tests.factories.zones import make_zone, make_zone_kind, square

pytestmark = pytest.mark.django_db(transaction=True)


def test_two_people_change_the_version_that_both_read() -> None:
    zone = make_zone("Depot")

    def rename() -> Zone:
        return services.update_zone(zone.pk, name="Second", actor=SYSTEM, at=after(2), expected_version=1)

    with rival_waits_for(rename) as rival:
        services.update_zone(zone.pk, name="First", actor=SYSTEM, at=after(1), expected_version=1)
    assert isinstance(rival.outcome, VersionConflict)
    assert [version.name for version in ZoneVersion.objects.order_by("version")] == ["Depot", "First"]


def test_a_kind_is_deleted_while_a_zone_of_it_is_made() -> None:
    kind = make_zone_kind()
    with rival_waits_for(lambda: services.delete_zone_kind(kind.pk, actor=SYSTEM, at=after(1))) as rival:
        make_zone(kind=kind)
    assert isinstance(rival.outcome, Conflict)
    assert rival.outcome.code == "in_use"


def test_a_zone_of_a_kind_is_made_while_the_kind_is_deleted() -> None:
    kind = make_zone_kind()
    with rival_waits_for(lambda: make_zone(kind=kind)) as rival:
        services.delete_zone_kind(kind.pk, actor=SYSTEM, at=after(1))
    assert isinstance(rival.outcome, Invalid)
    assert not Zone.objects.exists()


def test_a_zone_is_changed_while_it_is_deleted() -> None:
    zone = make_zone()
    with rival_waits_for(lambda: services.update_zone(zone.pk, name="x", actor=SYSTEM, at=after(2))) as rival:
        services.delete_zone(zone.pk, actor=SYSTEM, at=after(1))
    assert isinstance(rival.outcome, NotFound)


def test_a_change_that_is_not_committed_is_seen_by_nobody_else() -> None:
    make_zone("Depot")
    committed = zone_index()
    with rival_waits_for(lambda: len(zone_index())) as rival:
        make_zone("Pier", area=square(5, 5))
        assert len(zone_index()) == 2
    assert rival.outcome == 1
    assert zone_index().version != committed.version
    assert len(zone_index()) == 2


def test_many_threads_ask_a_new_index_at_once() -> None:
    kind = make_zone_kind()
    for number in range(40):
        make_zone(area=square(number % 5, number // 5, size=1.5), kind=kind)
    index = zone_index()
    columns = [number / 7 % 6 for number in range(500)], [number / 11 % 9 for number in range(500)]
    alone = index.zones_hit(*columns, [None] * 500, [None] * 500, [NOON] * 500)
    found: list[object] = []
    barrier = threading.Barrier(8)

    def ask() -> None:
        barrier.wait()
        found.append(index.zones_hit(*columns, [None] * 500, [None] * 500, [NOON] * 500))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [alone] * 8
    assert index.find(next(iter(index.refs())).id) is not None
    assert isinstance(next(iter(index.refs())).id, UUID)
