"""Operations in the admin: planned and changed through the services, by forms that tell nothing that is hidden."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.test import Client

from apps.access.models import Organisation
from apps.core.clock import now
from apps.events.rules import instant
from apps.operations.models import Operation, OperationKind
from apps.operations.queries import assigned_asset_ids, volumes_of
from tests.factories.access import assign, make_organisation, make_policy, make_user, signed_in
from tests.factories.assets import make_asset
from tests.factories.operations import make_operation, make_operation_kind, submit

pytestmark = pytest.mark.django_db

OPERATIONS = "/admin/operations/operation/"
ACTIONS = [f"operations.{verb}" for verb in ("view", "add", "change", "delete", "submit")]
INLINES = {
    f"{prefix}-{part}": 0
    for prefix in ("volumes", "assigned", "occupancies", "user_grants", "group_grants")
    for part in ("TOTAL_FORMS", "INITIAL_FORMS")
}
CIRCLE = {"type": "Circle", "centre": [-74.02, 40.68], "radius_m": 300.0}
CORRIDOR = {"type": "Corridor", "coordinates": [[-74.05, 40.62], [-74.04, 40.6]], "width_m": 200.0}


@pytest.fixture
def harbour() -> Organisation:
    return make_organisation("Harbour")


@pytest.fixture
def alice(harbour: Organisation) -> Client:
    person = make_user("alice", is_staff=True)
    assign(person, [*ACTIONS, "assets.view"], harbour)
    assign(person, ["organisations.view"], harbour)
    return signed_in(person)


@pytest.fixture
def kind() -> OperationKind:
    return make_operation_kind("tow", default_priority=7)


def plan(shape: object = CIRCLE, **given: object) -> dict[str, object]:
    """Return a volume as the map writes it: tomorrow for an hour, at every height."""
    begins = now().replace(microsecond=0) + timedelta(days=1)
    body = {"shape": shape, "lower_m": None, "lower_datum": None, "upper_m": None, "upper_datum": None}
    times = {"starts_at": instant(begins), "ends_at": instant(begins + timedelta(hours=1)), "recurrence": None}
    return {**body, **times, **given}


def form(kind: OperationKind, harbour: Organisation, *volumes: object, **given: object) -> dict[str, object]:
    """Return the form of an operation as the browser sends it."""
    return {
        "title": "Tow",
        "priority": "",
        "kind": str(kind.pk),
        "organisation": str(harbour.pk),
        "contact": "",
        "description": "",
        "volumes": json.dumps(volumes or [plan()]),
        **INLINES,
        **given,
    }


def test_an_operation_is_drawn_and_changed(alice: Client, harbour: Organisation, kind: OperationKind) -> None:
    tug = make_asset("Tug", organisation=harbour)
    made = alice.post(f"{OPERATIONS}add/", form(kind, harbour, asset_ids=[str(tug.pk)]))
    assert made.status_code == 302, made.content.decode()
    operation = Operation.objects.get()
    assert (operation.state, operation.priority, operation.version) == ("draft", 7, 1)
    assert assigned_asset_ids([operation.pk]) == {operation.pk: [tug.pk]}

    page = alice.get(f"{OPERATIONS}{operation.pk}/change/")
    form_shown = page.context["adminform"].form
    assert form_shown.initial["volumes"][0]["shape"] == CIRCLE
    assert json.loads(form_shown.fields["volumes"].widget.get_context("volumes", None, {})["about"])["kind"] == "tow"

    heights = {"lower_m": 10.0, "lower_datum": "AMSL", "upper_m": 90.0, "upper_datum": "AMSL"}
    moved = form(kind, harbour, plan(CORRIDOR, **heights), plan(), priority="9", asset_ids=[])
    assert alice.post(f"{OPERATIONS}{operation.pk}/change/", moved).status_code == 302
    operation.refresh_from_db()
    volumes = volumes_of([operation.pk])[operation.pk]
    assert [(each.shape["type"], each.upper_m) for each in volumes] == [("Corridor", 90.0), ("Circle", None)]
    assert (operation.priority, operation.version, assigned_asset_ids([operation.pk])) == (9, 2, {})


def test_a_form_sent_as_it_came_changes_nothing(alice: Client, harbour: Organisation, kind: OperationKind) -> None:
    alice.post(f"{OPERATIONS}add/", form(kind, harbour))
    operation = Operation.objects.get()
    shown = alice.get(f"{OPERATIONS}{operation.pk}/change/").context["adminform"].form
    same = form(kind, harbour, *shown.initial["volumes"], priority="7")
    assert alice.post(f"{OPERATIONS}{operation.pk}/change/", same).status_code == 302
    assert Operation.objects.get().version == 1


def test_assets_that_one_may_not_see_stay_assigned(alice: Client, harbour: Organisation, kind: OperationKind) -> None:
    seen, unseen = make_asset("Tug", organisation=harbour), make_asset("Barge", organisation=make_organisation())
    operation = make_operation(kind=kind, organisation=harbour, asset_ids=[seen.pk, unseen.pk])
    page = alice.get(f"{OPERATIONS}{operation.pk}/change/").content.decode()
    assert "Tug" in page
    assert "Barge" not in page
    volumes = json.dumps(shown_volumes(alice, operation))
    emptied = form(kind, harbour, volumes=volumes, title="Tow", asset_ids=[])
    assert alice.post(f"{OPERATIONS}{operation.pk}/change/", emptied).status_code == 302
    assert assigned_asset_ids([operation.pk]) == {operation.pk: [unseen.pk]}


@pytest.mark.parametrize(
    ("volumes", "says"),
    [
        ("not json", "This is not JSON."),
        ("[]", "at least 1"),
        ('[{"shape": {"type": "Circle", "centre": [0, 0], "radius_m": -1}}]', "/0/shape/radius_m"),
        (json.dumps([plan({"type": "Star"})]), "The type is Polygon"),
        ("[" * 100_000, "This is not JSON."),
    ],
    ids=["text", "nothing", "negative", "unknown", "deep"],
)
def test_what_is_no_plan_is_refused_and_comes_back(
    alice: Client, harbour: Organisation, kind: OperationKind, volumes: str, says: str
) -> None:
    refused = alice.post(f"{OPERATIONS}add/", form(kind, harbour, volumes=volumes))
    assert refused.status_code == 200
    asked = refused.context["adminform"].form
    assert says in str(asked.errors["volumes"])
    assert asked["volumes"].value() == volumes
    assert not Operation.objects.exists()


def test_a_change_into_what_others_hold_is_refused_on_the_form(
    alice: Client, harbour: Organisation, kind: OperationKind
) -> None:
    submit(make_operation(title="Mine", kind=kind, organisation=harbour))
    taken = make_operation(title="Theirs", kind=kind, organisation=harbour)
    mine = Operation.objects.get(title="Mine")
    there = {"type": "Circle", "centre": [10.0, 10.0], "radius_m": 100.0}
    submit_elsewhere = form(kind, harbour, plan(there), title="Theirs", priority="7")
    assert alice.post(f"{OPERATIONS}{taken.pk}/change/", submit_elsewhere).status_code == 302
    taken.refresh_from_db()
    submit(taken)
    back = form(kind, harbour, *shown_volumes(alice, mine), title="Theirs", priority="7")
    refused = alice.post(f"{OPERATIONS}{taken.pk}/change/", back)
    assert refused.status_code == 200
    assert "Others hold some of this space" in refused.content.decode()
    taken.refresh_from_db()
    assert taken.area.extent[0] > 9


def test_who_may_only_look_sees_the_volumes_and_no_form(harbour: Organisation, kind: OperationKind) -> None:
    person = make_user("bob", is_staff=True)
    assign(person, ["operations.view"], harbour)
    operation = make_operation(kind=kind, organisation=harbour)
    page = signed_in(person).get(f"{OPERATIONS}{operation.pk}/change/").content.decode()
    assert 'data-map-widget="preview"' in page
    assert "data-plan=" not in page
    assert 'id="volumes-group"' in page


@pytest.mark.parametrize("hidden", ["geometry", "starts_at", "ends_at"])
def test_where_a_part_of_the_plan_is_hidden_all_of_it_is(
    alice: Client, harbour: Organisation, kind: OperationKind, hidden: str
) -> None:
    make_policy("limit", ["operations.*"], organisation=harbour, hidden_fields=[hidden])
    operation = make_operation(kind=kind, organisation=harbour)
    page = alice.get(f"{OPERATIONS}{operation.pk}/change/").content.decode()
    assert operation.title in page
    for telling in ("data-plan=", "data-geojson=", 'id="volumes-group"', 'id="occupancies-group"'):
        assert telling not in page
    shown = alice.get(f"/api/v1/operations/{operation.pk}").json()
    assert "volumes" not in shown


def shown_volumes(client: Client, operation: Operation) -> list[dict[str, object]]:
    """Return the volumes as the form shows them."""
    page = client.get(f"{OPERATIONS}{operation.pk}/change/")
    volumes: list[dict[str, object]] = page.context["adminform"].form.initial["volumes"]
    return volumes
