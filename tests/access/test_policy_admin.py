"""The editor of policies and the who-has-what pages: what they answer, and to whom."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.access import services
from apps.access.models import Policy
from apps.access.queries import access_version
from apps.access.queries.editing import check_condition
from apps.access.types import SYSTEM
from tests.factories.access import (
    Cast,
    assign,
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
from tests.factories.core import NOON

pytestmark = pytest.mark.django_db
LONG = "attributes.length_m > 50"


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def form(**changes: Any) -> dict[str, Any]:
    """Return the form of a policy as a browser sends it."""
    filled = {"name": "draft", "effect": "deny", "everybody": "on", "actions": "assets.view", "is_enabled": "on"}
    return {**filled, **{name: value for name, value in changes.items() if value is not None}}


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        pytest.param("length > ", "", id="ends too early"),
        pytest.param("name = 'a' AND colour = 'red'", "colour", id="no such property"),
        pytest.param("name = ${user.rank}", "", id="no such variable"),
        pytest.param("name = 'a' ANDD is_active", "ANDD", id="no such word"),
    ],
)
def test_a_fault_has_its_place_in_the_text(text: str, marked: str) -> None:
    [fault] = check_condition(text, ["assets.view"]).faults
    assert (text[fault.start : fault.end].strip() if marked else marked) == marked
    assert fault.detail.startswith("assets: ")
    assert 0 <= fault.start <= fault.end <= len(text)


def test_what_may_be_asked_is_that_of_every_noun_of_the_actions(cast: Cast) -> None:
    make_attribute("rank", "number")
    answer = signed_in(cast.alice).post(
        reverse("admin:access_policy_check"), {"condition": LONG, "actions": "assets.view\nzones.*\nwrong"}
    )
    found = answer.json()
    assert set(found["queryables"]) == {"assets", "zones"}
    assert [each["detail"].partition(":")[0] for each in found["faults"]] == ["zones"]
    assert {"name": "user.rank", "type": "number"} in found["variables"]
    assert next(each for each in found["queryables"]["assets"] if each["name"] == "attributes")["is_open"]
    assert "recorded_at" not in {each["name"] for each in found["queryables"]["assets"]}


@pytest.mark.parametrize("name", ["check", "dry_run", "try", "offers"])
def test_the_editor_answers_those_who_keep_policies(cast: Cast, name: str) -> None:
    address = reverse(f"admin:access_policy_{name}")
    send = "get" if name == "offers" else "post"
    statuses = {who: getattr(signed_in(getattr(cast, who)), send)(address).status_code for who in ("alice", "bob")}
    assert statuses["bob"] == 403
    assert statuses["alice"] in (200, 422)
    assert getattr(Client(), send)(address).status_code == 302


def test_a_dry_run_of_the_form_saves_nothing(cast: Cast) -> None:
    make_asset("tug", organisation=cast.harbour, attributes={"length_m": 90})
    alice, before = signed_in(cast.alice), (Policy.objects.count(), access_version())
    address = reverse("admin:access_policy_dry_run")
    answer = alice.post(address, form(organisation=cast.harbour.pk, condition=LONG)).json()
    assert answer["sentence"] == "1 asset would disappear for 2 people."
    wrong = alice.post(address, form(organisation=cast.harbour.pk, condition="colour = 1"))
    assert (wrong.status_code, set(wrong.json()["faults"])) == (422, {"condition"})
    nobody = alice.post(address, form(organisation=cast.harbour.pk, everybody=None, name=""))
    assert (nobody.status_code, "name" in nobody.json()["faults"]) == (422, True)
    assert (Policy.objects.count(), access_version()) == before


def test_a_change_is_tried_on_a_person_and_an_object(cast: Cast) -> None:
    tug = make_asset("tug", organisation=cast.harbour, attributes={"length_m": 9})
    policy = make_policy("deny", ["assets.view"], LONG, organisation=cast.harbour, users=[cast.bob], name="By length")
    tried = {"trial_user": cast.bob.pk, "trial_action": "assets.view", "trial_object": tug.pk, "trial_channel": "rest"}
    alice, found = signed_in(cast.alice), {}
    for condition in (LONG, "attributes.length_m > 5", "attributes.draught_m > 5"):
        sent = form(condition=condition, policy=policy.pk, everybody="", users=[cast.bob.pk], name="By length", **tried)
        answer = alice.post(reverse("admin:access_policy_try"), sent).json()
        found[condition] = answer["says"], answer["decision"]["allowed"]
        assert "By length" in {each["name"] for each in answer["decision"]["because"]}
    assert list(found.values()) == [(False, True), (True, False), (None, False)]
    other = form(organisation=cast.harbour.pk, actions="assets.track", **tried)
    assert alice.post(reverse("admin:access_policy_try"), other).json()["counts"] is False
    empty = alice.post(reverse("admin:access_policy_try"), form(organisation=cast.harbour.pk))
    assert (empty.status_code, empty.json()["faults"]) == (422, {"": "Choose a person and an object."})


def test_offers_are_what_one_sees(cast: Cast) -> None:
    for name, owner in (("Tug here", cast.harbour), ("Tug there", cast.elsewhere)):
        make_asset(name, organisation=owner)
    address = reverse("admin:access_policy_offers")
    found = signed_in(cast.alice).get(address, {"noun": "assets", "q": "tug"}).json()["items"]
    assert [each["label"] for each in found] == ["Tug here"]
    assert signed_in(cast.alice).get(address, {"noun": "nothing"}).json() == {"items": []}


def test_the_page_of_a_policy_has_the_editor_and_no_script_of_its_own(cast: Cast) -> None:
    text = signed_in(cast.alice).get(reverse("admin:access_policy_add")).content.decode()
    assert 'id="policy-trial"' in text
    assert 'src="/static/access/policy-editor.mjs"' in text


def test_an_object_says_who_may_and_why(cast: Cast) -> None:
    tug = make_asset("tug", organisation=cast.harbour)
    address = reverse("admin:access_of_object", args=["assets", tug.pk])
    text = signed_in(cast.alice).get(address, {"user": str(cast.bob.pk), "action": "assets.change"}).content.decode()
    assert "May not" in text
    assert 'id="who"' in text
    assert signed_in(cast.charlie).get(address).status_code == 404
    assert signed_in(cast.alice).get(address, {"action": "assets.fly"}).status_code == 404


def test_a_person_is_shown_with_all_that_they_hold(cast: Cast) -> None:
    pier = make_organisation("Pier", parent=cast.harbour)
    carol = make_user("carol", organisation=pier)
    assign(carol, make_role("assets.view", name="Tug reader"), pier)
    make_policy("deny", ["assets.view"], LONG, organisation=pier, groups=[make_group(carol)], name="Short ones only")
    with_key(carol, "assets.view")
    make_asset("tug", organisation=pier)
    address = reverse("admin:access_of_user", args=[carol.pk])

    text = signed_in(cast.alice).get(address).content.decode()

    for told in ("Tug reader", "Short ones only", "assets.view", "Pier"):
        assert told in text
    assert [signed_in(getattr(cast, who)).get(address).status_code for who in ("bob", "charlie")] == [403, 404]


def test_a_delegate_sees_that_there_is_something_and_not_what(cast: Cast) -> None:
    pier = make_organisation("Pier", parent=cast.harbour)
    delegate, carol = make_user("delegate", organisation=pier, is_staff=True), make_user("carol", organisation=pier)
    assign(delegate, ["users.view", "users.change", "assignments.view", "organisations.view"], pier)
    assign(carol, make_role("assets.view", name="Harbour reader"), cast.harbour)
    make_policy("deny", ["assets.view"], organisation=cast.harbour, users=[carol], name="Harbour secret")
    client = signed_in(delegate)
    for address in (
        reverse("admin:access_of_user", args=[carol.pk]),
        reverse("admin:access_of_organisation", args=[pier.pk]),
    ):
        text = client.get(address).content.decode()
        assert "something that you may not see" in text
        assert [word for word in ("Harbour", "alice") if word in text] == []


def test_an_organisation_is_shown_with_its_people_and_policies(cast: Cast) -> None:
    make_policy("deny", ["assets.view"], LONG, organisation=cast.harbour, name="Short ones only")
    address = reverse("admin:access_of_organisation", args=[cast.harbour.pk])
    text = signed_in(cast.alice).get(address).content.decode()
    for told in ("alice", "Viewing", "Short ones only"):
        assert told in text
    assert signed_in(cast.charlie).get(address).status_code == 404


def test_a_name_that_may_be_hidden_is_on_no_page(cast: Cast) -> None:
    tug = make_asset("Xylograph", organisation=cast.harbour)
    make_policy("limit", ["assets.view"], organisation=cast.harbour, users=[cast.alice], hidden_fields=["name"])
    alice = signed_in(cast.alice)
    services.grant_access(tug, "assets.view", to=cast.bob, actor=SYSTEM, at=NOON)
    pages = [
        alice.get(reverse("admin:access_of_object", args=["assets", tug.pk])),
        alice.get(reverse("admin:access_policy_offers"), {"noun": "assets", "q": "Xylo"}),
        alice.get(reverse("admin:access_of_user", args=[cast.bob.pk])),
        alice.post(reverse("admin:access_policy_dry_run"), form(organisation=cast.harbour.pk)),
    ]
    assert [page.status_code for page in pages] == [200] * 4
    assert [str(tug.pk) in page.content.decode() for page in pages] == [True] * 4
    assert [b"Xylograph" in page.content for page in pages] == [False] * 4


@pytest.mark.parametrize("noun", ["assets", "zones", "incidents"])
def test_the_page_of_an_object_leads_there(cast: Cast, noun: str) -> None:
    from apps.access.registry import protected  # noqa: PLC0415
    from tests.factories.incidents import make_incident  # noqa: PLC0415
    from tests.factories.zones import make_zone  # noqa: PLC0415

    makers: Any = {
        "assets": lambda: make_asset(organisation=cast.harbour),
        "zones": lambda: make_zone("Basin", organisation=cast.harbour),
        "incidents": lambda: make_incident(cast.harbour),
    }
    row, meta = makers[noun](), protected(noun).model._meta
    alice = signed_in(cast.alice)
    page = alice.get(reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])).content.decode()
    assert "who-may-see" in page
    there = alice.get(reverse(f"admin:{meta.app_label}_{meta.model_name}_who_may_see", args=[row.pk]))
    assert there.headers["Location"] == reverse("admin:access_of_object", args=[noun, row.pk])
