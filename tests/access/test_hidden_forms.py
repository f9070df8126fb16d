"""Saving a form of the admin of which a policy hides some fields: what is hidden stays, unseen and as it was."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.access.models import Organisation, User
from apps.assets.models import Asset
from apps.incidents.models import Incident
from apps.zones.models import Zone
from tests.factories.access import assign, make_organisation, make_policy, make_user, signed_in
from tests.factories.assets import make_asset, make_asset_kind
from tests.factories.incidents import make_incident
from tests.factories.zones import make_zone

pytestmark = pytest.mark.django_db
SECRET = "xylograph"
ACTIONS = [f"{noun}.{verb}" for noun in ("assets", "incidents", "zones") for verb in ("view", "change", "add", "share")]


@pytest.fixture
def harbour() -> Organisation:
    return make_organisation("Harbour")


@pytest.fixture
def bob(harbour: Organisation) -> User:
    bob = make_user("bob", is_staff=True)
    assign(bob, [*ACTIONS, "incidents.assign", "assets.track", "users.view", "organisations.view"], harbour)
    return bob


def hide(harbour: Organisation, noun: str, *fields: str) -> None:
    make_policy("limit", [f"{noun}.*"], organisation=harbour, hidden_fields=fields)


def typed(page: Any) -> dict[str, Any]:
    """What a browser sends of a page when nothing was touched."""
    forms = [page.context["adminform"].form]
    for each in page.context["inline_admin_formsets"]:
        forms += [each.formset.management_form, *each.formset.initial_forms]
    fields = (field for form in forms for field in form)
    sent = {field.html_name: field.value() for field in fields}
    if page.context["read_version"]:
        name, version = page.context["read_version"]
        sent[name] = version
    return {name: value for name, value in sent.items() if value is not None and value is not False}


def edit(client: Client, path: str, **changes: Any) -> tuple[Any, Any]:
    """The page, and the answer to its form with some of it changed."""
    page = client.get(path)
    assert page.status_code == 200
    return page, client.post(path, {**typed(page), **changes})


def test_hidden_fields_and_parts_of_an_asset_stay(harbour, bob) -> None:
    attributes = {"code": SECRET}
    asset = make_asset("Tug", organisation=harbour, attributes=attributes, identifiers=[("plate", SECRET)])
    hide(harbour, "assets", "attributes", "identifiers", "is_active")
    path = f"/admin/assets/asset/{asset.pk}/change/"
    client = signed_in(bob)

    page, saved = edit(client, path, name="Tug 2")

    assert saved.status_code == 302, saved.context["adminform"].form.errors
    assert SECRET not in page.content.decode()
    row = Asset.objects.get()
    assert (row.name, row.attributes, row.is_active) == ("Tug 2", attributes, True)
    assert [str(each.value) for each in row.identifiers.all()] == [SECRET]


def test_what_is_hidden_cannot_be_sent_either(harbour, bob) -> None:
    asset = make_asset("Tug", organisation=harbour, attributes={"code": SECRET}, identifiers=[("plate", SECRET)])
    hide(harbour, "assets", "attributes", "identifiers")
    forged = {
        "attributes": '{"code": "forged"}',
        "identifiers-TOTAL_FORMS": 1,
        "identifiers-INITIAL_FORMS": 0,
        "identifiers-0-scheme": "plate",
        "identifiers-0-value": "forged",
    }
    _, saved = edit(signed_in(bob), f"/admin/assets/asset/{asset.pk}/change/", name="Tug 2", **forged)
    assert saved.status_code == 302
    row = Asset.objects.get()
    assert (row.name, row.attributes) == ("Tug 2", {"code": SECRET})
    assert [each.value for each in row.identifiers.all()] == [SECRET]


def test_a_mistake_shows_the_form_again_and_nothing_hidden(harbour, bob) -> None:
    strict = make_asset_kind(
        attributes_schema={"type": "object", "properties": {"code": {"type": "number"}}, "required": ["code"]}
    )
    asset = make_asset("Tug", organisation=harbour, attributes={"code": SECRET}, identifiers=[("plate", SECRET)])
    hide(harbour, "assets", "attributes", "identifiers")
    assign(bob, ["asset-kinds.view"], harbour)
    client, path = signed_in(bob), f"/admin/assets/asset/{asset.pk}/change/"

    for changes in ({"name": ""}, {"name": "Tug 2", "kind": strict.pk}):
        _, answer = edit(client, path, **changes)
        assert answer.status_code == 200
        assert answer.context["errors"]
        assert SECRET not in answer.content.decode().lower()
    assert (Asset.objects.get().name, Asset.objects.get().attributes) == ("Tug", {"code": SECRET})


def test_no_error_of_rest_tells_what_is_hidden(harbour, bob) -> None:
    strict = make_asset_kind(attributes_schema={"properties": {"code": {"type": "number"}}})
    asset = make_asset("Tug", organisation=harbour, attributes={"code": SECRET})
    hide(harbour, "assets", "attributes.code")
    answer = signed_in(bob).patch(
        f"/api/v1/assets/{asset.pk}",
        {"kind": strict.slug},
        content_type="application/merge-patch+json",
        headers={"If-Match": f'"{asset.version}"'},
    )
    assert answer.status_code == 422, answer.content
    assert "schema_type" in answer.content.decode()
    assert SECRET not in answer.content.decode().lower()


def test_hidden_fields_of_an_incident_stay(harbour, bob) -> None:
    incident = make_incident(harbour, title="A tug drifts")
    place = "SRID=4326;POINT(1.23456 5.67891)"
    Incident.objects.filter(pk=incident.pk).update(assignee=bob, location=place, description=SECRET)
    hide(harbour, "incidents", "description", "assignee_id", "geometry", "escalate_after_s")
    page, saved = edit(signed_in(bob), f"/admin/incidents/incident/{incident.pk}/change/", title="Two tugs drift")
    assert saved.status_code == 302
    assert SECRET not in page.content.decode()
    assert "1.2345" not in page.content.decode()
    row = Incident.objects.get()
    assert (row.title, row.description, row.assignee) == ("Two tugs drift", SECRET, bob)
    assert row.location is not None


def test_hidden_fields_of_a_zone_stay(harbour, bob) -> None:
    zone = make_zone("Basin", organisation=harbour)
    before = Zone.objects.get()
    hide(harbour, "zones", "geometry", "valid_from", "valid_to", "kind")
    page, saved = edit(signed_in(bob), f"/admin/zones/zone/{zone.pk}/change/", name="Inner basin")
    assert saved.status_code == 302, saved.context["adminform"].form.errors
    assert "coordinates" not in page.content.decode()
    row = Zone.objects.get()
    assert (row.name, row.area, row.kind_id) == ("Inner basin", before.area, before.kind_id)


def test_declared_fields_that_are_hidden_cannot_be_sent(harbour, bob) -> None:
    zone = make_zone("Basin", organisation=harbour)
    before = Zone.objects.get()
    hide(harbour, "zones", "geometry", "valid_from", "lower_m")
    forged = {
        "area": '{"type": "Polygon", "coordinates": [[[9, 9], [10, 9], [10, 10], [9, 9]]]}',
        "valid_from_0": "2026-01-01",
        "valid_from_1": "00:00:00",
        "lower_m": 5,
        "upper_m": 50,
        "upper_datum": "msl",
    }
    edit(signed_in(bob), f"/admin/zones/zone/{zone.pk}/change/", name="Inner basin", **forged)
    row = Zone.objects.get()
    assert (row.area, row.window, row.lower_m) == (before.area, before.window, before.lower_m)


def test_what_is_new_is_asked_for_whole(harbour, bob) -> None:
    kind = make_asset_kind()
    assign(bob, ["asset-kinds.view"], harbour)
    hide(harbour, "assets", "attributes", "kind", "identifiers")
    client, path = signed_in(bob), "/admin/assets/asset/add/"
    given = {"name": "Tug", "kind": kind.pk, "organisation": harbour.pk, "attributes": '{"code": 1}', "is_active": "on"}
    saved = client.post(path, {**typed(client.get(path)), **given})
    assert saved.status_code == 302, saved.context["adminform"].form.errors
    assert (Asset.objects.get().kind, Asset.objects.get().attributes) == (kind, {"code": 1})
