"""Policies: permit, require, deny, in any order, over conditions that are true, false or unknown."""

from __future__ import annotations

from typing import Any

import pytest

from apps.access import services
from apps.access.models import Organisation, Policy, User
from apps.access.queries import (
    access_version,
    actor_of_user,
    allowed_actions,
    outranks,
    permits,
    predicate,
    shows,
    visible,
)
from apps.access.types import SYSTEM, Channel
from apps.assets.models import Asset
from apps.assets.services import create_asset, update_asset
from apps.core.types import Conflict, Invalid, NotAllowed, NotFound, TimeWindow
from apps.incidents.models import Incident
from apps.incidents.published import incident_feature
from tests.access.seeing import seen
from tests.factories.access import (
    assign,
    describe,
    make_attribute,
    make_group,
    make_organisation,
    make_policy,
    make_user,
)
from tests.factories.assets import make_asset
from tests.factories.core import NOON, after
from tests.factories.incidents import make_incident

pytestmark = pytest.mark.django_db


@pytest.fixture
def harbour() -> Organisation:
    return make_organisation("Harbour")


@pytest.fixture
def bob(harbour: Organisation) -> User:
    """Somebody who sees all assets of the harbour."""
    bob = make_user("bob")
    assign(bob, ["assets.view", "assets.track"], harbour)
    return bob


@pytest.fixture
def fleet(harbour: Organisation) -> dict[str, Asset]:
    """A long, a short and an unmeasured vessel, and one somewhere else."""
    elsewhere = make_organisation("Elsewhere")
    return {
        "long": make_asset("long", organisation=harbour, attributes={"length_m": 90}),
        "short": make_asset("short", organisation=harbour, attributes={"length_m": 9}),
        "unknown": make_asset("unknown", organisation=harbour),
        "foreign": make_asset("foreign", organisation=elsewhere, attributes={"length_m": 90}),
    }


LONG = "attributes.length_m > 50"


def test_a_permit_lets_in_where_it_is_true_and_only_in_its_organisation(harbour, fleet) -> None:
    carol = make_user("carol")
    make_policy("permit", ["assets.view"], LONG, organisation=harbour, users=[carol])

    assert seen(carol) == {"long"}
    assert seen(carol, "assets.track") == set()


def test_a_require_and_a_deny_refuse_what_they_do_not_know(harbour, bob, fleet) -> None:
    policy = make_policy("require", ["assets.*"], LONG, organisation=harbour)
    assert seen(bob) == {"long"}
    services.delete_policy(policy.pk, actor=SYSTEM, at=NOON)
    assert seen(bob) == {"long", "short", "unknown"}

    make_policy("deny", ["assets.view"], LONG, organisation=harbour, groups=[make_group(bob)])
    assert seen(bob) == {"short"}
    assert seen(bob, "assets.track") == {"long", "short", "unknown"}


def test_superusers_pass_all_but_a_mandatory_deny(harbour, fleet) -> None:
    root = make_user("root", is_superuser=True)
    make_policy("deny", ["*"], organisation=harbour)
    make_policy("require", ["*"], organisation=harbour)
    assert seen(root) == set(fleet)

    make_policy("deny", ["assets.view"], LONG, mandatory=True)

    assert seen(root) == {"short"}


def test_variables_are_typed_and_a_missing_attribute_lets_nobody_in(harbour, fleet) -> None:
    make_attribute("longest", "number")
    make_policy("permit", ["assets.view"], "attributes.length_m <= ${user.longest}", organisation=harbour)
    carol, dora = make_user("carol"), make_user("dora")

    describe(carol, "longest", 50)

    assert (seen(carol), seen(dora)) == ({"short"}, set())
    services.clear_attribute(carol.pk, "longest", actor=SYSTEM, at=NOON)
    assert seen(carol) == set()


@pytest.mark.parametrize(
    "case",
    [
        ("text", "long", "name = ${user.it}", {"long"}),
        ("boolean", True, "is_active = ${user.it} AND name = 'short'", {"short"}),
        ("text-list", ["x:1"], "A_CONTAINS(identifiers, ${user.it})", set()),
        ("instant", "2020-01-01T00:00:00Z", "${now} > ${user.it} AND name = 'long'", {"long"}),
    ],
    ids=["text", "boolean", "text-list", "instant"],
)
def test_attributes_of_every_type_may_be_asked_for(harbour, fleet, case) -> None:
    type_, value, condition, expected = case
    make_attribute("it", type_)
    carol = make_user("carol")
    describe(carol, "it", value)
    make_policy("permit", ["assets.view"], condition, organisation=harbour, users=[carol])

    assert seen(carol) == expected


