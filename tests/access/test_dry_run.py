"""A dry run says what saving a policy would do, does nothing, and tells only what one may see."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase as HypothesisTestCase

from apps.access import services
from apps.access.models import Policy, User
from apps.access.queries import access_version, actor_of_user, dry_run, visible
from apps.access.queries.dry_run import DryRun, Effected, Tally, effects_of, sentences
from apps.access.registry import protected
from apps.access.types import SYSTEM
from apps.assets.models import Asset
from apps.core import clock
from apps.core.types import Invalid, NotAllowed
from tests.factories.access import (
    Cast,
    assign,
    describe,
    make_attribute,
    make_cast,
    make_group,
    make_organisation,
    make_policy,
    make_user,
    signed_in,
)
from tests.factories.assets import make_asset
from tests.factories.core import NOON

pytestmark = pytest.mark.django_db
LONG = "attributes.length_m > 50"


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be cut short because the machine is slow."""
    monkeypatch.setattr(dry_run, "PATIENCE", timedelta(minutes=5))


def tried(asker: User, organisation: Any = None, *, policy: Policy | None = None, **changes: Any) -> DryRun:
    """Run a draft dry."""
    actor, at = actor_of_user(asker), clock.now()
    new: Any = {"name": "draft", "effect": "deny", "everybody": True, "actions": ["assets.view"]}
    given: Any = {**({} if policy else new), **changes}
    draft = services.draft_policy(
        given,
        policy_id=policy.pk if policy else None,
        organisation_id=organisation.pk if organisation else None,
        actor=actor,
        at=at,
    )
    return effects_of(draft, asker=actor, at=at)


def test_it_counts_what_would_go_and_for_whom_and_saves_nothing(cast: Cast) -> None:
    long = make_asset("long", organisation=cast.harbour, attributes={"length_m": 90})
    make_asset("short", organisation=cast.harbour, attributes={"length_m": 9})
    before = Policy.objects.count(), access_version()

    found = tried(cast.alice, cast.harbour, condition=LONG)

    gone = Effected(
        noun="assets", action="assets.view", appear=Tally(), disappear=Tally(objects=1, people=2), at_least=False
    )
    assert (found.effects, found.at_least, found.people) == ((gone,), False, 2)
    assert sentences(found) == ["1 asset would disappear for 2 people."]
    assert {(each.object_id, each.label, each.user, each.appears) for each in found.examples} == {
        (long.pk, str(long), "alice", False),
        (long.pk, str(long), "bob", False),
    }
    assert (Policy.objects.count(), access_version()) == before


def test_a_change_is_counted_against_what_is_in_force(cast: Cast) -> None:
    for length in (9, 60, 90):
        make_asset(organisation=cast.harbour, attributes={"length_m": length})
    policy = make_policy("deny", ["assets.view"], LONG, organisation=cast.harbour, users=[cast.bob])

    def tally(**changes: Any) -> list[tuple[str, Tally, Tally]]:
        return [
            (each.action, each.appear, each.disappear) for each in tried(cast.alice, policy=policy, **changes).effects
        ]

    assert tally(condition="attributes.length_m > 70") == [("assets.view", Tally(objects=1, people=1), Tally())]
    assert tally(is_enabled=False) == [("assets.view", Tally(objects=2, people=1), Tally())]
    assert tally(actions=["assets.track"]) == [
        ("assets.view", Tally(objects=2, people=1), Tally()),
        ("assets.track", Tally(), Tally(objects=2, people=1)),
    ]
    assert tally(description="The same.") == []


def test_it_takes_the_rights_of_saving_it(cast: Cast) -> None:
    with pytest.raises(NotAllowed):
        tried(cast.bob, cast.harbour)
    with pytest.raises(NotAllowed):
        tried(cast.alice, cast.harbour, mandatory=True)
    with pytest.raises(Invalid):
        tried(cast.alice, cast.harbour, condition="colour = 'red'")


def test_what_one_may_not_see_is_not_counted(cast: Cast) -> None:
    """The pier's administrator denies everybody: of the harbour's people and of hidden assets nothing is told."""
    pier = make_organisation("Pier", parent=cast.harbour)
    delegate = make_user("delegate", organisation=pier)
    assign(delegate, ["policies.add", "users.view", "assets.view"], pier)
    for name in ("open", "secret"):
        make_asset(name, organisation=pier)
    make_policy("deny", ["assets.view"], "name = 'secret'", organisation=pier, users=[delegate])

    found = tried(delegate, pier)

    assert [(each.disappear, each.appear) for each in found.effects] == [(Tally(objects=1, people=1), Tally())]
    assert {each.user for each in found.examples} == {"delegate"}


def test_counting_is_no_way_to_learn_a_hidden_field(cast: Cast) -> None:
    make_asset(organisation=cast.harbour, attributes={"length_m": 90})
    make_policy("limit", ["assets.view"], organisation=cast.harbour, users=[cast.alice], hidden_fields=["attributes"])
    with pytest.raises(Invalid) as refused:
        tried(cast.alice, cast.harbour, condition=LONG)
    assert [each.pointer for each in refused.value.errors] == ["/condition"]


