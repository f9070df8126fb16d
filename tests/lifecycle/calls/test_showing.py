"""The calls about an object, over REST and on its page: to whom, how much of them, and with which buttons."""

from __future__ import annotations

from typing import Any

import pytest

from apps.access.types import SYSTEM
from apps.incidents.models import Incident
from apps.lifecycle import services
from apps.lifecycle.models import Saga
from tests.factories.access import Cast, assign, make_cast, make_policy, make_user, signed_in
from tests.factories.calls import VISIT, Desk, make_services, perform_all
from tests.factories.core import NOON
from tests.factories.lifecycles import begin_incident, make_definition

pytestmark = pytest.mark.django_db
SEES = ("incidents.view", "incidents.view_calls")


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture
def saga(cast: Cast) -> Saga:
    """A berth that is booked, and a pilot that did not answer."""
    make_services()
    make_definition(VISIT.format(berths="", pilots=""))
    visit = begin_incident(cast.harbour, "visit")
    services.advance(visit, "book", actor=SYSTEM, at=NOON)
    perform_all(NOON)
    Desk(script=[201, None]).answer()
    return Saga.objects.get()


def viewer(cast: Cast, *actions: str) -> Any:
    user = make_user("viewer", organisation=cast.harbour, is_staff=True)
    assign(user, list(actions), cast.harbour)
    return signed_in(user)


def test_they_are_shown_to_whoever_may_see_them(cast: Cast, saga: Saga) -> None:
    client = viewer(cast, *SEES)
    pilot, berth = client.get(f"/api/v1/incidents/{saga.object_id}/calls").json()["items"]
    assert (berth["service"], berth["state"], berth["path"]) == ("berths", "succeeded", "/bookings")
    assert (berth["body"]["vessel"], berth["answer"], berth["status"]) == ("A drill", '{"is":201}', 201)
    assert (pilot["state"], pilot["last_error"], pilot["saga"]) == ("waiting", "No answer within 10 s.", "calling")
    page = client.get(f"/admin/incidents/incident/{saga.object_id}/change/").content.decode()
    assert ("Service calls" in page, "/bookings" in page, "Try again now" in page) == (True, True, False)


def test_who_sees_the_object_only_is_not_told_of_them(cast: Cast, saga: Saga) -> None:
    client = viewer(cast, "incidents.view")
    assert client.get(f"/api/v1/incidents/{saga.object_id}/calls").json()["items"] == []
    assert "Service calls" not in client.get(f"/admin/incidents/incident/{saga.object_id}/change/").content.decode()
    stranger = signed_in(cast.charlie)
    assert stranger.get(f"/api/v1/incidents/{saga.object_id}/calls").status_code == 404


def test_where_something_may_be_hidden_what_was_asked_is_left_out(cast: Cast, saga: Saga) -> None:
    client = viewer(cast, *SEES)
    make_policy("limit", ["incidents.view"], organisation=cast.harbour, hidden_fields=["description"])
    for call in client.get(f"/api/v1/incidents/{saga.object_id}/calls").json()["items"]:
        assert (call["path"], call["body"], call["answer"]) == (None, None, None)
    page = client.get(f"/admin/incidents/incident/{saga.object_id}/change/").content.decode()
    assert ("Service calls" in page, "/bookings" in page) == (True, False)


def test_the_buttons_are_for_whoever_may_settle_calls(cast: Cast, saga: Saga) -> None:
    pilot = saga.calls.get(place=1)
    place = f"/admin/incidents/incident/{saga.object_id}/call/"
    asked = {"call": str(pilot.pk), "do": "give_up"}
    watcher = viewer(cast, *SEES)
    watcher.post(place, asked)
    assert saga.calls.get(place=1).state == "waiting"
    user = make_user("settler", organisation=cast.harbour, is_staff=True)
    assign(user, [*SEES, "incidents.settle_calls"], cast.harbour)
    client = signed_in(user)
    assert "Give up" in client.get(f"/admin/incidents/incident/{saga.object_id}/change/").content.decode()
    assert client.post(place, {"call": "nonsense", "do": "give_up"}).status_code == 404
    assert client.post(place, {**asked, "do": "nonsense"}).status_code == 404
    assert client.post(place, asked).status_code == 302
    given_up = saga.calls.get(place=1)
    assert (given_up.state, given_up.decided, given_up.decided_by) == ("compensating", "given up", "settler")
    assert Incident.objects.get(pk=saga.object_id).state == "booking"
