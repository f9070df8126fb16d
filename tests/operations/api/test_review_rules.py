"""Review rules over REST: made, changed with their versions, refused with a place, and named to whom they may be."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.operations import services
from apps.operations.models import ReviewRule
from tests.factories.access import Cast, assign, make_cast, make_policy, make_user, signed_in
from tests.factories.operations import make_operation, make_operation_kind, make_review_rule, submit, volume
from tests.factories.zones import square

pytestmark = pytest.mark.django_db
RULES = "/api/v1/review-rules"
PATCH = "application/merge-patch+json"


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture
def alice(cast: Cast) -> Client:
    return signed_in(cast.alice)


def patch(client: Client, path: str, changes: dict[str, Any], match: str = "*") -> Any:
    return client.patch(path, data=changes, content_type=PATCH, headers={"If-Match": match})


def test_a_rule_is_made_changed_and_deleted(cast: Cast, alice: Client) -> None:
    body = {"organisation_id": str(cast.harbour.pk), "name": "Urgent", "condition": "priority > 50"}
    answer = alice.post(RULES, data=body, content_type="application/json")
    made, path = answer.json(), answer.headers["Location"]
    assert (answer.status_code, answer.headers["ETag"]) == (201, '"1"')
    assert {**body, "description": "", "is_enabled": True}.items() <= made.items()
    assert alice.get(path).json() == made
    assert patch(alice, path, {"name": "Rushed"}, '"2"').status_code == 412
    changed = patch(alice, path, {"name": "Rushed", "is_enabled": False}, '"1"')
    assert (changed.status_code, changed.headers["ETag"], changed.json()["name"]) == (200, '"2"', "Rushed")
    assert patch(alice, path, {"organisation_id": str(cast.elsewhere.pk)}).status_code == 422
    assert alice.delete(path).status_code == 428
    assert alice.delete(path, headers={"If-Match": '"2"'}).status_code == 204
    assert not ReviewRule.objects.exists()


def test_the_list_is_narrowed(cast: Cast, alice: Client) -> None:
    make_review_rule(cast.harbour, name="On", condition="priority > 1")
    make_review_rule(cast.harbour, name="Off", is_enabled=False)
    make_review_rule(cast.elsewhere, name="Theirs")

    def names(query: str) -> list[str]:
        return [each["name"] for each in alice.get(f"{RULES}?{query}").json()["items"]]

    assert names("") == ["Off", "On"]
    assert names("is_enabled=true") == ["On"]
    assert names("filter=condition LIKE 'priority%'") == ["On"]
    assert names(f"organisation_id={cast.elsewhere.pk}") == []
    assert names("sort=-name") == ["On", "Off"]


def test_what_is_wrong_with_a_condition_is_told_with_its_place(cast: Cast, alice: Client) -> None:
    body = {"organisation_id": str(cast.harbour.pk), "name": "Broken", "condition": "priority > > 1"}
    answer = alice.post(RULES, data=body, content_type="application/json")
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["pointer"], error["code"]) == (422, "/condition#char=11", "syntax")
    make_review_rule(cast.harbour, name="Taken")
    taken = alice.post(RULES, data={**body, "name": "TAKEN", "condition": ""}, content_type="application/json")
    assert (taken.status_code, taken.json()["errors"][0]["pointer"]) == (409, "/name")


def test_an_approval_names_its_rule_and_says_between_which_heights(cast: Cast, alice: Client) -> None:
    rule = make_review_rule(cast.harbour, name="Ours")
    submit(make_operation(organisation=cast.harbour))
    (asked,) = alice.get("/api/v1/approvals?filter=rule_name = 'Ours'").json()["items"]
    open_ended = {"lower_m": None, "lower_datum": None, "upper_m": None, "upper_datum": None}
    assert (asked["reason"], asked["rule_id"], asked["heights"]) == ("rule", str(rule.pk), [open_ended])
    make_policy("limit", ["approvals.*"], organisation=cast.harbour, hidden_fields=["geometry", "rule_name"])
    veiled = alice.get(f"/api/v1/approvals/{asked['id']}").json()
    assert asked.keys() - veiled.keys() == {"geometry", "heights", "rule_name"}


def test_a_list_of_approvals_takes_as_many_statements_for_three_as_for_one(cast: Cast, alice: Client) -> None:
    make_review_rule(cast.harbour)
    counts: list[int] = []
    alice.get("/api/v1/approvals")
    for west in (0, 5, 10):
        submit(make_operation(organisation=cast.harbour, volumes=[volume(square(west)), volume(square(west + 2))]))
        with CaptureQueriesContext(connection) as statements:
            assert len(alice.get("/api/v1/approvals").json()["items"]) == len(counts) + 1
        counts.append(len(statements))
    assert counts == [counts[0]] * 3


def test_a_check_says_who_would_review_a_plan_for_what_it_is(cast: Cast, alice: Client) -> None:
    for name, condition in [("All", ""), ("Urgent", "priority > 50"), ("Fireworks", "title LIKE '%works%'")]:
        make_review_rule(cast.harbour, name=name, condition=condition)
    make_review_rule(cast.elsewhere, name="Theirs")
    drafted = make_operation(organisation=cast.harbour, kind=make_operation_kind(is_reviewed=True))
    plan = alice.get(f"/api/v1/operations/{drafted.pk}").json()
    plan = {name: plan[name] for name in ("organisation_id", "kind", "volumes")}

    def reviewers(client: Client, **said: object) -> list[str]:
        answer = client.post("/api/v1/operations:check", data=plan | said, content_type="application/json")
        assert answer.status_code == 200, answer.content
        assert {each["organisation_id"] for each in answer.json()["reviews"]} == {str(cast.harbour.pk)}
        return [each["rule_name"] or each["reason"] for each in answer.json()["reviews"]]

    assert reviewers(alice, title="Regatta", priority=9) == ["organisation", "All"]
    assert reviewers(alice, title="Fireworks", priority=90) == ["organisation", "All", "Urgent", "Fireworks"]
    assert reviewers(alice) == ["organisation", "All", "Fireworks"]
    planner = make_user("planner")
    assign(planner, ["operations.add"], cast.harbour)
    assert reviewers(signed_in(planner), title="Regatta") == ["organisation", "rule"]


def test_whoever_waits_is_told_the_name_only_of_a_rule_that_they_may_see(cast: Cast) -> None:
    rule = make_review_rule(cast.harbour, name="Secret ways")
    operation = submit(make_operation(organisation=cast.harbour))
    waiting = f"/api/v1/operations/{operation.pk}/approvals"

    def told(client: Client) -> str:
        answer = client.get(waiting)
        (item,) = answer.json()["items"]
        assert ("Secret ways" in answer.content.decode()) == bool(item["rule_name"])
        return str(item["rule_name"])

    assert told(signed_in(cast.alice)) == "Secret ways"
    planner = make_user("planner", organisation=cast.harbour)
    assign(planner, ["operations.view"], cast.harbour)
    assert told(signed_in(planner)) == ""
    assign(planner, ["review-rules.view"], cast.harbour)
    assert told(signed_in(planner)) == "Secret ways"
    services.delete_review_rule(rule.pk, actor=cast.actor("alice"), at=rule.changed_at)
    assert told(signed_in(cast.alice)) == ""
