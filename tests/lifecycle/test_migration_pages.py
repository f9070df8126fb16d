"""Bringing objects to another version, as one does it in the admin and over REST."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from apps.access.models import Organisation
from apps.access.types import SYSTEM
from apps.incidents.models import Incident
from apps.lifecycle import services
from apps.lifecycle.models import DefinitionVersion, MigrationRun
from apps.lifecycle.registry import find_definition
from apps.lifecycle.rules.mapping import suggest
from tests.factories.access import make_organisation, make_user
from tests.factories.core import after
from tests.factories.lifecycles import DRILL, begin_incident, make_definition

pytestmark = pytest.mark.django_db
OTHER = DRILL.replace("running", "going").replace("label: Running", "label: Going")


@pytest.fixture
def harbour() -> Organisation:
    make_definition(DRILL)
    return make_organisation()


@pytest.fixture
def root() -> Client:
    client = Client()
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    return client


def two_and_one(harbour: Organisation) -> None:
    """Make two incidents that are planned and one that runs, then publish a version that calls running otherwise."""
    begin_incident(harbour)
    begin_incident(harbour)
    services.advance(begin_incident(harbour), "start", actor=SYSTEM, at=after(5))
    make_definition(OTHER)


def first() -> DefinitionVersion:
    return DefinitionVersion.objects.get(key="drill", number=1)


def test_what_is_called_otherwise_is_suggested(harbour: Organisation) -> None:
    make_definition(OTHER)
    old, new = find_definition("drill", 1), find_definition("drill", 2)
    assert old is not None
    assert new is not None
    assert suggest(old, new) == {"planned": "planned", "running": "going", "over": "over"}


def test_over_rest_it_is_tried_and_then_done(harbour: Organisation, root: Client) -> None:
    two_and_one(harbour)
    path = f"/api/v1/lifecycles/{first().pk}/migrate"
    tried = root.post(f"{path}?dry_run=true", {"to_version": 2}, "application/json")
    assert (tried.status_code, tried.json()) == (
        200,
        {
            "is_dry_run": True,
            "maps": 2,
            "by_state": {"planned": 2},
            "refused": [
                {
                    "state": "running",
                    "objects": 1,
                    "reason": "Version 2 has no state «running», and the plan does not say where it leads.",
                }
            ],
            "moved": 0,
            "failed": 0,
            "left": 2,
        },
    )
    body = {"to_version": 2, "states": {"running": "going"}}
    done = root.post(path, body, "application/json", headers={"Idempotency-Key": "once"}).json()
    assert (done["maps"], done["moved"], done["left"], done["refused"]) == (3, 3, 0, [])
    assert set(Incident.objects.values_list("lifecycle_version", "state")) == {(2, "planned"), (2, "going")}
    assert root.post(path, {"to_version": 1}, "application/json").status_code == 422
    retired = services.retire_definition(
        DefinitionVersion.objects.get(key="drill", number=2).pk, actor=SYSTEM, at=after(9)
    )
    assert root.post(path, {"to_version": retired.number}, "application/json").status_code == 422


def test_in_the_admin_it_is_suggested_and_done_in_the_background(
    harbour: Organisation, root: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_and_one(harbour)
    monkeypatch.setattr(services.migrating, "BATCH", 2)
    url = reverse("admin:lifecycle_definitionversion_migrate", args=[first().pk])
    page = root.get(url).content.decode()
    assert "<strong>3 objects map</strong>, and none is left behind." in page
    plan = {"to": "2", "timers": "recompute", "state-planned": "planned", "state-over": "over"}
    page = root.post(url, {**plan, "do": "try", "state-running": ""}).content.decode()
    assert "<strong>2 objects map</strong>, 1 does not:" in page
    assert "1 in Running" in page
    page = root.post(url, {**plan, "do": "apply", "state-running": "going"}, follow=True).content.decode()
    assert ("0 of 3 objects were brought over." in page, "It goes on without this page." in page) == (True, True)
    assert 'http-equiv="refresh"' in page
    assert Incident.objects.filter(lifecycle_version=2).count() == 0
    again = root.post(url, {**plan, "do": "apply", "state-running": "going"}, follow=True).content.decode()
    assert "These objects are being brought over already." in again
    run = MigrationRun.objects.get()
    assert services.continue_run(run.pk, at=after(9))
    assert "2 of 3 objects were brought over." in root.get(url).content.decode()
    while services.continue_run(run.pk, at=after(10)):
        pass
    page = root.get(url).content.decode()
    assert ("3 of 3 objects were brought over." in page, 'http-equiv="refresh"' in page) == (True, False)
    assert Incident.objects.filter(lifecycle_version=2).count() == 3


def test_in_the_admin_it_can_be_broken_off(harbour: Organisation, root: Client) -> None:
    two_and_one(harbour)
    url = reverse("admin:lifecycle_definitionversion_migrate", args=[first().pk])
    plan = {"to": "2", "timers": "recompute", "state-planned": "planned", "state-over": "over"}
    root.post(url, {**plan, "do": "apply", "state-running": "going"})
    page = root.post(url, {"do": "stop"}, follow=True).content.decode()
    assert "It was broken off at" in page
    assert not services.continue_run(MigrationRun.objects.get().pk, at=after(9))
    assert Incident.objects.filter(lifecycle_version=2).count() == 0


def test_without_another_version_there_is_nowhere_to_go(harbour: Organisation, root: Client) -> None:
    page = root.get(reverse("admin:lifecycle_definitionversion_migrate", args=[first().pk])).content.decode()
    assert "No other version of drill is published." in page
    assert (
        "Bring objects to another version"
        in root.get(reverse("admin:lifecycle_definitionversion_change", args=[first().pk])).content.decode()
    )