def test_a_geometry_attribute_is_an_area_of_responsibility(harbour) -> None:
    make_attribute("area", "geometry")
    carol = make_user("carol")
    square = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]]}
    describe(carol, "area", square)
    make_policy("permit", ["incidents.view"], "S_INTERSECTS(geometry, ${user.area})", organisation=harbour)
    inside, outside, _nowhere = (make_incident(harbour, title=title) for title in ("inside", "outside", "nowhere"))
    Incident.objects.filter(pk=inside.pk).update(location="SRID=4326;POINT(0.5 0.5)")
    Incident.objects.filter(pk=outside.pk).update(location="SRID=4326;POINT(5 5)")
    actor = actor_of_user(carol)

    reach = predicate(actor, "incidents.view")

    assert [each.title for each in visible(Incident.objects.all(), actor, "incidents.view")] == ["inside"]
    shown = [each.title for each in Incident.objects.all() if shows(reach, "incidents", incident_feature(each))]
    assert shown == ["inside"]


def test_the_channel_is_known_where_an_actor_has_one(harbour, bob, fleet) -> None:
    from dataclasses import replace  # noqa: PLC0415

    make_policy("require", ["assets.view"], "${channel} = 'rest'", organisation=harbour)
    may = {
        channel: permits(replace(actor_of_user(bob), channel=channel), "assets.view", fleet["long"])
        for channel in (None, Channel.REST, Channel.FEED)
    }
    assert may == {None: False, Channel.REST: True, Channel.FEED: False}


def test_a_policy_counts_in_its_period_while_it_is_enabled(harbour, bob, fleet, time_machine) -> None:
    during = TimeWindow(start=after(hours=1), end=after(hours=2))
    policy = make_policy("deny", ["assets.view"], organisation=harbour, during=during)
    found = {}
    for hours in (0, 1, 2):
        time_machine.move_to(after(hours=hours), tick=False)
        found[hours] = len(seen(bob))
    assert found == {0: 3, 1: 0, 2: 3}

    time_machine.move_to(after(hours=1), tick=False)
    services.change_policy(policy.pk, {"is_enabled": False}, actor=SYSTEM, at=NOON)
    assert len(seen(bob)) == 3


def test_every_change_of_a_policy_or_an_attribute_raises_the_version(harbour) -> None:
    make_attribute("rank", "number")
    carol = make_user("carol")
    versions = [access_version()]
    policy = make_policy("deny", ["assets.view"], organisation=harbour, users=[carol])
    versions.append(access_version())
    services.change_policy(policy.pk, {"user_ids": [make_user("dora").pk]}, actor=SYSTEM, at=NOON)
    versions.append(access_version())
    describe(carol, "rank", 3)
    versions.append(access_version())
    describe(carol, "rank", 4)
    versions.append(access_version())
    services.delete_policy(policy.pk, actor=SYSTEM, at=NOON)
    versions.append(access_version())
    assert versions == sorted(set(versions))


def test_a_policy_that_can_be_read_no_more_refuses_and_permits_nothing(harbour, bob, fleet) -> None:
    carol = make_user("carol")
    for effect, who in (("permit", carol), ("deny", bob)):
        policy = make_policy(effect, ["assets.view"], LONG, organisation=harbour, users=[who])
        Policy.objects.filter(pk=policy.pk).update(condition="no_longer_there = 1")
        policy.users.set([who])

    assert (seen(bob), seen(carol)) == (set(), set())


def test_what_is_wrong_with_a_policy_is_said_where_it_is_wrong(harbour) -> None:
    wrong: dict[str, Any] = {
        "/actions": {"actions": ["assets.fly"]},
        "/condition/args/0/property": {"condition": "colour = 'red'"},
        "/hidden_fields": {"effect": "limit", "hidden_fields": ["colour"]},
        "/effect": {"effect": "limit"},
        "/mandatory": {"effect": "permit", "mandatory": True},
        "/everybody": {"everybody": False},
    }
    plain: Any = {"name": "p", "effect": "deny", "everybody": True, "actions": ["assets.view"]}
    pointers = {}
    for pointer, changes in wrong.items():
        with pytest.raises(Invalid) as refused:
            services.create_policy(
                plain | changes,
                organisation_id=harbour.pk,
                actor=SYSTEM,
                at=NOON,
            )
        pointers[pointer] = [each.pointer for each in refused.value.errors]
    assert {pointer: pointer in found for pointer, found in pointers.items()} == dict.fromkeys(wrong, True)
    with pytest.raises(Invalid):
        make_policy("deny", ["*"], LONG, organisation=harbour)


def test_nobody_permits_what_they_do_not_hold_or_where_they_do_not(harbour) -> None:
    cast = make_cast_beside(harbour)
    below = make_organisation("Pier", parent=harbour)
    alice = actor_of_user(cast["alice"])
    may: Any = {"name": "p", "effect": "permit", "everybody": True}

    with pytest.raises(NotAllowed):
        services.create_policy(may | {"actions": ["assets.delete"]}, organisation_id=harbour.pk, actor=alice, at=NOON)
    with pytest.raises(NotAllowed):
        services.create_policy(may | {"actions": ["assets.view"]}, organisation_id=None, actor=alice, at=NOON)
    with pytest.raises(NotFound):
        services.create_policy(
            may | {"actions": ["assets.view"]}, organisation_id=make_organisation().pk, actor=alice, at=NOON
        )
    made = services.create_policy(may | {"actions": ["assets.view"]}, organisation_id=below.pk, actor=alice, at=NOON)
    with pytest.raises(NotAllowed):
        services.change_policy(made.pk, {"actions": ["assets.*"]}, actor=alice, at=NOON)
    deny: Any = {"name": "d", "effect": "deny", "everybody": True, "actions": ["assets.*"], "mandatory": True}
    with pytest.raises(NotAllowed):
        services.create_policy(deny, organisation_id=harbour.pk, actor=alice, at=NOON)


