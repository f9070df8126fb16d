"""The main job, from a report over HTTP to an incident that is acknowledged, or escalates because nobody acts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from apps.core.clock import now
from apps.events.models import Event
from apps.events.services import number_pending
from apps.lifecycle.jobs import sweep
from apps.lifecycle.models import Timer
from apps.lifecycle.services import advance_due
from tests.factories.access import Cast, make_cast, signed_in, with_key
from tests.factories.assets import make_asset
from tests.factories.incidents import make_rule
from tests.factories.zones import make_zone

pytestmark = pytest.mark.django_db

OUTSIDE, INSIDE = (10.0, 50.0), (0.5, 0.5)
ESCALATE_AFTER = timedelta(minutes=2)


@pytest.fixture
def cast() -> Cast:
    """Alice's organisation has a zone, a rule and a tug."""
    cast = make_cast()
    make_zone("Basin", organisation=cast.harbour)
    make_rule(cast.harbour, title_template="{asset} is in {zone}", escalate_after=ESCALATE_AFTER)
    make_asset("Tug 7", organisation=cast.harbour, identifiers=[("mmsi", "367000001")])
    return cast


def report(cast: Cast, at: datetime, place: tuple[float, float]) -> dict[str, Any]:
    """Send one position as a program does, and return the answer."""
    body = [{"asset": "mmsi:367000001", "fixed_at": at.isoformat(), "lon": place[0], "lat": place[1]}]
    answer = Client().post(
        "/api/v1/positions", data=body, content_type="application/json", headers=with_key(cast.alice)
    )
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def sail_in(cast: Cast) -> dict[str, Any]:
    """Bring the tug into the zone and return the incident as Alice reads it."""
    at = now()
    for seconds, place in ((20, OUTSIDE), (10, INSIDE)):
        counted = report(cast, at - timedelta(seconds=seconds), place)
        assert (counted["stored"], counted["duplicate"], counted["quarantined"]) == (1, 0, 0)
    [incident] = signed_in(cast.alice).get("/api/v1/incidents").json()["items"]
    return dict(incident)


def test_a_report_opens_an_incident_once_and_a_hand_acknowledges_it(cast: Cast) -> None:
    opened = sail_in(cast)
    assert (opened["title"], opened["state"]) == ("Tug 7 is in Basin", "open")
    again = report(cast, now() - timedelta(seconds=10), INSIDE)
    assert again["stored"] + again["duplicate"] == 1
    assert len(signed_in(cast.alice).get("/api/v1/incidents").json()["items"]) == 1

    alice, address = signed_in(cast.alice), f"/api/v1/incidents/{opened['id']}"
    etag = alice.get(address).headers["ETag"]
    move = {"transition": "acknowledge", "reason": "On the radio with them."}
    unversioned = alice.post(f"{address}/transitions", data=move, content_type="application/json")
    assert unversioned.status_code == 428
    moved = alice.post(f"{address}/transitions", data=move, content_type="application/json", headers={"If-Match": etag})
    assert moved.status_code == 200, moved.content
    assert alice.get(address).json()["state"] == "acknowledged"
    stale = alice.post(f"{address}/transitions", data=move, content_type="application/json", headers={"If-Match": etag})
    assert stale.status_code == 412
    assert not Timer.objects.exists()


def test_when_nobody_acts_it_escalates_by_itself_once(cast: Cast) -> None:
    opened = sail_in(cast)
    [timer] = Timer.objects.all()
    assert sweep(timer.due_at - timedelta(seconds=1)) == 0
    for _ in range(2):
        advance_due([timer.pk], at=timer.due_at)
    history = signed_in(cast.alice).get(f"/api/v1/incidents/{opened['id']}/history").json()["items"]
    assert [(each["transition"], each["cause"]) for each in history] == [("begin", "rule"), ("escalate", "timer")]


def test_the_log_tells_it_in_order_to_those_who_may_know(cast: Cast) -> None:
    sail_in(cast)
    number_pending(1_000)
    mine = signed_in(cast.alice).get("/api/v1/events").json()["items"]
    told = [each["type"] for each in mine if each["type"].split(".")[1] in ("finding", "incident")]
    assert told == ["watchfloor.finding.entered.v1", "watchfloor.incident.created.v1"]
    assert [int(each["sequence"]) for each in mine] == sorted(int(each["sequence"]) for each in mine)
    others = signed_in(cast.charlie).get("/api/v1/events").json()["items"]
    assert [each for each in others if each["type"].split(".")[1] in ("finding", "incident", "asset", "zone")] == []
    assert Event.objects.filter(offset__isnull=True).count() == 0
