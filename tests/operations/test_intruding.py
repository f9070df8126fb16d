"""Assets of others in volumes of what runs: a finding when they come and when they go, told to whoever may know."""

from __future__ import annotations

from typing import Any

import pytest

from apps.access import services as access
from apps.access.types import SYSTEM
from apps.assets.models import Asset
from apps.core.types import Datum
from apps.events.models import Event
from apps.incidents.models import Evidence, Incident
from apps.operations import services
from apps.operations.models import Intrusion
from tests.factories.access import Cast, make_cast, make_organisation, make_user, with_key
from tests.factories.assets import make_asset
from tests.factories.core import NOON, after
from tests.factories.incidents import make_rule
from tests.factories.operations import band, volume
from tests.operations.test_following import INSIDE, OUTSIDE, at, run, see

pytestmark = pytest.mark.django_db


@pytest.fixture
def tug() -> Asset:
    return make_asset("Tug 7", organisation=make_organisation(parent=make_organisation("Port")))


@pytest.fixture
def stranger(tug: Asset) -> Asset:
    return make_asset("Yacht", organisation=make_organisation(parent=tug.organisation.parent))


def found(asset: Asset) -> list[tuple[str, str]]:
    events = Event.objects.filter(object_id=asset.pk, type__regex="finding.(intruded|withdrew)").order_by("seq")
    shown = [event.data["object"]["properties"] for event in events]
    return [(each["finding"], each["effective_at"]) for each in shown]


@pytest.mark.parametrize("together", [False, True], ids=["one by one", "as one batch"])
def test_coming_and_going_is_found_once_each(tug, stranger, together) -> None:
    operation = run(tug)
    see(stranger, (10, OUTSIDE), (20, INSIDE), (30, INSIDE), (40, OUTSIDE), (50, INSIDE), together=together)
    assert found(stranger) == [
        ("intruded", "2026-06-30T12:00:20Z"),
        ("withdrew", "2026-06-30T12:00:40Z"),
        ("intruded", "2026-06-30T12:00:50Z"),
    ]
    kept = Intrusion.objects.filter(operation=operation).values_list("entered_at", "left_at")
    assert list(kept) == [(at(20), at(40)), (at(50), None)]


def test_who_takes_part_or_belongs_to_it_does_not_intrude(tug, stranger) -> None:
    ours = make_asset("Barge 2", organisation=tug.organisation)
    run(tug, stranger)
    see(tug, (10, INSIDE))
    see(ours, (11, INSIDE))
    see(stranger, (12, INSIDE))
    assert not Intrusion.objects.exists()


def test_only_while_it_runs_when_it_is_in_force_and_at_its_height(tug, stranger) -> None:
    operation = run(tug, volumes=[volume(starts_at=NOON, heights=band(0, 100))])
    see(stranger, (10, INSIDE), altitude_m=101.0, altitude_datum=Datum.AMSL)
    assert found(stranger) == []
    see(stranger, (20, INSIDE), altitude_m=100.0, altitude_datum=Datum.AMSL)
    services.move_operation(operation, "end", actor=SYSTEM, at=after(minutes=1))
    see(stranger, (90, INSIDE))
    assert [name for name, _ in found(stranger)] == ["intruded"]
    assert Intrusion.objects.filter(left_at=None).count() == 1
    run(tug)  # something runs again, elsewhere in time: whoever is seen then is there no more
    see(stranger, (7300, INSIDE))
    assert [name for name, _ in found(stranger)] == ["intruded", "withdrew"]


def test_a_rule_opens_an_incident_for_each_operation(tug, stranger) -> None:
    make_rule(stranger.organisation.parent, finding="intruded")
    run(tug)
    see(stranger, (10, INSIDE), (20, OUTSIDE), (30, INSIDE))
    (incident,) = Incident.objects.all()
    assert incident.title.startswith("Yacht intrudes on Operation")
    assert incident.evidence_count == 2
    operations = [each.operation and each.operation["title"] for each in Evidence.objects.all()]
    assert operations == [incident.title.removeprefix("Yacht intrudes on ")] * 2


class TestWhoIsTold:
    @pytest.fixture
    def cast(self) -> Cast:
        return make_cast()

    def test_whoever_may_see_both(self, client, cast) -> None:
        ours = make_asset("Tug 7", organisation=cast.harbour)
        theirs = make_asset("Yacht", organisation=cast.elsewhere)
        operation = run(ours)
        see(theirs, (10, INSIDE))
        (event,) = Event.objects.filter(type__contains="intruded")
        assert event.also == [["operations", str(operation.pk), str(cast.harbour.pk)]]
        assert event.organisation_id == cast.elsewhere.pk

        def intruders(headers: dict[str, str]) -> Any:
            answer = client.get(f"/api/v1/operations/{operation.pk}/conformance", headers=headers)
            assert answer.status_code == 200
            return answer.json()["intruders"]

        scopes = ("operations.view", "assets.track")
        assert intruders(with_key(cast.bob, *scopes)) == []
        access.grant_access(theirs, "assets.track", to=cast.bob, actor=SYSTEM, at=NOON)
        (intruder,) = intruders(with_key(cast.bob, *scopes))
        assert intruder["asset_id"] == str(theirs.pk)
        everybody = make_user("root", is_superuser=True)
        assert len(intruders(with_key(everybody, *scopes))) == 1
        services.move_operation(operation, "end", actor=SYSTEM, at=after(minutes=1))
        assert intruders(with_key(everybody, *scopes)) == []