def make_cast_beside(harbour: Organisation) -> dict[str, User]:
    alice = make_user("alice", organisation=harbour)
    assign(alice, ["policies.add", "policies.change", "assets.view", "users.view", "users.describe"], harbour)
    return {"alice": alice}


def test_nobody_describes_themselves_or_who_holds_more(harbour, bob) -> None:
    alice = make_cast_beside(harbour)["alice"]
    weak, strong = make_user("weak", organisation=harbour), make_user("strong", organisation=harbour)
    assign(strong, ["assets.delete"], harbour)
    make_attribute("rank", "number")
    actor = actor_of_user(alice)

    assert services.set_attribute(weak.pk, "rank", 3, actor=actor, at=NOON).value == 3
    for user in (alice, strong):
        with pytest.raises(NotAllowed):
            services.set_attribute(user.pk, "rank", 3, actor=actor, at=NOON)
    with pytest.raises(NotFound):
        services.set_attribute(bob.pk, "rank", 3, actor=actor, at=NOON)
    for value in ("3", None, True, [3], float("nan")):
        with pytest.raises(Invalid):
            services.set_attribute(weak.pk, "rank", value, actor=SYSTEM, at=NOON)


def test_who_is_permitted_more_by_a_policy_holds_more(harbour) -> None:
    alice = make_cast_beside(harbour)["alice"]
    weak = make_user("weak", organisation=harbour)
    assert outranks(actor_of_user(alice), weak)

    make_policy("permit", ["assets.delete"], organisation=harbour, users=[weak])

    assert not outranks(actor_of_user(alice), weak)


def test_an_attribute_that_a_policy_asks_for_stays(harbour) -> None:
    definition = make_attribute("rank", "number")
    policy = make_policy("deny", ["assets.view"], "attributes.length_m > ${user.rank}", organisation=harbour)

    with pytest.raises(Conflict):
        services.delete_attribute(definition.pk, actor=SYSTEM, at=NOON)
    services.delete_policy(policy.pk, actor=SYSTEM, at=NOON)
    services.delete_attribute(definition.pk, actor=SYSTEM, at=NOON)


def test_parts_are_judged_by_the_policies_over_their_whole(harbour, bob, fleet) -> None:
    from apps.assets.models import Device  # noqa: PLC0415
    from tests.factories.assets import make_device  # noqa: PLC0415

    assign(bob, ["assets.view"], fleet["foreign"].organisation)
    for name, asset in fleet.items():
        make_device(asset, f"device-{name}")
    make_policy("require", ["assets.view"], LONG, organisation=harbour)

    actor = actor_of_user(bob)
    found = {each.device_id for each in visible(Device.objects.all(), actor, "assets.view")}
    assert found == {"device-long", "device-foreign"}
    assert found == {each.device_id for each in Device.objects.all() if permits(actor, "assets.view", each)}


def test_a_key_is_confined_also_in_what_a_policy_permits(harbour, fleet) -> None:
    charlie = make_user("charlie")
    make_policy("permit", ["assets.*"], organisation=harbour, users=[charlie])
    from dataclasses import replace  # noqa: PLC0415

    confined = replace(actor_of_user(charlie), scopes=frozenset({"assets.view"}))
    assert allowed_actions(confined, fleet["long"]) == {"assets.view"}


def test_writes_are_judged_before_and_after(harbour, fleet) -> None:
    alice = make_user("alice")
    pier = make_organisation("Pier", parent=harbour)
    assign(alice, ["assets.view", "assets.change", "assets.add"], harbour)
    elsewhere = fleet["foreign"].organisation
    assign(alice, ["assets.add"], elsewhere)
    actor = actor_of_user(alice)
    make_policy("require", ["assets.change", "assets.add"], "attributes.length_m < 50", organisation=harbour)

    def update(which: str, **changes: Any) -> Asset:
        return update_asset(fleet[which].pk, actor=actor, at=NOON, **changes)

    with pytest.raises(NotAllowed):
        update("long", name="out of reach before")
    with pytest.raises(NotAllowed):
        update("short", attributes={"length_m": 60})
    with pytest.raises(NotAllowed):
        update("short", organisation=elsewhere)
    with pytest.raises(NotAllowed):
        create_asset(name="new", kind=fleet["short"].kind, organisation=pier, actor=actor, at=NOON)
    assert update("short", attributes={"length_m": 10}, organisation=pier).organisation == pier
    small = {"length_m": 1}
    made = create_asset(name="new", kind=fleet["short"].kind, organisation=pier, attributes=small, actor=actor, at=NOON)
    assert sorted(Asset.objects.values_list("name", flat=True)) == ["foreign", "long", "new", "short", "unknown"]
    assert made.organisation == pier