def test_what_is_cut_short_says_so(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        make_asset(organisation=cast.harbour)
    monkeypatch.setattr(dry_run, "MOST_OBJECTS", 1)
    found = tried(cast.alice, cast.harbour)
    assert found.at_least
    assert sentences(found)[0].startswith("At least ")
    monkeypatch.setattr(dry_run, "MOST_PEOPLE", 1)
    assert tried(cast.alice, cast.harbour).people == 1
    monkeypatch.setattr(dry_run, "PATIENCE", -dry_run.PATIENCE)
    assert (tried(cast.alice, cast.harbour).effects, tried(cast.alice, cast.harbour).at_least) == ((), True)


def test_a_statement_that_takes_too_long_is_ended_and_the_transaction_goes_on() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        before = cursor.fetchone()
        with pytest.raises(OperationalError), dry_run.at_most(0.05):
            cursor.execute("SELECT pg_sleep(5)")
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == before
        with dry_run.at_most(5):
            cursor.execute("SHOW statement_timeout")
            assert cursor.fetchone() == ("5s",)
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == before


def test_a_limit_says_whom_it_is_for(cast: Cast) -> None:
    make_asset(organisation=cast.harbour)
    found = tried(cast.alice, cast.harbour, effect="limit", hidden_fields=["name"])
    assert (found.effects, sentences(found)) == ((), ["It keeps something back from 2 people."])


def test_more_people_cost_no_more_statements(cast: Cast, django_assert_max_num_queries: Any) -> None:
    make_attribute("rank", "number")
    make_asset(organisation=cast.harbour, attributes={"length_m": 90})
    counted = []
    for _ in range(2):
        for number in range(2):
            member = make_user(organisation=cast.harbour)
            describe(member, "rank", number)
            assign(member, ["assets.view"], cast.harbour)
        tried(cast.alice, cast.harbour, condition="attributes.length_m > ${user.rank}")
        with django_assert_max_num_queries(90) as statements:
            found = tried(cast.alice, cast.harbour, condition="attributes.length_m > ${user.rank}")
        counted.append(len(statements))
    assert found.people == 6
    assert counted[1] <= counted[0]


def test_rest_answers_a_sentence_counts_and_examples(cast: Cast) -> None:
    make_asset("tug", organisation=cast.harbour, attributes={"length_m": 90})
    body = {
        "effect": "deny",
        "user_ids": [str(cast.bob.pk)],
        "actions": ["assets.view"],
        "condition": LONG,
        "organisation_id": str(cast.harbour.pk),
    }
    alice = signed_in(cast.alice)
    answer = alice.post("/api/v1/policies:dry-run", data=body, content_type="application/json").json()
    assert (answer["sentence"], answer["at_least"]) == ("1 asset would disappear for 1 person.", False)
    assert answer["effects"][0]["disappear"] == {"objects": 1, "people": 1}
    assert [(each["user"], each["appears"]) for each in answer["examples"]] == [("bob", False)]
    wrong = alice.post("/api/v1/policies:dry-run", data={"effect": "deny"}, content_type="application/json")
    assert (wrong.status_code, [each["pointer"] for each in wrong.json()["errors"]]) == (422, ["/actions"])


CONDITIONS = (
    "",
    LONG,
    "attributes.length_m > ${user.rank}",
    "organisation_id = ${user.organisation_id}",
    "name LIKE 'a%'",
)


class TestForAnyPolicyThatWeCanMakeUp(HypothesisTestCase):
    """What the dry run says is what saving it does."""

    @settings(
        max_examples=10,
        phases=(Phase.explicit, Phase.generate),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(data=st.data())
    def test_it_says_what_happens(self, data: Any) -> None:
        port = make_organisation()
        places = [port, make_organisation(parent=port), make_organisation()]
        somewhere = st.sampled_from(places)
        root = make_user(is_superuser=True, password=None)
        people = [make_user(organisation=data.draw(somewhere), password=None) for _ in range(3)]
        group = make_group(*people[:2])
        make_attribute("rank", "number")
        describe(people[0], "rank", 20)
        for person in people:
            if data.draw(st.booleans()):
                assign(person, ["assets.view", "assets.change"], data.draw(somewhere))
        for length in (9, 90, None):
            attributes = {} if length is None else {"length_m": length}
            make_asset(data.draw(st.sampled_from("ab")), organisation=data.draw(somewhere), attributes=attributes)
        policy = make_policy(
            **self._draft(data), organisation=data.draw(st.sampled_from([None, *places])), users=people[1:]
        )
        who: Any = data.draw(
            st.sampled_from([{}, {"everybody": True, "user_ids": []}, {"user_ids": [], "group_ids": [group.pk]}])
        )
        changes: Any = {**self._draft(data), **who}
        before = self._seen(people)

        said = tried(root, policy=policy, **changes)

        services.change_policy(policy.pk, changes, actor=SYSTEM, at=NOON)
        after = self._seen(people)
        done = {
            action: (self._tally(after[action], before[action]), self._tally(before[action], after[action]))
            for action in before
            if before[action] != after[action]
        }
        assert {each.action: (each.appear, each.disappear) for each in said.effects} == done

    def _draft(self, data: Any) -> dict[str, Any]:
        return {
            "effect": data.draw(st.sampled_from(["permit", "require", "deny"])),
            "actions": [data.draw(st.sampled_from(["assets.view", "assets.*"]))],
            "condition": data.draw(st.sampled_from(CONDITIONS)),
        }

    def _seen(self, people: list[User]) -> dict[str, dict[User, set[Any]]]:
        return {
            f"assets.{verb}": {
                each: set(
                    visible(Asset.objects.all(), actor_of_user(each), f"assets.{verb}").values_list("pk", flat=True)
                )
                for each in people
            }
            for verb in protected("assets").actions
            if verb != "add"
        }

    def _tally(self, more: dict[User, set[Any]], less: dict[User, set[Any]]) -> Tally:
        gained = {user: more[user] - less[user] for user in more}
        return Tally(objects=len(set().union(*gained.values())), people=sum(map(bool, gained.values())))
