"""Explain and who: the verdict is that of the doors, the reasons come to it, and what may not be seen is not told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase as HypothesisTestCase

from apps.access import services
from apps.access.models import User
from apps.access.queries import actor_of_user, authorize
from apps.access.queries.explaining import Explanation, Question, explain
from apps.access.queries.holders import Holders, who
from apps.access.queries.reasons import SECRET, Kind, is_allowed
from apps.access.registry import all_actions
from apps.access.types import SYSTEM, Actor, Channel
from apps.assets.models import Asset
from apps.core import clock
from apps.core.types import Invalid, NotAllowed, NotFound, TimeWindow, WatchfloorError
from apps.incidents.models import Incident
from tests.factories.access import (
    Cast,
    assign,
    describe,
    make_attribute,
    make_cast,
    make_group,
    make_organisation,
    make_policy,
    make_role,
    make_user,
    signed_in,
    with_key,
)
from tests.factories.assets import make_asset
from tests.factories.core import NOON, after
from tests.factories.incidents import make_incident

pytestmark = pytest.mark.django_db
LONG = "attributes.length_m > 50"
ROOT = replace(SYSTEM, label="root")


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def asked(asker: Actor | User, thing: Any, action: str = "assets.view", **question: Any) -> Explanation:
    """Ask why somebody may, or may not, do something to an asset."""
    actor = asker if isinstance(asker, Actor) else actor_of_user(asker)
    noun = action.partition(".")[0]
    return explain(Question(action=action, noun=noun, object_id=thing.pk, **question), asker=actor, at=clock.now())


def told(explanation: Explanation) -> set[tuple[str, str, bool | None, bool]]:
    """Return what was told: kind, name, what it says, and whether it decided."""
    return {(each.kind.value, each.name, each.counts, each.decided) for each in explanation.reasons}


def names(found: Holders) -> list[str]:
    """Return the usernames of a page."""
    return [each.username for each in found.items]


def test_everything_that_bears_on_it_is_named_with_what_it_says(cast: Cast) -> None:
    tug = make_asset("tug", organisation=cast.harbour, attributes={"length_m": 90})
    over = TimeWindow(end=after(days=-1))
    assign(cast.bob, make_role("assets.view", name="Former"), cast.harbour, during=over)
    services.grant_access(tug, "assets.view", to=make_group(cast.bob, name="crew"), actor=SYSTEM, at=NOON)
    for effect, condition in (("permit", LONG), ("require", LONG), ("deny", "attributes.draught_m > 3")):
        make_policy(effect, ["assets.view"], condition, organisation=cast.harbour, users=[cast.bob], name=effect)

    found = asked(cast.alice, tug, user_id=cast.bob.pk)

    assert not found.allowed
    assert told(found) == {
        ("role", "Viewing", True, False),
        ("role", "Former", False, False),
        ("grant", "assets.view", True, False),
        ("permit", "permit", True, False),
        ("require", "require", True, False),
        ("deny", "deny", None, True),
    }
    assert {each.group for each in found.reasons if each.kind is Kind.GRANT} == {"crew"}
    former = next(each for each in found.reasons if each.name == "Former")
    assert (former.during, former.organisation) == (over, (cast.harbour.pk, "Harbour"))


def test_what_is_kept_back_is_told(cast: Cast) -> None:
    tug = make_asset("tug", organisation=cast.harbour)
    make_policy(
        "limit", ["assets.*"], organisation=cast.harbour, users=[cast.bob], hidden_fields=["name"], coarsen_m=500.0
    )
    found = asked(cast.bob, tug)
    assert (found.allowed, found.obligations.hidden, found.obligations.coarsen_m) == (True, frozenset({"name"}), 500.0)


def test_a_key_is_a_reason(cast: Cast) -> None:
    tug = make_asset("tug", organisation=cast.harbour)
    keyed = replace(actor_of_user(cast.alice), scopes=frozenset({"assets.view"}))
    found = asked(keyed, tug, "assets.change")
    assert (found.allowed, [each.kind for each in found.reasons if each.decided]) == (False, [Kind.KEY])


def test_the_past_is_judged_by_the_periods_of_then(cast: Cast) -> None:
    tug = make_asset("tug", organisation=cast.harbour)
    watch = TimeWindow(start=after(hours=-9), end=after(hours=-1))
    carol = make_user("carol", organisation=cast.harbour)
    assign(carol, ["assets.view", "assets.change"], cast.harbour, during=watch)
    may = {
        hours: asked(cast.alice, tug, user_id=carol.pk, instant=after(hours=hours)).allowed for hours in (-10, -9, -1)
    }
    assert may == {-10: False, -9: True, -1: False}
    with pytest.raises(Invalid):
        asked(cast.alice, tug, "assets.change", user_id=carol.pk, instant=after(hours=-5))


def test_the_channel_decides_where_a_policy_asks_for_it(cast: Cast) -> None:
    tug = make_asset("tug", organisation=cast.harbour)
    make_policy("require", ["assets.view"], "${channel} = 'feed'", organisation=cast.harbour, users=[cast.bob])
    may = {
        each: asked(cast.alice, tug, user_id=cast.bob.pk, channel=each).allowed for each in (Channel.REST, Channel.FEED)
    }
    assert may == {Channel.REST: False, Channel.FEED: True}


@pytest.mark.parametrize("asker", ["bob", "charlie"])
def test_nobody_asks_about_others_whom_they_do_not_administer(cast: Cast, asker: str) -> None:
    tug = make_asset("tug", organisation=cast.harbour)
    with pytest.raises((NotAllowed, NotFound)):
        asked(getattr(cast, asker), tug, user_id=cast.alice.pk)
    with pytest.raises((NotAllowed, NotFound)):
        who("assets.view", "assets", tug.pk, asker=actor_of_user(cast.charlie), at=clock.now())


def test_a_delegated_administrator_meets_masks_and_never_what_is_behind(cast: Cast) -> None:
    """Alice administers the pier only: what stands at the harbour above it bears on it, and is not hers to see."""
    pier = make_organisation("Pier", parent=cast.harbour)
    tug = make_asset("tug", organisation=pier)
    delegate, carol = make_user("delegate", organisation=pier), make_user("carol", organisation=pier)
    assign(delegate, sorted(all_actions()), pier)
    assign(carol, make_role("assets.view", name="Viewer"), cast.harbour)
    secret = make_policy("deny", ["assets.view"], LONG, organisation=cast.harbour, users=[carol], name="Harbour secret")

    found = asked(delegate, tug, user_id=carol.pk)

    assert told(found) == {("masked", SECRET, None, True), ("masked", SECRET, None, False)}
    services.delete_policy(secret.pk, actor=SYSTEM, at=NOON)
    people = who("assets.view", "assets", tug.pk, asker=actor_of_user(delegate), at=clock.now())
    assert {each.username: [reason.kind for reason in each.reasons] for each in people.items} == {
        "carol": [Kind.MASKED],
        "delegate": [Kind.ROLE],
    }
    assert people.others == 2  # Alice and Bob of the harbour
    text = signed_in(delegate).post(
        "/api/v1/access/explain",
        data={"user_id": str(carol.pk), "action": "assets.view", "noun": "assets", "object_id": str(tug.pk)},
        content_type="application/json",
    )
    assert text.status_code == 200, text.content
    for word in ("Harbour", "Viewer", str(cast.harbour.pk)):
        assert word not in text.content.decode()


def test_a_policy_about_a_hidden_field_says_nothing_of_it(cast: Cast) -> None:
    tug = make_asset("tug", organisation=cast.harbour, attributes={"length_m": 90})
    make_policy("limit", ["assets.view"], organisation=cast.harbour, users=[cast.alice], hidden_fields=["attributes"])
    make_policy("deny", ["assets.track"], LONG, organisation=cast.harbour, name="By length")
    found = asked(cast.alice, tug, "assets.track", user_id=cast.bob.pk)
    assert ("masked", SECRET, None, True) in told(found)
    assert "By length" not in {each.name for each in found.reasons}


def test_an_object_that_one_does_not_see_is_not_there(cast: Cast) -> None:
    tug = make_asset("tug", organisation=cast.elsewhere)
    for user_id in (None, cast.bob.pk):
        with pytest.raises(NotFound):
            asked(cast.alice, tug, user_id=user_id)
    with pytest.raises(Invalid):
        asked(cast.charlie, tug, "assets.fly")


def test_an_incident_that_is_over_is_judged_by_when_it_was(cast: Cast) -> None:
    carol = make_user("carol", organisation=cast.harbour)
    assign(carol, ["incidents.view"], cast.harbour, during=TimeWindow(end=after(hours=-1)))
    now, then = make_incident(cast.harbour, title="now"), make_incident(cast.harbour, title="then")
    Incident.objects.filter(pk=then.pk).update(opened_at=after(hours=-2))
    for incident in (now, then):
        incident.refresh_from_db()
        found = asked(cast.alice, incident, "incidents.view", user_id=carol.pk)
        assert found.allowed == _passes(actor_of_user(carol), "incidents.view", incident) == is_allowed(found.reasons)


def test_rest_answers_with_the_reasons_and_with_people(cast: Cast) -> None:
    tug = make_asset("tug", organisation=cast.harbour)
    about = {"action": "assets.change", "noun": "assets", "object_id": str(tug.pk)}
    alice = signed_in(cast.alice)

    mine = alice.post("/api/v1/access/explain", data=about, content_type="application/json").json()
    theirs = alice.post(
        "/api/v1/access/explain", data={**about, "user_id": str(cast.bob.pk)}, content_type="application/json"
    ).json()
    people = alice.post("/api/v1/access/who", data={**about, "limit": 1}, content_type="application/json").json()

    assert (mine["allowed"], [each["name"] for each in mine["because"]]) == (True, ["Everything"])
    assert (theirs["allowed"], theirs["because"], theirs["user_id"]) == (False, [], str(cast.bob.pk))
    assert [each["username"] for each in people["items"]] == ["alice"]
    assert (people["next_after"], people["others"], people["at_least"]) == (None, 0, False)
    wrong = alice.post(
        "/api/v1/access/explain", data={**about, "at": "2020-01-01T00:00:00Z"}, content_type="application/json"
    )
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/at")


def test_a_program_asks_with_its_key(cast: Cast, client: Any) -> None:
    tug = make_asset("tug", organisation=cast.harbour)
    body = {"action": "assets.change", "noun": "assets", "object_id": str(tug.pk)}
    answer = client.post(
        "/api/v1/access/explain",
        data=body,
        content_type="application/json",
        headers=with_key(cast.alice, "assets.view"),
    )
    assert (answer.json()["allowed"], answer.json()["because"][0]["kind"]) == (False, "key")


def test_people_come_in_pages(cast: Cast) -> None:
    tug = make_asset("tug", organisation=cast.harbour)
    for name in ("dora", "emil"):
        services.grant_access(tug, "assets.view", to=make_user(name, organisation=cast.harbour), actor=SYSTEM, at=NOON)
    found: list[str] = []
    after_: str | None = None
    for _ in range(5):
        page = who(
            "assets.view", "assets", tug.pk, asker=actor_of_user(cast.alice), at=clock.now(), after=after_, limit=2
        )
        found += names(page)
        after_ = page.after
        if after_ is None:
            break
    assert found == ["alice", "bob", "dora", "emil"]


def test_more_people_cost_no_more_statements(cast: Cast, django_assert_max_num_queries: Any) -> None:
    tug = make_asset("tug", organisation=cast.harbour)
    make_attribute("rank", "number")
    make_policy("deny", ["assets.view"], "${user.rank} > 5", organisation=cast.harbour, groups=[make_group()])
    counted = []
    for _ in range(2):
        with django_assert_max_num_queries(60) as statements:
            who("assets.view", "assets", tug.pk, asker=actor_of_user(cast.alice), at=clock.now())
        counted.append(len(statements))
        for number in range(5):
            member = make_user(organisation=cast.harbour)
            describe(member, "rank", number)
            assign(member, ["assets.view"], cast.harbour)
            services.grant_access(tug, "assets.view", to=make_group(member), actor=SYSTEM, at=NOON)
        who("assets.view", "assets", tug.pk, asker=actor_of_user(cast.alice), at=clock.now())
    assert counted[1] <= counted[0]


CONDITIONS = (
    "",
    LONG,
    "attributes.length_m > ${user.rank}",
    "${channel} = 'rest'",
    "organisation_id = ${user.organisation_id}",
)
PERIODS = (None, TimeWindow(end=after(days=-1)), TimeWindow(start=after(days=-1)), TimeWindow(start=after(days=1)))
ACTIONS = ("assets.view", "assets.change", "incidents.view")


def _passes(actor: Actor, action: str, thing: Any) -> bool:
    try:
        authorize(actor, action, thing)
    except WatchfloorError:
        return False
    return True


class TestForAnyRightsThatWeCanMakeUp(HypothesisTestCase):
    """The verdict of explain, its reasons, the list of who may, and the doors agree, whoever is asked about."""

    @settings(
        max_examples=12,
        phases=(Phase.explicit, Phase.generate),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(data=st.data())
    def test_they_agree(self, data: Any) -> None:
        port = make_organisation()
        places = [port, make_organisation(parent=port), make_organisation()]
        somewhere = st.sampled_from(places)
        root = make_user(is_superuser=True, password=None)
        people = [make_user(organisation=data.draw(somewhere), password=None) for _ in range(3)]
        group = make_group(*people[: data.draw(st.integers(0, 2))])
        make_attribute("rank", "number")
        for person in people:
            if data.draw(st.booleans()):
                describe(person, "rank", data.draw(st.sampled_from([10, 100])))
            if data.draw(st.booleans()):
                assign(
                    person,
                    [data.draw(st.sampled_from(ACTIONS))],
                    data.draw(somewhere),
                    during=data.draw(st.sampled_from(PERIODS)),
                )
        assign(group, ["assets.view"], data.draw(somewhere), during=data.draw(st.sampled_from(PERIODS)))
        asset = make_asset(
            organisation=data.draw(somewhere),
            attributes=data.draw(st.sampled_from([{}, {"length_m": 90}, {"length_m": 9}])),
        )
        incident = make_incident(data.draw(somewhere))
        Incident.objects.filter(pk=incident.pk).update(opened_at=data.draw(st.sampled_from([NOON, after(days=-2)])))
        incident.refresh_from_db()
        services.grant_access(
            asset, "assets.view", to=data.draw(st.sampled_from([people[0], group])), actor=SYSTEM, at=NOON
        )
        for _ in range(data.draw(st.integers(0, 3))):
            make_policy(
                data.draw(st.sampled_from(["permit", "require", "deny"])),
                [data.draw(st.sampled_from(["assets.view", "assets.*"]))],
                data.draw(st.sampled_from(CONDITIONS)),
                organisation=data.draw(st.sampled_from([None, *places])),
                **data.draw(st.sampled_from([{}, {"users": [people[1]]}, {"groups": [group]}])),
            )
        for action, thing in ((ACTIONS[0], asset), (ACTIONS[1], asset), (ACTIONS[2], incident)):
            self._agree(root, [*people, root], action, thing)

    def _agree(self, root: User, people: list[User], action: str, thing: Asset | Incident) -> None:
        passing = set()
        for person in people:
            actor = replace(actor_of_user(person), channel=Channel.REST)
            found = asked(root, thing, action, user_id=person.pk)
            passes = _passes(actor, action, thing)
            assert (found.allowed, is_allowed(found.reasons)) == (passes, passes), found
            if passes:
                passing.add(person.username)
        page = who(action, action.partition(".")[0], thing.pk, asker=actor_of_user(root), at=clock.now())
        assert set(names(page)) & {person.username for person in people} == passing
        assert all(each.reasons for each in page.items)
