"""Who is meant by an identifier or a device, in a bounded number of statements."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from apps.access import services as access
from apps.access.types import SYSTEM
from apps.assets.models import Asset
from apps.assets.published import asset_feature, published_assets
from apps.assets.queries import (
    asset_refs,
    asset_shown,
    assets_by_identifier,
    assets_matching,
    device,
)
from apps.assets.types import AssetRef, AssetShown, DeviceRef, IdentifierPair
from apps.core.ids import new_id
from apps.core.types import AssetId, OrganisationId
from tests.factories.assets import make_asset, make_asset_kind, make_device
from tests.factories.core import NOON

pytestmark = pytest.mark.django_db


def ref(asset: Asset) -> AssetRef:
    return AssetRef(
        id=AssetId(asset.pk),
        organisation_id=OrganisationId(asset.organisation_id),
        kind_id=asset.kind_id,
        name=asset.name,
        late_after=asset.kind.late_after,
        lost_after=asset.kind.lost_after,
        is_active=asset.is_active,
        identifiers=tuple(f"{each.scheme}:{each.value}" for each in asset.identifiers.order_by("scheme")),
    )


def test_assets_are_found_by_what_the_outside_calls_them_in_one_statement(django_assert_num_queries: Any) -> None:
    kind = make_asset_kind(late_after=timedelta(minutes=1), lost_after=timedelta(minutes=2))
    tug = make_asset("Tug", kind=kind, identifiers=[("mmsi", "003669999"), ("imo", "9074729")])
    jet = make_asset("Jet", identifiers=[("icao24", "4ca7f2")], is_active=False)
    make_asset("Other", identifiers=[("plate", "003669999")])
    asked = [("mmsi", "3669999"), ("imo", "9074729"), ("icao24", "4CA7F2"), ("mmsi", "999999999"), ("x", "y")]
    with django_assert_num_queries(1):
        found = assets_by_identifier(asked)
    assert found == {asked[0]: ref(tug), asked[1]: ref(tug), asked[2]: ref(jet)}


def test_what_nobody_could_have_finds_nobody() -> None:
    make_device(make_asset(identifiers=[("mmsi", "367000001")]), "tracker-1")
    for text in ("a\0", "\0", "\ud800", ""):
        assert assets_by_identifier([("mmsi", text), (text, "367000001"), ("mmsi", "367000001")]).keys() == {
            ("mmsi", "367000001")
        }
        assert device("osmand", text) is None


def test_no_identifiers_find_nobody() -> None:
    make_asset(identifiers=[("mmsi", "367000001")])
    assert assets_by_identifier([]) == {}


def test_assets_are_found_by_id() -> None:
    tug, _ = make_asset("Tug"), make_asset("Other")
    assert asset_refs([tug.pk]) == {tug.pk: ref(tug)}


def test_a_device_is_found_by_protocol_and_id(django_assert_num_queries: Any) -> None:
    tug = make_asset("Tug")
    key, _ = access.create_device_key(organisation_id=tug.organisation_id, name="k", actor=SYSTEM, at=NOON)
    tracker = make_device(tug, "tracker-1", protocol="osmand", key=key)
    make_device(make_asset("Other"), "tracker-1", protocol="owntracks", is_open=True)
    with django_assert_num_queries(1):
        found = device("osmand", "tracker-1")
    assert found == DeviceRef(id=tracker.pk, asset=ref(tug), key_id=key.pk, is_open=False)
    assert device("osmand", "nobody") is None


def test_assets_come_with_their_identifiers_in_one_statement(django_assert_num_queries: Any) -> None:
    tug = make_asset(identifiers=[("mmsi", "367000001"), ("imo", "9074729")])
    barge, bare = make_asset(identifiers=[("mmsi", "367000002")]), make_asset()
    with django_assert_num_queries(1):
        found = asset_refs([tug.pk, barge.pk, bare.pk])
    assert {pk: ref.identifiers for pk, ref in found.items()} == {
        tug.pk: ("imo:9074729", "mmsi:367000001"),
        barge.pk: ("mmsi:367000002",),
        bare.pk: (),
    }


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({}, {"Tug", "Barge", "Jet"}),
        ({"kind": "vessel"}, {"Tug", "Barge"}),
        ({"kind": "nothing"}, set()),
        ({"is_active": False}, {"Barge"}),
        ({"q": "tu"}, {"Tug"}),
        ({"q": "4ca"}, {"Jet"}),
        ({"q": "%"}, set()),
        ({"identifier": IdentifierPair("MMSI", "3669999")}, {"Tug"}),
        ({"kind": "vessel", "is_active": True}, {"Tug"}),
    ],
)
def test_lists_are_narrowed_by_every_condition(conditions: Any, expected: set[str]) -> None:
    vessel = make_asset_kind("vessel")
    make_asset("Tug", kind=vessel, identifiers=[("mmsi", "003669999")])
    make_asset("Barge", kind=vessel, is_active=False)
    make_asset("Jet", identifiers=[("icao24", "4ca7f2")])
    assert {each.name for each in assets_matching(Asset.objects.all(), **conditions)} == expected


SHOWN: dict[str, dict[str, Any]] = {
    "plain": {},
    "with all it can have": {
        "attributes": {"length_m": 28.5, "name": '\u00fc"', "none": None, "of": [1, {"deep": True}]},
        "identifiers": [("plate", "B-AB 1"), ("mmsi", "367000002"), ("mmsi", "367000001")],
        "is_active": False,
    },
}


@pytest.mark.parametrize("parts", SHOWN, ids=str)
def test_an_asset_is_shown_by_its_statement_as_by_the_orm(parts: str) -> None:
    pk = make_asset("Tug", **SHOWN[parts]).pk
    make_asset("Other", identifiers=[("mmsi", "367000003")])
    row = published_assets().get(pk=pk)
    assert asset_shown(pk) == AssetShown(
        feature=asset_feature(row), recorded_at=row.recorded_at, changed_at=row.changed_at
    )


def test_an_asset_that_is_not_there_is_not_shown() -> None:
    make_asset()
    assert asset_shown(new_id()) is None
