"""The law of the feed: an old snapshot and the events after it equal a new snapshot; for every service that publishes.

Each script makes its world, which is snapshotted, and then does one thing. Four people in three boxes follow it.
A type of event that no script publishes fails the last test, so a new service cannot forget to be here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.gis.geos import Point
from django.db import transaction

from apps.access import services as access
from apps.access.types import SYSTEM
from apps.assets import services as assets
from apps.assets.types import IdentifierPair
from apps.core.clock import now
from apps.core.ids import new_id
from apps.events.models import Event
from apps.events.registry import event_types, topics
from apps.incidents import services as incidents
from apps.lifecycle.services import advance
from apps.lifecycle.services.telling import send_notice, send_signal
from apps.lifecycle.types import Owed
from apps.operations import services as operations
from apps.zones import services as zones
from tests.factories import incidents as found
from tests.factories.access import Cast, make_cast, make_user
from tests.factories.assets import make_asset, make_asset_kind, make_device
from tests.factories.core import NOON, after
from tests.factories.incidents import make_finding, make_incident, make_rule
from tests.factories.lifecycles import make_closing_kind, make_moored_kind
from tests.factories.operations import decide_all, make_operation, make_operation_kind, make_review_rule, submit, volume
from tests.factories.zones import make_zone, make_zone_kind, square
from tests.live.client import FeedClient

BOXES = {"everywhere": None, "at the equator": [-1, -1, 2, 2], "across the date line": [170, -10, -170, 10]}
Script = Callable[[Cast], Iterator[None]]
SCRIPTS: dict[str, Script] = {}
TYPES: dict[str, frozenset[str]] = {}
DOING: dict[str, Any] = {"actor": SYSTEM, "at": after(60)}
UNPUBLISHED = {"watchfloor.incident.deleted.v1"}  # incidents are closed, never deleted
# Topics whose pictures do not come over the log have a law of their own (test_lane.py).
FOLLOWED = ("assets", "incidents", "operations", "zones")


def publishing(*types: str) -> Callable[[Script], Script]:
    """Register a script and say what it publishes after its ``yield``."""

    def register(script: Script) -> Script:
        SCRIPTS[script.__name__] = script
        TYPES[script.__name__] = frozenset(f"watchfloor.{each}.v1" for each in types)
        return script

    return register


@publishing("asset.created")
def create_an_asset(cast: Cast) -> Iterator[None]:
    kind = make_asset_kind()
    yield
    for organisation in (cast.harbour, cast.elsewhere):
        make_asset(kind=kind, organisation=organisation)


@publishing("asset.updated")
def change_an_asset(cast: Cast) -> Iterator[None]:
    asset = make_asset(organisation=cast.harbour, identifiers=[("mmsi", "367000001")])
    yield
    assets.update_asset(asset.pk, name="Renamed", attributes={"length_m": 30}, **DOING)
    assets.update_asset(asset.pk, identifiers=[IdentifierPair("mmsi", "367000002")], is_active=False, **DOING)


@publishing("asset.updated")
def give_an_asset_to_others_and_take_one(cast: Cast) -> Iterator[None]:
    ours, theirs = make_asset(organisation=cast.harbour), make_asset(organisation=cast.elsewhere)
    yield
    assets.update_asset(ours.pk, organisation=cast.elsewhere, **DOING)
    assets.update_asset(theirs.pk, organisation=cast.harbour, **DOING)


@publishing("asset.updated")
def equip_an_asset(cast: Cast) -> Iterator[None]:
    asset = make_asset(organisation=cast.harbour)
    old = make_device(asset)
    yield
    make_device(asset)
    assets.update_device(asset.pk, old.pk, is_open=True, **DOING)
    assets.remove_device(asset.pk, old.pk, **DOING)


@publishing("asset.deleted")
def delete_an_asset(cast: Cast) -> Iterator[None]:
    doomed = [make_asset(organisation=organisation) for organisation in (cast.harbour, cast.elsewhere)]
    yield
    for asset in doomed:
        assets.delete_asset(asset.pk, **DOING)


@publishing("asset_kind.created", "asset_kind.updated", "asset_kind.deleted")
def change_kinds_of_assets(cast: Cast) -> Iterator[None]:
    asset = make_asset(organisation=cast.harbour)
    yield
    assets.update_asset_kind(asset.kind_id, name="Another name", **DOING)
    assets.delete_asset_kind(make_asset_kind().pk, **DOING)


@publishing("zone.created")
def create_zones(cast: Cast) -> Iterator[None]:
    kind = make_zone_kind()
    yield
    for west in (0, 50, 179):
        make_zone(area=square(west), kind=kind, organisation=cast.harbour)
    make_zone(kind=kind, organisation=cast.elsewhere)


@publishing("zone.created")
def import_zones(cast: Cast) -> Iterator[None]:
    kind = make_zone_kind()
    yield
    ring = [[0, 0], [1, 0], [1, 1], [0, 0]]
    feature = {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": {"name": "A"}}
    collection = {"type": "FeatureCollection", "features": [feature, feature]}
    report = zones.import_zones(collection, organisation=cast.harbour, kind=kind, **DOING)
    assert not report.faulty


@publishing("zone.updated")
def change_a_zone(cast: Cast) -> Iterator[None]:
    zone = make_zone(organisation=cast.harbour)
    yield
    zones.update_zone(zone.pk, name="Renamed", dwell_after=timedelta(minutes=5), **DOING)


@publishing("zone.updated")
def move_zones_in_and_out_of_boxes(cast: Cast) -> Iterator[None]:
    moved = [make_zone(area=square(west), organisation=cast.harbour) for west in (0, 50, 179)]
    yield
    for zone, west in zip(moved, (50, 179, 0), strict=True):
        zones.update_zone(zone.pk, area=square(west), **DOING)
    zones.update_zone(moved[0].pk, area=square(90), organisation=cast.elsewhere, **DOING)


@publishing("zone.deleted")
def delete_a_zone(cast: Cast) -> Iterator[None]:
    zone = make_zone(organisation=cast.harbour)
    yield
    zones.delete_zone(zone.pk, **DOING)


@publishing("zone_kind.created", "zone_kind.updated", "zone_kind.deleted")
def change_kinds_of_zones(cast: Cast) -> Iterator[None]:
    zone = make_zone(organisation=cast.harbour)
    yield
    zones.update_zone_kind(zone.kind_id, name="Another name", colour="#112233", **DOING)
    zones.delete_zone_kind(make_zone_kind().pk, **DOING)


@publishing("incident.created")
def open_incidents(cast: Cast) -> Iterator[None]:
    yield
    make_incident(cast.harbour)
    incidents.open_incident(organisation=cast.harbour, title="In the box", location=Point(0.5, 0.5), **DOING)
    incidents.open_incident(organisation=cast.elsewhere, title="Of others", location=Point(0.5, 0.5), **DOING)


@publishing("incident.created", "incident.updated")
def open_by_rule_and_add_evidence(cast: Cast) -> Iterator[None]:
    make_rule(cast.harbour, dedupe_window=timedelta(hours=1))
    asset, zone = found.make_asset(cast.harbour.pk), found.make_zone(cast.harbour.pk)
    yield
    for minute in range(3):
        finding = make_finding(asset, zone, at=after(minutes=minute))
        incidents.record_findings([finding], at=after(minutes=minute))


@publishing("incident.updated", "incident.commented")
def work_on_an_incident(cast: Cast) -> Iterator[None]:
    incident = make_incident(cast.harbour)
    yield
    incidents.update_incident(incident.pk, title="Renamed", severity=4, **DOING)
    incidents.assign_incident(incident.pk, cast.bob, **DOING)
    incidents.comment_on_incident(incident.pk, "On my way.", **DOING)


@publishing("incident.transitioned")
def move_an_incident_along(cast: Cast) -> Iterator[None]:
    incident = make_incident(cast.harbour)
    yield
    for transition in ("acknowledge", "resolve", "close"):
        advance(incident, transition, reason="test", **DOING)


@publishing("asset.transitioned", "zone.transitioned")
def move_assets_and_zones_along(cast: Cast) -> Iterator[None]:
    asset = make_asset(kind=make_moored_kind(), organisation=cast.harbour)
    zone = make_zone(kind=make_closing_kind(), organisation=cast.harbour)
    yield
    advance(asset, "moor", **DOING)
    advance(zone, "close", answers={"notice": "Closed."}, **DOING)


@publishing("operation.created", "operation.updated", "operation.deleted")
def plan_operations(cast: Cast) -> Iterator[None]:
    old, doomed = make_operation(organisation=cast.harbour), make_operation(organisation=cast.harbour)
    kind = make_operation_kind()
    yield
    for west, organisation in ((0, cast.harbour), (50, cast.harbour), (179, cast.harbour), (0, cast.elsewhere)):
        make_operation(volumes=[volume(square(west))], kind=kind, organisation=organisation)
    operations.update_operation(old.pk, title="Renamed", volumes=[volume(square(50))], actor=SYSTEM, at=now())
    operations.delete_operation(doomed.pk, **DOING)


@publishing("operation.transitioned", "operation.overruled")
def submit_operations(cast: Cast) -> Iterator[None]:
    low, high = (make_operation(organisation=cast.harbour, priority=priority) for priority in (1, 2))
    yield
    submit(low)
    advance(submit(high), "cancel", actor=SYSTEM, at=now())


@publishing("operation.transitioned", "approval.created", "approval.updated", "approval.deleted", "zone.updated")
def review_an_operation(cast: Cast) -> Iterator[None]:
    operation = make_operation(organisation=cast.harbour, kind=make_operation_kind(is_reviewed=True))
    shut = make_zone(kind=make_zone_kind(constraint="authorisation"), area=square(), organisation=cast.elsewhere)
    yield
    submit(operation)
    decide_all(operation)
    advance(operation, "withdraw", actor=SYSTEM, at=now())
    zones.update_zone(shut.pk, is_active=False, **DOING)
    submit(operation)


@publishing("review_rule.created", "review_rule.updated", "review_rule.deleted", "approval.created", "approval.deleted")
def review_by_rules(cast: Cast) -> Iterator[None]:
    waiting = make_operation(organisation=cast.harbour, kind=make_operation_kind(is_reviewed=True))
    submit(waiting)
    yield
    rule = make_review_rule(cast.harbour)
    operations.follow_rules(now())
    operations.update_review_rule(rule.pk, condition="priority > 5", actor=SYSTEM, at=now())
    operations.delete_review_rule(rule.pk, actor=SYSTEM, at=now())
    operations.follow_rules(now())


@publishing(
    "operation_kind.updated",
    "operation.transitioned",
    "operation.overruled",
    "approval.created",
    "approval.updated",
)
def share_space_no_more(cast: Cast) -> Iterator[None]:
    kind = make_operation_kind(may_share=True)
    running, waiting = (submit(make_operation(organisation=cast.harbour, kind=kind)) for _ in range(2))
    advance(running, "activate", **DOING)
    yield
    operations.update_operation_kind(kind.pk, may_share=False, **DOING)
    operations.follow_kinds(now())
    decide_all(waiting)


@publishing("operation_kind.created", "operation_kind.updated", "operation_kind.deleted")
def change_kinds_of_operations(cast: Cast) -> Iterator[None]:
    operation = make_operation(organisation=cast.harbour)
    yield
    operations.update_operation_kind(operation.kind_id, name="Another name", colour="#112233", **DOING)
    operations.delete_operation_kind(make_operation_kind().pk, **DOING)


@publishing(
    *(f"{word}.{what}" for word in ("asset", "incident", "operation", "zone") for what in ("signalled", "notified"))
)
def tell_of_things(cast: Cast) -> Iterator[None]:
    things = {
        "assets": make_asset(organisation=cast.harbour),
        "incidents": make_incident(cast.harbour),
        "operations": make_operation(organisation=cast.harbour),
        "zones": make_zone(organisation=cast.harbour),
    }
    yield
    for noun, thing in things.items():
        told: dict[str, Any] = {
            "id": new_id(),
            "noun": noun,
            "object_id": thing.pk,
            "object": {},
            "transition": "close",
        }
        states: dict[str, Any] = {
            "from_state": "open",
            "to_state": "closed",
            "reason": "",
            "effective_at": NOON,
            "attempt": 1,
        }
        with transaction.atomic():
            send_signal(Owed(kind="webhook", params={"signal": "berth-freed"}, **told, **states), after(60))
            send_notice(Owed(kind="notify", params={"text": "The berth is free."}, **told, **states), after(60))


@publishing("rule.created", "rule.updated", "rule.deleted")
def change_rules(cast: Cast) -> Iterator[None]:
    rule = make_rule(cast.harbour)
    yield
    make_rule(cast.harbour)
    incidents.update_rule(rule.pk, name="Renamed", **DOING)
    incidents.delete_rule(rule.pk, **DOING)


@dataclass
class Follower:
    """Somebody with one subscription per topic and box."""

    client: FeedClient

    def subscribe(self) -> None:
        for topic in FOLLOWED:
            for name, box in BOXES.items():
                self.client.subscribe(f"{topic} {name}", topic, bbox=box)

    def pictures(self, offset: int) -> dict[str, dict[str, Any]]:
        subs = [f"{topic} {name}" for topic in FOLLOWED for name in BOXES]
        return {sub: dict(self.client.catch_up(sub, offset)) for sub in subs}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", SCRIPTS)
def test_an_old_snapshot_and_what_follows_equal_a_new_snapshot(name, connect, publish) -> None:
    cast = make_cast()
    partner = make_user("partner")
    shared = make_zone("Shared", organisation=cast.elsewhere)
    access.grant_access(shared, "zones.view", to=partner, actor=SYSTEM, at=NOON)
    people = [cast.bob, cast.charlie, partner, make_user("root", is_superuser=True)]
    script = SCRIPTS[name](cast)
    next(script)
    before = publish()
    followers = [Follower(connect(user)) for user in people]
    for follower in followers:
        follower.subscribe()

    assert next(script, "done") == "done"
    offset = publish()

    followed = [follower.pictures(offset) for follower in followers]
    fresh = [Follower(connect(user)) for user in people]
    for follower in fresh:
        follower.subscribe()
    assert followed == [follower.pictures(0) for follower in fresh]
    assert set(Event.objects.filter(offset__gt=before).values_list("type", flat=True)) == TYPES[name]


def test_every_type_of_event_is_published_by_a_script() -> None:
    registered = {each.type for each in event_types.all() if ".finding." not in each.type} - UNPUBLISHED
    assert registered == frozenset().union(*TYPES.values())
    assert {topic.name for topic in topics.all()} - {"positions"} == set(FOLLOWED)
