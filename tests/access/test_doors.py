"""One decision in three forms: about an object, as SQL, as a predicate. They agree on anything we can make up."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase as HypothesisTestCase

from apps.access import services
from apps.access.models import DeviceKey, Organisation, Role, User
from apps.access.queries import (
    access_version,
    actor_of_user,
    allowed_actions,
    authorize,
    authorize_in,
    outranks,
    predicate,
    visible,
)
from apps.access.queries.standing import one_moment
from apps.access.registry import all_protected
from apps.access.types import ANONYMOUS, SYSTEM, Actor, ActorKind, Subject
from apps.assets.models import Asset, AssetKind
from apps.core.branches import count_up_to
from apps.core.types import NotAllowed, NotFound, TimeWindow, WatchfloorError
from tests.factories.access import assign, make_cast, make_group, make_organisation, make_role, make_user
from tests.factories.core import NOON, after
from tests.statements import statements_sent

pytestmark = pytest.mark.django_db


def make_asset(organisation: Organisation, name: str = "Ferry") -> Asset:
    kind, _ = AssetKind.objects.get_or_create(slug="vessel", defaults={"name": "Vessel"})
    return Asset.objects.create(kind=kind, organisation=organisation, name=name)


def may(actor: Actor, action: str, thing: Any) -> bool:
    try:
        authorize(actor, action, thing)
    except WatchfloorError:
        return False
    return True


def test_a_role_reaches_its_organisation_and_all_below_and_nothing_beside() -> None:
    port = make_organisation("Port")
    pier, berth = make_organisation("Pier", parent=port), None
    berth = make_organisation("Berth", parent=pier)
    beside = make_organisation("Beside", parent=port)
    bob = make_user("bob")
    assign(bob, ["assets.view"], pier)
    assets = {each.name: make_asset(each) for each in (port, pier, berth, beside)}

    seen = visible(Asset.objects.all(), actor_of_user(bob), "assets.view")

    assert set(seen) == {assets["Pier"], assets["Berth"]}


def test_what_may_not_be_seen_does_not_exist_and_what_may_be_seen_says_no() -> None:
    cast = make_cast()
    asset = make_asset(cast.harbour)

    with pytest.raises(NotFound):
        authorize(cast.actor("charlie"), "assets.change", asset)
    with pytest.raises(NotAllowed) as refused:
        authorize(cast.actor("bob"), "assets.change", asset)
    authorize(cast.actor("alice"), "assets.change", asset)

    assert refused.value.details == {"action": "assets.change"}


def test_a_grant_reaches_one_object_by_user_or_group_until_it_is_revoked() -> None:
    cast = make_cast()
    granted, hidden = make_asset(cast.harbour, "granted"), make_asset(cast.harbour, "hidden")
    dora, emil = make_user("dora", organisation=cast.harbour), make_user("emil")
    partners = make_group(emil)
    alice = cast.actor("alice")
    services.grant_access(granted, "assets.view", to=dora, actor=alice, at=NOON)
    services.grant_access(granted, "assets.view", to=partners, actor=alice, at=NOON)

    for user in (dora, emil):
        assert list(visible(Asset.objects.all(), actor_of_user(user), "assets.view")) == [granted]
        assert allowed_actions(actor_of_user(user), granted) == {"assets.view"}
        assert allowed_actions(actor_of_user(user), hidden) == frozenset()

    services.revoke_access(granted, "assets.view", to=dora, actor=alice, at=NOON)
    partners.user_set.clear()

    for user in (dora, emil):
        assert list(visible(Asset.objects.all(), actor_of_user(user), "assets.view")) == []


def test_reference_data_is_read_by_whoever_is_signed_in_and_changed_from_the_top_of_a_tree() -> None:
    port = make_organisation("Port")
    pier = make_organisation("Pier", parent=port)
    kind = AssetKind.objects.create(slug="vessel", name="Vessel")
    top, below, partner = make_user("top"), make_user("below"), make_user("partner")
    assign(top, ["asset-kinds.change"], port)
    assign(below, ["asset-kinds.change"], pier)

    assert allowed_actions(actor_of_user(top), kind) == {"asset-kinds.view", "asset-kinds.change"}
    assert allowed_actions(actor_of_user(below), kind) == {"asset-kinds.view"}
    assert allowed_actions(actor_of_user(partner), kind) == {"asset-kinds.view"}
    assert allowed_actions(ANONYMOUS, kind) == frozenset()


def test_the_system_and_superusers_reach_everything_and_nobody_reaches_nothing() -> None:
    asset = make_asset(make_organisation())
    root = actor_of_user(make_user("root", is_superuser=True))

    for actor, expected in ((SYSTEM, [asset]), (root, [asset]), (ANONYMOUS, [])):
        assert list(visible(Asset.objects.all(), actor, "assets.delete")) == expected
        assert may(actor, "assets.delete", asset) is bool(expected)


def test_rights_are_read_afresh_so_an_actor_that_was_kept_loses_what_its_user_loses() -> None:
    asset = make_asset(make_organisation())
    user = make_user("root", is_superuser=True)
    kept = actor_of_user(user)
    assert may(kept, "assets.view", asset)

    services.change_user(user.pk, {"is_active": False}, actor=SYSTEM, at=after(1))

    assert not may(kept, "assets.view", asset)


def test_an_assignment_counts_only_in_its_period(time_machine: Any) -> None:
    organisation = make_organisation()
    asset, bob = make_asset(organisation), make_user("bob")
    shift = TimeWindow(start=after(hours=1), end=after(hours=9))
    assign(bob, ["assets.view"], organisation, during=shift)
    actor = actor_of_user(bob)

    seen = {}
    for hours in (0, 1, 8.999, 9):
        time_machine.move_to(after(hours=hours), tick=False)
        decision = predicate(actor, "assets.view")
        seen[hours] = (may(actor, "assets.view", asset), decision.expires_at)

    assert seen == {0: (False, shift.start), 1: (True, shift.end), 8.999: (True, shift.end), 9: (False, None)}


def test_every_change_of_access_moves_the_version_and_a_login_does_not() -> None:
    cast = make_cast()
    asset = make_asset(cast.harbour)
    role, group = make_role("assets.view"), make_group(cast.bob)
    versions = [access_version()]

    assignment = assign(group, role, cast.elsewhere)
    versions.append(access_version())
    services.grant_access(asset, "assets.view", to=cast.bob, actor=cast.actor("alice"), at=NOON)
    versions.append(access_version())
    services.change_role(role.pk, {"actions": ["assets.track"]}, actor=SYSTEM, at=NOON)
    versions.append(access_version())
    services.set_group_members(group.pk, [], actor=SYSTEM, at=NOON)
    versions.append(access_version())
    services.end_assignment(assignment.pk, actor=SYSTEM, at=NOON)
    versions.append(access_version())
    User.objects.filter(pk=cast.bob.pk).update(is_active=False)
    versions.append(access_version())
    User.objects.filter(pk=cast.bob.pk).update(last_login=NOON)

    assert versions == sorted(set(versions))
    assert access_version() == versions[-1]


def test_a_key_is_confined_to_its_scopes_and_dies_with_its_user() -> None:
    cast = make_cast()
    asset = make_asset(cast.harbour)
    key, _ = services.create_api_key(
        user_id=cast.alice.pk, name="reader", scopes=["assets.view"], actor=cast.actor("alice"), at=NOON
    )
    actor = Actor(kind=ActorKind.USER, label="", user_id=cast.alice.pk, scopes=frozenset(key.scopes), key_id=key.pk)
    assert allowed_actions(actor, asset) == {"assets.view"}

    services.revoke_api_key(key.pk, actor=cast.actor("alice"), at=NOON)

    assert allowed_actions(actor, asset) == frozenset()


def test_a_device_reports_for_its_organisation_or_its_one_asset_and_does_nothing_else() -> None:
    cast = make_cast()
    ours, theirs = make_asset(cast.harbour), make_asset(cast.elsewhere)
    key, _ = services.create_device_key(
        organisation_id=cast.harbour.pk, name="gate", actor=cast.actor("alice"), at=NOON
    )
    keyed = Actor(kind=ActorKind.DEVICE, label="gate", organisation_id=cast.harbour.pk, key_id=key.pk)
    keyless = Actor(kind=ActorKind.DEVICE, label="phone", organisation_id=cast.harbour.pk, asset_id=theirs.pk)

    assert (allowed_actions(keyed, ours), allowed_actions(keyed, theirs)) == (REPORT, NOTHING)
    assert (allowed_actions(keyless, ours), allowed_actions(keyless, theirs)) == (NOTHING, REPORT)

    services.revoke_device_key(key.pk, actor=cast.actor("alice"), at=NOON)

    assert allowed_actions(keyed, ours) == frozenset()


def test_making_something_is_judged_by_its_organisation() -> None:
    cast = make_cast()

    authorize_in(cast.actor("alice"), "assets.add", cast.harbour.pk)
    with pytest.raises(NotAllowed):
        authorize_in(cast.actor("bob"), "assets.add", cast.harbour.pk)
    with pytest.raises(NotFound):
        authorize_in(cast.actor("charlie"), "assets.add", cast.harbour.pk)


def test_a_decision_costs_one_query_when_nothing_has_changed() -> None:
    cast = make_cast()
    asset, actor = make_asset(cast.harbour), cast.actor("alice")
    authorize(actor, "assets.view", asset)

    with statements_sent() as decided:
        authorize(actor, "assets.view", asset)
    assert decided.call_count == 1
    for extra in range(2):
        make_asset(cast.harbour, f"extra {extra}")
        with statements_sent() as listed:
            list(visible(Asset.objects.all(), actor, "assets.view"))
        assert listed.call_count == 2


def test_what_is_only_granted_is_counted_without_looking_unless_more_is_asked(django_assert_num_queries: Any) -> None:
    cast = make_cast()
    ferries = [make_asset(cast.harbour, name) for name in ("one", "two", "three")]
    dora = make_user("dora", organisation=cast.harbour)
    for ferry in ferries[:2]:
        services.grant_access(ferry, "assets.view", to=dora, actor=cast.actor("alice"), at=NOON)
    actor = actor_of_user(dora)

    seen = visible(Asset.objects.all(), actor, "assets.view")
    with django_assert_num_queries(0):
        assert (count_up_to(seen, 1001), count_up_to(seen.order_by("name"), 1)) == (2, 1)
    with django_assert_num_queries(1):
        assert count_up_to(seen.filter(name="one"), 1001) == 1
    early = visible(Asset.objects.filter(name="three"), actor, "assets.view")
    assert (count_up_to(early, 1001), count_up_to(seen.exclude(name="one"), 1001)) == (0, 1)

    ferries[0].delete()
    assert count_up_to(visible(Asset.objects.all(), actor, "assets.view"), 1001) == 1
    assign(dora, ["assets.view"], cast.harbour)
    assert count_up_to(visible(Asset.objects.all(), actor, "assets.view"), 1001) == 2


def test_actions_that_nobody_registered_and_foreign_nouns_are_mistakes_of_ours() -> None:
    cast = make_cast()

    with pytest.raises(LookupError):
        predicate(cast.actor("alice"), "assets.fly")
    with pytest.raises(LookupError):
        visible(Asset.objects.all(), cast.actor("alice"), "organisations.view")
    with pytest.raises(LookupError):
        visible(User.groups.through.objects.all(), cast.actor("alice"), "users.view")


REPORT, NOTHING = frozenset({"assets.report"}), frozenset[str]()
ACTIONS = ("assets.view", "assets.change", "assets.track")


class TestForAnythingThatWeCanMakeUp(HypothesisTestCase):
    """The law that no surface can break: the three forms agree on every object."""

    @settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(data=st.data())
    def test_visible_is_authorize_is_predicate(self, data: Any) -> None:
        organisations = self._tree(data)
        user = make_user("someone", is_superuser=data.draw(st.integers(0, 9)) == 0)
        group = make_group(*([user] if data.draw(st.booleans()) else []))
        for _ in range(data.draw(st.integers(0, 3))):
            self._assign(data, data.draw(st.sampled_from([user, group])), data.draw(st.sampled_from(organisations)))
        assets = [make_asset(data.draw(st.sampled_from(organisations))) for _ in range(4)]
        for asset in assets:
            if data.draw(st.booleans()):
                to = data.draw(st.sampled_from([user, group]))
                services.grant_access(asset, data.draw(st.sampled_from(ACTIONS)), to=to, actor=SYSTEM, at=NOON)

        actor = self._actor(data, user)
        for action in ACTIONS:
            seen = set(visible(Asset.objects.all(), actor, action))
            decision = predicate(actor, action)
            for asset in assets:
                subject = Subject(noun="assets", id=asset.pk, organisation_id=asset.organisation_id)
                forms = {
                    asset in seen,
                    may(actor, action, asset),
                    may(actor, action, subject),
                    decision.allows(asset.pk, asset.organisation_id),
                    action in allowed_actions(actor, asset),
                }
                assert len(forms) == 1

    def _tree(self, data: Any) -> list[Organisation]:
        made = [make_organisation()]
        for _ in range(data.draw(st.integers(0, 4))):
            made.append(make_organisation(parent=data.draw(st.sampled_from([*made, None]))))
        if len(made) > 2 and data.draw(st.booleans()):
            moved, to = data.draw(st.permutations(made))[:2]
            if moved.pk not in Organisation.objects.get(pk=to.pk).lineage:
                services.change_organisation(moved.pk, {"parent_id": to.pk}, actor=SYSTEM, at=NOON)
        return made

    def _assign(self, data: Any, to: Any, organisation: Organisation) -> None:
        actions = data.draw(st.lists(st.sampled_from(ACTIONS), min_size=1, unique=True))
        assign(to, actions, organisation)

    def _actor(self, data: Any, user: User) -> Actor:
        scopes = data.draw(st.none() | st.frozensets(st.sampled_from(ACTIONS)))
        return Actor(kind=ActorKind.USER, label="someone", user_id=user.pk, scopes=scopes)


def test_roles_devices_and_people_of_others_stay_unseen() -> None:
    cast = make_cast()
    services.create_device_key(organisation_id=cast.elsewhere.pk, name="theirs", actor=SYSTEM, at=NOON)
    bob = cast.actor("bob")

    assert set(visible(User.objects.all(), bob, "users.view")) == {cast.alice, cast.bob}
    assert set(visible(Organisation.objects.all(), bob, "organisations.view")) == {cast.harbour}
    assert set(visible(DeviceKey.objects.all(), bob, "device-keys.view")) == set()
    assert set(visible(Role.objects.all(), bob, "roles.view")) == set(Role.objects.all())


def test_standings_of_devices_are_not_mixed_up() -> None:
    cast = make_cast()
    ours = make_asset(cast.harbour)
    key, _ = services.create_device_key(organisation_id=cast.harbour.pk, name="g", actor=SYSTEM, at=NOON)
    nothing = Actor(kind=ActorKind.DEVICE, label="", organisation_id=cast.harbour.pk)
    keyed = Actor(kind=ActorKind.DEVICE, label="", organisation_id=cast.harbour.pk, key_id=key.pk)
    pinned = Actor(kind=ActorKind.DEVICE, label="", organisation_id=cast.harbour.pk, key_id=key.pk, asset_id=key.pk)
    stolen = Actor(kind=ActorKind.DEVICE, label="", organisation_id=cast.elsewhere.pk, key_id=key.pk)

    for order in ((nothing, keyed, pinned, stolen), (stolen, pinned, keyed, nothing)):
        assert {actor: may(actor, "assets.report", ours) for actor in order} == {
            nothing: False,
            keyed: True,
            pinned: False,
            stolen: False,
        }


def test_a_partner_is_not_taken_over_for_what_was_granted_to_them() -> None:
    cast = make_cast()
    asset = make_asset(cast.elsewhere)
    services.grant_access(asset, "assets.view", to=cast.bob, actor=SYSTEM, at=NOON)

    assert not outranks(cast.actor("alice"), cast.bob)
    assert outranks(cast.actor("alice"), make_user("dora", organisation=cast.harbour))
    assert outranks(SYSTEM, cast.bob)


def test_every_table_of_grants_moves_the_version() -> None:
    tables = {table._meta.db_table for entry in all_protected() for table in entry.grants or ()}
    with connection.cursor() as cursor:
        cursor.execute("SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgfoid = 'access_bump_version'::regproc")
        watched = {name for (name,) in cursor.fetchall()}

    assert tables - watched == set()
    assert len(tables) >= 6


def test_a_request_that_reads_is_decided_by_one_version() -> None:
    with statements_sent() as asked, one_moment():
        versions = {access_version() for _ in range(3)}
    assert len(versions) == 1
    assert asked.call_count == 1
    with statements_sent() as asked:
        access_version()
        access_version()
    assert asked.call_count == 2
