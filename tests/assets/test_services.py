"""What changing assets does: rows, events, refusals. Each refusal leaves everything as it was."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from apps.access import services as access
from apps.access.types import SYSTEM, Actor
from apps.assets import services
from apps.assets.models import Asset, AssetKind, Device, Identifier
from apps.assets.published import asset_feature, asset_features, published_assets
from apps.assets.types import IdentifierPair
from apps.core.types import Conflict, Invalid, NotAllowed, NotFound, VersionConflict, WatchfloorError
from apps.events.models import Event
from apps.events.rules import feature_object
from tests.factories.access import Cast, make_cast, make_organisation
from tests.factories.assets import make_asset, make_asset_kind, make_device
from tests.factories.core import NOON, after

pytestmark = pytest.mark.django_db

VESSEL = {"type": "object", "properties": {"length_m": {"type": "number"}}, "required": ["length_m"]}


def events_of(noun: str) -> list[Event]:
    return list(Event.objects.filter(noun=noun).order_by("seq"))


def everything() -> list[Any]:
    """Return all rows that a refused change might have touched."""
    return [list(model.objects.order_by("pk").values()) for model in (AssetKind, Asset, Identifier, Device, Event)]


def test_a_new_asset_is_stored_and_told() -> None:
    organisation, kind = make_organisation(), make_asset_kind("vessel", attributes_schema=VESSEL)
    asset = services.create_asset(
        name=" Tug 7 ",
        kind=kind,
        organisation=organisation,
        attributes={"length_m": 28.5},
        identifiers=[IdentifierPair("MMSI", "3669999")],
        actor=SYSTEM,
        at=NOON,
    )
    properties = {
        "name": "Tug 7",
        "kind": "vessel",
        "is_active": True,
        "attributes": {"length_m": 28.5},
        "identifiers": [{"scheme": "mmsi", "value": "003669999"}],
        "state": None,
        "state_category": None,
    }
    (event,) = events_of("assets")
    assert (event.type, event.object_id, event.organisation_id) == (
        "watchfloor.asset.created.v1",
        asset.pk,
        organisation.pk,
    )
    assert event.data == {
        "change": "created",
        "object": {
            "id": str(asset.pk),
            "organisation_id": str(organisation.pk),
            "version": 1,
            "geometry": None,
            "properties": properties,
        },
        "previous": None,
        "lifecycle": None,
    }


def test_a_change_raises_the_version_and_tells_before_and_after() -> None:
    asset = make_asset("Tug", identifiers=[("mmsi", "367000001"), ("imo", "9074729")])
    before = feature_object(asset_feature(asset))
    changed = services.update_asset(
        asset.pk,
        name="Tug 8",
        identifiers=[IdentifierPair("mmsi", "367000001"), IdentifierPair("callsign", "WDA1")],
        actor=SYSTEM,
        at=after(5),
        expected_version=1,
    )
    assert (changed.version, changed.changed_at) == (2, after(5))
    assert set(Identifier.objects.values_list("scheme", "value")) == {("mmsi", "367000001"), ("callsign", "WDA1")}
    event = events_of("assets")[-1]
    assert (event.type, event.data["previous"], event.data["object"]) == (
        "watchfloor.asset.updated.v1",
        before,
        feature_object(asset_feature(changed)),
    )


def test_nothing_to_change_is_no_change() -> None:
    asset = make_asset("Tug", identifiers=[("mmsi", "367000001")])
    before = everything()
    services.update_asset(
        asset.pk, name="Tug ", identifiers=[IdentifierPair("mmsi", "367000001")], actor=SYSTEM, at=after(5)
    )
    assert everything() == before


def test_an_asset_that_moves_tells_whose_it_was() -> None:
    asset, new_owner = make_asset(), make_organisation()
    old_owner = asset.organisation_id
    services.update_asset(asset.pk, organisation=new_owner, actor=SYSTEM, at=after(5))
    event = events_of("assets")[-1]
    assert (event.organisation_id, event.previous_organisation_id) == (new_owner.pk, old_owner)


def test_a_deleted_asset_takes_its_parts_along_and_is_told() -> None:
    asset = make_asset("Tug", identifiers=[("mmsi", "367000001")])
    make_device(asset)
    kept = make_asset("Barge", identifiers=[("mmsi", "367000002")])
    services.delete_asset(asset.pk, actor=SYSTEM, at=after(5))
    assert [each.name for each in Asset.objects.all()] == ["Barge"]
    assert [each.asset_id for each in Identifier.objects.all()] == [kept.pk]
    assert not Device.objects.exists()
    event = events_of("assets")[-1]
    assert (event.type, event.data["object"], event.data["previous"]["properties"]["name"]) == (
        "watchfloor.asset.deleted.v1",
        None,
        "Tug",
    )


def test_old_snapshot_and_events_make_the_new_snapshot() -> None:
    def snapshot() -> dict[str, Any]:
        return {str(each.id): feature_object(each) for each in asset_features(published_assets())}

    tug, barge = make_asset("Tug"), make_asset("Barge", identifiers=[("mmsi", "367000002")])
    state, last = snapshot(), Event.objects.order_by("-seq").values_list("seq", flat=True)[0]
    services.update_asset(tug.pk, attributes={"a": 1}, actor=SYSTEM, at=after(1))
    services.add_device(tug.pk, protocol="osmand", device_id="x", actor=SYSTEM, at=after(2))
    services.update_asset_kind(tug.kind_id, name="Renamed", actor=SYSTEM, at=after(3))
    services.delete_asset(barge.pk, actor=SYSTEM, at=after(4))
    make_asset("Ferry")
    for event in Event.objects.filter(noun="assets", seq__gt=last).order_by("seq"):
        state.pop(str(event.object_id), None)
        if event.data["object"]:
            state[str(event.object_id)] = event.data["object"]
    assert state == snapshot()


def test_an_identifier_belongs_to_one_asset_and_the_refusal_names_it_to_whoever_may_see_it() -> None:
    cast = make_cast()
    make_asset("Tug", organisation=cast.harbour, identifiers=[("mmsi", "367000001")])
    kind = make_asset_kind()
    wanted = [IdentifierPair("imo", "9074729"), IdentifierPair("mmsi", "367000001")]
    for name, detail in (("alice", "mmsi 367000001 belongs to Tug."), ("charlie", "belongs to another asset.")):
        organisation = cast.harbour if name == "alice" else cast.elsewhere
        before = everything()
        with pytest.raises(Conflict) as refused:
            services.create_asset(
                name="Thief",
                kind=kind,
                organisation=organisation,
                identifiers=wanted,
                actor=cast.actor(name),
                at=NOON,
            )
        assert refused.value.code == "identifier_taken"
        assert [(error.pointer, error.code) for error in refused.value.errors] == [("/identifiers/1/value", "taken")]
        assert refused.value.errors[0].detail.endswith(detail)
        assert everything() == before


def test_attributes_meet_the_schema_of_the_kind() -> None:
    kind = make_asset_kind(attributes_schema=VESSEL)
    with pytest.raises(Invalid) as refused:
        make_asset(kind=kind, attributes={"length_m": "long"})
    assert [(error.pointer, error.code) for error in refused.value.errors] == [("/attributes/length_m", "schema_type")]


def test_an_asset_that_changes_its_kind_is_judged_by_the_new_one() -> None:
    asset = make_asset(attributes={"length_m": "long"})
    with pytest.raises(Invalid):
        services.update_asset(asset.pk, kind=make_asset_kind(attributes_schema=VESSEL), actor=SYSTEM, at=NOON)
    assert Asset.objects.get().kind_id == asset.kind_id


def test_a_schema_that_an_asset_does_not_meet_is_refused() -> None:
    kind = make_asset_kind()
    good, bad = make_asset(kind=kind, attributes={"length_m": 3}), make_asset(kind=kind)
    make_asset(attributes={})  # of another kind, which the schema does not judge
    with pytest.raises(Conflict) as refused:
        services.update_asset_kind(kind.pk, attributes_schema=VESSEL, actor=SYSTEM, at=after(5))
    assert (refused.value.code, refused.value.details) == (
        "attributes_break_schema",
        {"count": 1, "assets": [str(bad.pk)]},
    )
    services.update_asset(bad.pk, attributes={"length_m": 4}, actor=SYSTEM, at=after(6))
    assert services.update_asset_kind(kind.pk, attributes_schema=VESSEL, actor=SYSTEM, at=after(7)).version == 2
    assert Asset.objects.get(pk=good.pk).attributes == {"length_m": 3}


def test_a_kind_in_use_is_not_deleted() -> None:
    asset = make_asset()
    before = everything()
    with pytest.raises(Conflict) as refused:
        services.delete_asset_kind(asset.kind_id, actor=SYSTEM, at=after(5))
    assert refused.value.code == "in_use"
    assert everything() == before
    services.delete_asset(asset.pk, actor=SYSTEM, at=after(6))
    services.delete_asset_kind(asset.kind_id, actor=SYSTEM, at=after(7))
    assert [event.data["change"] for event in events_of("asset-kinds")] == ["created", "deleted"]


def test_a_kind_is_named_once() -> None:
    make_asset_kind("vessel")
    with pytest.raises(Conflict) as refused:
        make_asset_kind("vessel")
    assert [(error.pointer, error.code) for error in refused.value.errors] == [("/slug", "taken")]


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"name": "a\0b"},
        {"late_after": timedelta(0)},
        {"lost_after": timedelta(seconds=1)},
        {"late_after": timedelta(days=999)},
        {"attributes_schema": {"$ref": "https://example.org/"}},
    ],
)
def test_a_kind_is_judged(changes: Any) -> None:
    kind = make_asset_kind()
    before = everything()
    with pytest.raises(Invalid):
        services.update_asset_kind(kind.pk, actor=SYSTEM, at=after(5), **changes)
    assert everything() == before


def test_a_device_is_known_once_for_each_protocol() -> None:
    tug, barge = make_asset("Tug"), make_asset("Barge")
    make_device(tug, "tracker-1", protocol="osmand")
    make_device(barge, "tracker-1", protocol="owntracks")
    before = everything()
    with pytest.raises(Conflict) as refused:
        make_device(barge, "tracker-1", protocol="osmand")
    assert [(error.pointer, error.code) for error in refused.value.errors] == [("/device_id", "taken")]
    assert everything() == before


def test_a_change_of_a_device_is_a_change_of_its_asset() -> None:
    asset = make_asset()
    device = make_device(asset, "tracker-1")
    services.update_device(asset.pk, device.pk, is_open=True, actor=SYSTEM, at=after(1), expected_version=1)
    services.remove_device(asset.pk, device.pk, actor=SYSTEM, at=after(2), expected_version=2)
    assert Asset.objects.get().version == 4
    assert [event.data["change"] for event in events_of("assets")] == ["created", "updated", "updated", "updated"]


def test_a_device_key_is_of_the_owner_or_of_somebody_above() -> None:
    port = make_organisation("Port")
    desk, stranger = make_organisation("Desk", parent=port), make_organisation("Stranger")
    asset = make_asset(organisation=desk)
    keys = {
        owner.name: access.create_device_key(organisation_id=owner.pk, name="k", actor=SYSTEM, at=NOON)[0]
        for owner in (port, desk, stranger)
    }
    assert make_device(asset, "a", key=keys["Port"]).key == keys["Port"]
    assert make_device(asset, "b", key=keys["Desk"]).key == keys["Desk"]
    with pytest.raises(Invalid) as refused:
        make_device(asset, "c", key=keys["Stranger"])
    assert [(error.pointer, error.code) for error in refused.value.errors] == [("/key_id", "foreign_key")]


@pytest.mark.parametrize("change", ["name", "kind", "device", "delete"])
def test_a_version_that_has_passed_is_refused(change: str) -> None:
    asset = make_asset()
    device = make_device(asset)
    services.update_device(asset.pk, device.pk, is_open=True, actor=SYSTEM, at=NOON)
    services.update_asset_kind(asset.kind_id, icon="ship", actor=SYSTEM, at=NOON)
    stale: dict[str, Callable[[], object]] = {
        "name": lambda: services.update_asset(asset.pk, name="x", actor=SYSTEM, at=NOON, expected_version=1),
        "kind": lambda: services.update_asset_kind(asset.kind_id, name="x", actor=SYSTEM, at=NOON, expected_version=1),
        "device": lambda: services.remove_device(asset.pk, device.pk, actor=SYSTEM, at=NOON, expected_version=1),
        "delete": lambda: services.delete_asset(asset.pk, actor=SYSTEM, at=NOON, expected_version=1),
    }
    before = everything()
    with pytest.raises(VersionConflict):
        stale[change]()
    assert everything() == before


def changes_by(actor: Actor, cast: Cast, asset: Asset) -> dict[str, Callable[[], object]]:
    return {
        "create": lambda: services.create_asset(
            name="New", kind=asset.kind, organisation=cast.harbour, actor=actor, at=NOON
        ),
        "update": lambda: services.update_asset(asset.pk, name="Other", actor=actor, at=NOON),
        "delete": lambda: services.delete_asset(asset.pk, actor=actor, at=NOON),
        "device": lambda: services.add_device(asset.pk, protocol="osmand", device_id="x", actor=actor, at=NOON),
        "create kind": lambda: services.create_asset_kind(slug="new", name="New", actor=actor, at=NOON),
        "update kind": lambda: services.update_asset_kind(asset.kind_id, name="Other", actor=actor, at=NOON),
    }


@pytest.mark.parametrize("change", ["create", "update", "delete", "device", "create kind", "update kind"])
def test_alice_may_bob_may_not_and_charlie_sees_nothing(change: str) -> None:
    cast = make_cast()
    asset = make_asset("Tug", organisation=cast.harbour)
    before = everything()
    for name in ("bob", "charlie"):
        refusal: type[WatchfloorError] = NotAllowed if name == "bob" else NotFound
        if name == "charlie" and change.endswith("kind"):
            continue  # he holds every action at the top of his own tree, and kinds belong to nobody
        with pytest.raises(refusal):
            changes_by(cast.actor(name), cast, asset)[change]()
    assert everything() == before
    changes_by(cast.actor("alice"), cast, asset)[change]()
    assert everything() != before


def test_an_asset_is_not_given_away_to_where_one_may_not_add() -> None:
    cast = make_cast()
    asset = make_asset("Tug", organisation=cast.harbour)
    with pytest.raises(NotFound):
        services.update_asset(asset.pk, organisation=cast.elsewhere, actor=cast.actor("alice"), at=NOON)
    assert Asset.objects.get().organisation_id == cast.harbour.pk


def test_what_does_not_exist_is_not_found() -> None:
    nothing = uuid4()
    for change in (
        services.delete_asset,
        services.delete_asset_kind,
        services.update_asset,
        services.update_asset_kind,
    ):
        with pytest.raises(NotFound):
            change(nothing, actor=SYSTEM, at=NOON)
