"""What changing zones does: rows, kept versions, events, refusals. Each refusal leaves everything as it was."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.gis.geos import GEOSGeometry, MultiPolygon
from django.db import IntegrityError, transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange

from apps.access.types import SYSTEM, Actor
from apps.core.types import Conflict, Datum, Invalid, NotAllowed, NotFound, TimeWindow, VersionConflict, WatchfloorError
from apps.events.models import Event
from apps.events.rules import feature_object
from apps.zones import services
from apps.zones.models import Zone, ZoneKind, ZoneVersion
from apps.zones.published import published_zones, zone_feature, zone_features
from apps.zones.types import AltitudeBand, ZoneDraft
from tests.factories.access import Cast, make_cast, make_organisation
from tests.factories.core import NOON, after
from tests.factories.zones import make_zone, make_zone_kind, square

pytestmark = pytest.mark.django_db

BAND = AltitudeBand(lower_m=10, lower_datum=Datum.AMSL, upper_m=500, upper_datum=Datum.BARO)


def events_of(noun: str) -> list[Event]:
    return list(Event.objects.filter(noun=noun).order_by("seq"))


def everything() -> list[Any]:
    """Return all rows that a refused change might have touched."""
    return [list(model.objects.order_by("pk").values()) for model in (ZoneKind, Zone, ZoneVersion, Event)]


def versions_of(zone: Zone) -> list[tuple[int, str, str]]:
    rows = ZoneVersion.objects.filter(zone=zone.pk).order_by("version")
    return list(rows.values_list("version", "change", "name"))


def test_a_new_zone_is_stored_kept_and_told() -> None:
    organisation, kind = make_organisation(), make_zone_kind("anchorage")
    draft = ZoneDraft(
        name=" Depot ",
        area=square(),
        description="33 CFR",
        band=BAND,
        validity=TimeWindow(start=NOON, end=after(hours=1)),
        dwell_after=timedelta(minutes=5),
    )
    zone = services.create_zone(draft, kind=kind, organisation=organisation, actor=SYSTEM, at=NOON)
    (event,) = events_of("zones")
    assert (event.type, event.object_id, event.organisation_id) == (
        "watchfloor.zone.created.v1",
        zone.pk,
        organisation.pk,
    )
    assert event.data["object"] == {
        "id": str(zone.pk),
        "organisation_id": str(organisation.pk),
        "version": 1,
        "geometry": {
            "type": "MultiPolygon",
            "coordinates": [[[[1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.0, 0.0], [1.0, 0.0]]]],
        },
        "properties": {
            "kind": "anchorage",
            "name": "Depot",
            "description": "33 CFR",
            "lower_m": 10,
            "lower_datum": "AMSL",
            "upper_m": 500,
            "upper_datum": "BARO",
            "valid_from": "2026-06-30T12:00:00Z",
            "valid_to": "2026-06-30T13:00:00Z",
            "dwell_after_s": 300,
            "is_active": True,
            "state": None,
            "state_category": None,
        },
    }
    version = ZoneVersion.objects.get()
    assert (version.zone_id, version.version, version.change, version.band, version.window, version.actor_label) == (
        zone.pk,
        1,
        "created",
        BAND,
        TimeWindow(start=NOON, end=after(hours=1)),
        "system",
    )
    assert (version.area.wkb, version.recorded_at) == (zone.area.wkb, NOON)


def test_every_version_is_kept_also_when_the_zone_is_gone() -> None:
    zone = make_zone("Depot")
    services.update_zone(zone.pk, area=square(5, 5), actor=SYSTEM, at=after(1), expected_version=1)
    services.update_zone(zone.pk, name="Old depot", is_active=False, actor=SYSTEM, at=after(2), expected_version=2)
    services.delete_zone(zone.pk, actor=SYSTEM, at=after(3), expected_version=3)
    assert not Zone.objects.exists()
    assert versions_of(zone) == [
        (1, "created", "Depot"),
        (2, "updated", "Depot"),
        (3, "updated", "Old depot"),
        (4, "deleted", "Old depot"),
    ]
    assert [version.area.extent[0] for version in ZoneVersion.objects.order_by("version")] == [0, 5, 5, 5]
    assert [event.data["change"] for event in events_of("zones")] == ["created", "updated", "updated", "deleted"]


def test_nothing_to_change_is_no_change() -> None:
    zone = make_zone("Depot", band=BAND)
    before = everything()
    services.update_zone(zone.pk, name="Depot ", area=square(), band=BAND, actor=SYSTEM, at=after(5))
    assert everything() == before


def test_a_zone_that_moves_tells_whose_it_was() -> None:
    zone, new_owner = make_zone(), make_organisation()
    services.update_zone(zone.pk, organisation=new_owner, actor=SYSTEM, at=after(5))
    event = events_of("zones")[-1]
    assert (event.organisation_id, event.previous_organisation_id) == (new_owner.pk, zone.organisation_id)


def test_old_snapshot_and_events_make_the_new_snapshot() -> None:
    def snapshot() -> dict[str, Any]:
        return {str(each.id): feature_object(each) for each in zone_features(published_zones())}

    depot, pier = make_zone("Depot"), make_zone("Pier")
    state, last = snapshot(), Event.objects.order_by("-seq").values_list("seq", flat=True)[0]
    services.update_zone(depot.pk, dwell_after=timedelta(minutes=1), actor=SYSTEM, at=after(1))
    services.update_zone_kind(depot.kind_id, name="Renamed", actor=SYSTEM, at=after(2))
    services.delete_zone(pier.pk, actor=SYSTEM, at=after(3))
    make_zone("Bridge", band=BAND)
    for event in Event.objects.filter(noun="zones", seq__gt=last).order_by("seq"):
        state.pop(str(event.object_id), None)
        if event.data["object"]:
            state[str(event.object_id)] = event.data["object"]
    assert {key: as_json(value) for key, value in state.items()} == {
        key: as_json(value) for key, value in snapshot().items()
    }


def as_json(value: Any) -> Any:
    """Return tuples as the lists that JSON makes of them."""
    if isinstance(value, dict):
        return {name: as_json(inner) for name, inner in value.items()}
    return [as_json(inner) for inner in value] if isinstance(value, list | tuple) else value


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"name": "a\0b"}, "/name"),
        ({"description": "a\0b"}, "/description"),
        ({"band": AltitudeBand(lower_m=1)}, "/lower_datum"),
        ({"band": AltitudeBand(lower_datum=Datum.AMSL)}, "/lower_m"),
        ({"band": AltitudeBand(upper_m=float("nan"), upper_datum=Datum.AMSL)}, "/upper_m"),
        (
            {"band": AltitudeBand(lower_m=2, lower_datum=Datum.AMSL, upper_m=1, upper_datum=Datum.AMSL)},
            "/upper_m",
        ),
        ({"validity": TimeWindow(start=NOON, end=NOON)}, "/valid_to"),
        ({"validity": TimeWindow(start=NOON.replace(tzinfo=None))}, "/valid_from"),
        ({"dwell_after": timedelta(0)}, "/dwell_after_s"),
        ({"dwell_after": timedelta(days=999)}, "/dwell_after_s"),
    ],
)
def test_a_zone_is_judged(changes: Any, pointer: str) -> None:
    zone = make_zone()
    before = everything()
    with pytest.raises(Invalid) as refused:
        services.update_zone(zone.pk, actor=SYSTEM, at=after(5), **changes)
    assert [error.pointer for error in refused.value.errors] == [pointer]
    assert everything() == before


def test_a_kind_in_use_is_not_deleted() -> None:
    zone = make_zone()
    before = everything()
    with pytest.raises(Conflict) as refused:
        services.delete_zone_kind(zone.kind_id, actor=SYSTEM, at=after(5))
    assert refused.value.code == "in_use"
    assert everything() == before
    services.delete_zone(zone.pk, actor=SYSTEM, at=after(6))
    services.delete_zone_kind(zone.kind_id, actor=SYSTEM, at=after(7))
    assert [event.data["change"] for event in events_of("zone-kinds")] == ["created", "deleted"]


@pytest.mark.parametrize("changes", [{"name": ""}, {"label": "x" * 25}, {"colour": "red"}, {"colour": "#ff00zz"}])
def test_a_kind_is_judged(changes: Any) -> None:
    kind = make_zone_kind()
    with pytest.raises(Invalid):
        services.update_zone_kind(kind.pk, actor=SYSTEM, at=after(5), **changes)


def test_a_kind_is_named_once() -> None:
    make_zone_kind("anchorage")
    with pytest.raises(Conflict) as refused:
        make_zone_kind("anchorage")
    assert [(error.pointer, error.code) for error in refused.value.errors] == [("/slug", "taken")]


def test_a_version_that_has_passed_is_refused() -> None:
    zone = make_zone()
    services.update_zone(zone.pk, name="Two", actor=SYSTEM, at=after(1))
    before = everything()
    with pytest.raises(VersionConflict):
        services.update_zone(zone.pk, name="Three", actor=SYSTEM, at=after(2), expected_version=1)
    with pytest.raises(VersionConflict):
        services.delete_zone(zone.pk, actor=SYSTEM, at=after(2), expected_version=1)
    assert everything() == before


def changes_by(actor: Actor, cast: Cast, zone: Zone) -> dict[str, Callable[[], object]]:
    draft = ZoneDraft(name="New", area=square())
    return {
        "create": lambda: services.create_zone(draft, kind=zone.kind, organisation=cast.harbour, actor=actor, at=NOON),
        "update": lambda: services.update_zone(zone.pk, name="Other", actor=actor, at=NOON),
        "delete": lambda: services.delete_zone(zone.pk, actor=actor, at=NOON),
    }


@pytest.mark.parametrize("change", ["create", "update", "delete"])
def test_alice_may_bob_may_not_and_charlie_sees_nothing(change: str) -> None:
    cast = make_cast()
    zone = make_zone("Depot", organisation=cast.harbour)
    before = everything()
    refusals: dict[str, type[WatchfloorError]] = {"bob": NotAllowed, "charlie": NotFound}
    for name, refusal in refusals.items():
        with pytest.raises(refusal):
            changes_by(cast.actor(name), cast, zone)[change]()
    assert everything() == before
    changes_by(cast.actor("alice"), cast, zone)[change]()
    assert everything() != before


def test_what_does_not_exist_is_not_found() -> None:
    for change in (services.delete_zone, services.delete_zone_kind, services.update_zone, services.update_zone_kind):
        with pytest.raises(NotFound):
            change(uuid4(), actor=SYSTEM, at=NOON)


BOW_TIE = "SRID=4326;MULTIPOLYGON(((0 0, 1 1, 1 0, 0 1, 0 0)))"
BEYOND = "SRID=4326;MULTIPOLYGON(((170 0, 190 0, 190 1, 170 0)))"


@pytest.mark.parametrize(
    ("constraint", "broken"),
    [
        ("zone_has_name", {"name": ""}),
        ("zone_area_is_valid", {"area": GEOSGeometry(BOW_TIE)}),
        ("zone_area_is_in_world", {"area": MultiPolygon(srid=4326)}),
        ("zone_area_is_in_world", {"area": GEOSGeometry(BEYOND)}),
        ("zone_lower_has_datum", {"lower_m": 1}),
        ("zone_lower_has_datum", {"lower_datum": "AMSL"}),
        ("zone_upper_has_datum", {"upper_m": 1, "upper_datum": "sea"}),
        ("zone_lower_below_upper", {"lower_m": 2, "lower_datum": "AMSL", "upper_m": 1, "upper_datum": "AMSL"}),
        ("zone_validity_is_half_open", {"validity": DateTimeTZRange(NOON, NOON, "[)")}),
        ("zone_validity_is_half_open", {"validity": DateTimeTZRange(NOON, after(1), "[]")}),
        ("zone_validity_is_half_open", {"validity": DateTimeTZRange(NOON, after(1), "(]")}),
        ("zone_dwell_is_positive", {"dwell_after": timedelta(0)}),
    ],
)
def test_the_database_holds_what_must_never_be_false(constraint: str, broken: Any) -> None:
    zone = make_zone()
    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        Zone.objects.filter(pk=zone.pk).update(**broken)
    cause: Any = refused.value.__cause__
    assert cause.diag.constraint_name == constraint


def test_a_feature_shows_what_the_event_told() -> None:
    zone = make_zone("Depot", band=BAND)
    told = events_of("zones")[-1].data["object"]
    assert as_json(feature_object(zone_feature(Zone.objects.get(pk=zone.pk)))) == told
