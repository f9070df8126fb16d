"""What is kept in memory is a shortcut and never the truth: every change is seen by the very next batch."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module

import pytest

from apps.access import services as access
from apps.access.types import SYSTEM
from apps.assets.services import delete_asset, update_asset, update_asset_kind
from apps.assets.types import IdentifierPair
from apps.core.types import Unavailable
from apps.tracking.models import Presence, Quarantine
from apps.tracking.services import known
from apps.tracking.services.storing import Stale
from apps.tracking.types import Report
from apps.zones.services import delete_zone, update_zone
from tests.factories.access import assign, make_cast, make_organisation, make_role, make_user
from tests.factories.assets import make_asset, make_asset_kind
from tests.factories.core import NOON, after
from tests.factories.tracking import IN_SQUARE, ingest, make_fix, report
from tests.factories.zones import make_zone, square

pytestmark = pytest.mark.django_db

NAME = "mmsi:367000001"


def codes(name: str = NAME, **how: object) -> list[str]:
    return [each.code for each in ingest(Report(name, make_fix(Presence.objects.count())), **how).quarantined]  # type: ignore[arg-type]


def test_an_asset_that_was_unknown_a_moment_ago_is_known_once_it_is_made() -> None:
    assert codes() == ["unknown_asset"]
    make_asset(identifiers=[("mmsi", "367000001")])
    assert codes() == []


def test_an_asset_that_is_gone_is_unknown() -> None:
    asset = make_asset(identifiers=[("mmsi", "367000001")])
    assert codes() == []
    delete_asset(asset.pk, actor=SYSTEM, at=NOON)
    assert codes() == ["unknown_asset"]


def test_a_name_that_went_to_another_asset_means_that_one() -> None:
    first, second = make_asset(identifiers=[("mmsi", "367000001")]), make_asset()
    assert codes() == []
    update_asset(first.pk, identifiers=[], actor=SYSTEM, at=NOON)
    update_asset(second.pk, identifiers=[IdentifierPair("mmsi", "367000001")], actor=SYSTEM, at=NOON)
    assert codes() == []
    assert set(Presence.objects.values_list("asset_id", flat=True)) == {first.pk, second.pk}


def test_an_asset_taken_out_of_service_or_given_away_may_report_no_more() -> None:
    cast = make_cast()
    asset = make_asset(identifiers=[("mmsi", "367000001")], organisation=cast.harbour)
    assert codes(actor=cast.actor("alice")) == []
    update_asset(asset.pk, organisation=make_organisation(), actor=SYSTEM, at=NOON)
    assert codes(actor=cast.actor("alice")) == ["unknown_asset"]
    update_asset(asset.pk, is_active=False, actor=SYSTEM, at=NOON)
    assert codes() == ["inactive_asset"]


def test_a_right_counts_from_the_next_batch_and_to_the_last() -> None:
    cast, user = make_cast(), make_user()
    make_asset(identifiers=[("mmsi", "367000001")], organisation=cast.harbour)
    actor = replace(cast.actor("alice"), user_id=user.pk)
    assert codes(actor=actor) == ["unknown_asset"]
    given = assign(user, make_role("assets.report"), cast.harbour)
    assert codes(actor=actor) == []
    access.end_assignment(given.pk, actor=SYSTEM, at=NOON)
    assert codes(actor=actor) == ["unknown_asset"]


def test_a_kind_that_is_more_patient_makes_the_clock_so() -> None:
    kind = make_asset_kind()
    asset = make_asset(kind=kind)
    ingest(report(asset))
    update_asset_kind(kind.pk, late_after=kind.late_after * 2, actor=SYSTEM, at=NOON)
    other = make_asset(kind=kind)
    ingest(report(other))
    assert [Presence.objects.get(asset=each).due_at for each in (asset, other)] == [after(minutes=5), after(minutes=10)]


def test_zones_count_from_the_next_batch_and_to_the_last() -> None:
    asset, zone = make_asset(), make_zone(area=square(40, 40))
    seen = []
    for minutes, change in enumerate((None, "moved", "gone")):
        if change == "moved":
            update_zone(zone.pk, area=square(), actor=SYSTEM, at=NOON)
        if change == "gone":
            delete_zone(zone.pk, actor=SYSTEM, at=NOON)
        ingest(report(asset, minutes, IN_SQUARE))
        seen.append(Presence.objects.get().zone_ids)
    assert seen == [[], [zone.pk], []]


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "MOST_NAMES", 3)
    monkeypatch.setattr(known, "MOST_ACTORS", 1)
    asset = make_asset(identifiers=[("mmsi", "367000001")])
    ingest(*(Report(f"mmsi:{number}", make_fix()) for number in range(10)))
    assert ingest(report(asset), Report("mmsi:5", make_fix())).stored == 1
    assert len(known.known()._assets) <= 10


def test_whoever_changes_things_without_end_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise Stale

    monkeypatch.setattr(import_module("apps.tracking.services.ingest"), "store", never)
    with pytest.raises(Unavailable):
        ingest(report(make_asset()))
    assert not Quarantine.objects.exists()
