"""Objects that follow no lifecycle begin the one that their kind names by now: said before, by an explicit action."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from apps.access.models import Organisation
from apps.access.queries import actor_of_user
from apps.access.types import SYSTEM
from apps.assets.models import Asset, AssetKind
from apps.assets.services import update_asset_kind
from apps.core.types import Invalid
from apps.events.models import Event
from apps.lifecycle import queries, services
from apps.lifecycle.models import DefinitionVersion, Timer
from apps.lifecycle.services import MigrationPlan
from apps.zones.models import Zone, ZoneVersion
from tests.factories.access import assign, make_organisation, make_user
from tests.factories.assets import make_asset, make_asset_kind
from tests.factories.core import NOON, after
from tests.factories.lifecycles import CLOSURE, MOORING, begin_incident, make_definition, make_moored_kind
from tests.factories.zones import make_zone, make_zone_kind

pytestmark = pytest.mark.django_db
PLAN = MigrationPlan(key="mooring", from_version=None, to_version=1)


@pytest.fixture
def harbour() -> Organisation:
    return make_organisation()


@pytest.fixture
def tugs(harbour: Organisation) -> list[Asset]:
    """Return two assets that were made before their kind named a lifecycle."""
    kind = make_asset_kind()
    found = [make_asset(f"Tug {each}", kind=kind, organisation=harbour) for each in range(2)]
    name_mooring(kind)
    return found


def name_mooring(kind: AssetKind) -> None:
    make_definition(MOORING)
    update_asset_kind(kind.pk, actor=SYSTEM, at=NOON, lifecycle="mooring")


def test_those_of_the_kind_begin_and_it_is_told(harbour: Organisation, tugs: list[Asset]) -> None:
    other = make_asset("Buoy", kind=make_asset_kind(), organisation=harbour)
    tried = services.try_migration(PLAN, actor=SYSTEM)
    assert (tried.maps, tried.by_state, tried.refused) == (2, {"": 2}, {})
    assert not Asset.objects.exclude(state="").exists()
    done = services.migrate(PLAN, actor=SYSTEM, at=after(minutes=1))
    assert (done.moved, done.failed, done.left) == (2, {}, 0)
    tug = Asset.objects.get(pk=tugs[0].pk)
    assert (tug.lifecycle_key, tug.lifecycle_version, tug.state, tug.state_since, tug.version) == (
        "mooring", 1, "away", after(minutes=1), 2,
    )  # fmt: skip
    [step] = queries.history(tug)
    assert (step.name, step.from_state, step.to_state, step.cause) == ("begin", "", "away", "migration")
    event = Event.objects.filter(object_id=tug.pk).latest("seq")
    assert (event.type, event.data["lifecycle"]["from"], event.data["lifecycle"]["to"]) == (
        "watchfloor.asset.transitioned.v1", None, "away",
    )  # fmt: skip
    assert event.data["previous"]["properties"]["state"] is None
    other.refresh_from_db()
    assert other.state == ""
    assert services.migrate(PLAN, actor=SYSTEM, at=after(minutes=2)).moved == 0
    assert services.advance(tug, "moor", actor=SYSTEM, at=after(minutes=3)).state == "moored"


def test_zones_begin_with_their_timers_and_keep_a_version(harbour: Organisation) -> None:
    kind = make_zone_kind()
    zone = make_zone("Basin", kind=kind, organisation=harbour)
    make_definition(CLOSURE.replace("from: [closed]", "from: [proposed, closed]"))
    kind.lifecycle = "closure"
    kind.save()
    services.migrate(MigrationPlan(key="closure", from_version=None, to_version=1), actor=SYSTEM, at=after(minutes=1))
    assert Timer.objects.get(object_id=zone.pk).due_at == after(minutes=61)
    assert Zone.objects.get(pk=zone.pk).version == 2
    assert ZoneVersion.objects.filter(zone=zone).count() == 2


def test_only_those_begin_that_one_may_change(harbour: Organisation, tugs: list[Asset]) -> None:
    elsewhere = make_organisation()
    theirs = make_asset("Barge", kind=tugs[0].kind, organisation=elsewhere)
    Asset.objects.filter(pk=theirs.pk).update(
        lifecycle_key="", lifecycle_version=None, state="", state_category="", state_since=None
    )
    carol = make_user("carol")
    assign(carol, ["lifecycles.migrate", "assets.view", "assets.change"], harbour)
    assert services.migrate(PLAN, actor=actor_of_user(carol), at=after(1)).moved == 2
    theirs.refresh_from_db()
    assert theirs.state == ""


def test_what_always_follows_a_lifecycle_cannot_be_brought_into_one(harbour: Organisation) -> None:
    make_definition()
    begin_incident(harbour)
    with pytest.raises(Invalid) as refused:
        services.try_migration(MigrationPlan(key="drill", from_version=None, to_version=1), actor=SYSTEM)
    assert [each.code for each in refused.value.errors] == ["always_follow"]
    states = MigrationPlan(key="mooring", from_version=None, to_version=1, states={"": "moored"})
    make_moored_kind()
    with pytest.raises(Invalid):
        services.try_migration(states, actor=SYSTEM)


def test_over_rest_and_in_the_admin(tugs: list[Asset]) -> None:
    root = Client()
    root.force_login(make_user("root", is_staff=True, is_superuser=True))
    row = DefinitionVersion.objects.get(key="mooring")
    path = f"/api/v1/lifecycles/{row.pk}/enrol"
    tried = root.post(f"{path}?dry_run=true").json()
    assert (tried["is_dry_run"], tried["maps"], tried["by_state"], tried["moved"]) == (True, 2, {"": 2}, 0)
    url = reverse("admin:lifecycle_definitionversion_enrol", args=[row.pk])
    assert url in root.get(reverse("admin:lifecycle_definitionversion_change", args=[row.pk])).content.decode()
    assert "<strong>2</strong> would begin." in root.get(url).content.decode()
    done = root.post(path).json()
    assert (done["moved"], done["left"]) == (2, 0)
    assert "<strong>0</strong> would begin." in root.get(url).content.decode()
