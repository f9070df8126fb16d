"""Two people at once: the database decides, and the loser is told in our words."""

from __future__ import annotations

import pytest

from apps.access.types import SYSTEM
from apps.assets import services
from apps.assets.models import Asset, AssetKind, Identifier
from apps.core.types import Conflict, Invalid, NotFound, VersionConflict
from tests.factories.assets import make_asset, make_asset_kind, make_device
from tests.factories.core import after
from tests.factories.races import rival_waits_for

pytestmark = pytest.mark.django_db(transaction=True)


def test_two_assets_want_one_identifier() -> None:
    kind = make_asset_kind()
    with rival_waits_for(lambda: make_asset("Second", kind=kind, identifiers=[("mmsi", "367000001")])) as rival:
        make_asset("First", kind=kind, identifiers=[("mmsi", "367000001")])
    assert isinstance(rival.outcome, Conflict)
    assert rival.outcome.code == "identifier_taken"
    assert [each.asset.name for each in Identifier.objects.all()] == ["First"]
    assert [each.name for each in Asset.objects.all()] == ["First"]


def test_a_device_is_added_twice() -> None:
    first, second = make_asset(), make_asset()
    with rival_waits_for(lambda: make_device(second, "tracker-1")) as rival:
        make_device(first, "tracker-1")
    assert isinstance(rival.outcome, Conflict)
    assert rival.outcome.code == "device_taken"


def test_a_schema_is_tightened_while_an_asset_is_written_under_it() -> None:
    kind = make_asset_kind()
    with rival_waits_for(lambda: make_asset(kind=kind, attributes={})) as rival:
        services.update_asset_kind(kind.pk, attributes_schema={"required": ["flag"]}, actor=SYSTEM, at=after(1))
    assert isinstance(rival.outcome, Invalid)
    assert not Asset.objects.exists()


def test_an_asset_is_written_while_its_schema_is_tightened() -> None:
    kind = make_asset_kind()

    def tighten() -> AssetKind:
        return services.update_asset_kind(kind.pk, attributes_schema={"required": ["a"]}, actor=SYSTEM, at=after(1))

    with rival_waits_for(tighten) as rival:
        make_asset(kind=kind, attributes={})
    assert isinstance(rival.outcome, Conflict)
    assert rival.outcome.code == "attributes_break_schema"
    assert AssetKind.objects.get().attributes_schema == {}


def test_a_kind_is_deleted_while_an_asset_of_it_is_made() -> None:
    kind = make_asset_kind()
    with rival_waits_for(lambda: services.delete_asset_kind(kind.pk, actor=SYSTEM, at=after(1))) as rival:
        make_asset(kind=kind)
    assert isinstance(rival.outcome, Conflict)
    assert rival.outcome.code == "in_use"


def test_an_asset_of_a_kind_is_made_while_the_kind_is_deleted() -> None:
    kind = make_asset_kind()
    with rival_waits_for(lambda: make_asset(kind=kind)) as rival:
        services.delete_asset_kind(kind.pk, actor=SYSTEM, at=after(1))
    assert isinstance(rival.outcome, Invalid)
    assert not Asset.objects.exists()


def test_two_people_change_the_version_that_both_read() -> None:
    asset = make_asset("Tug")

    def rename() -> Asset:
        return services.update_asset(asset.pk, name="Second", actor=SYSTEM, at=after(2), expected_version=1)

    with rival_waits_for(rename) as rival:
        services.update_asset(asset.pk, name="First", actor=SYSTEM, at=after(1), expected_version=1)
    assert isinstance(rival.outcome, VersionConflict)
    assert Asset.objects.get().name == "First"


def test_an_asset_is_changed_while_it_is_deleted() -> None:
    asset = make_asset()
    with rival_waits_for(lambda: services.update_asset(asset.pk, name="x", actor=SYSTEM, at=after(2))) as rival:
        services.delete_asset(asset.pk, actor=SYSTEM, at=after(1))
    assert isinstance(rival.outcome, NotFound)
