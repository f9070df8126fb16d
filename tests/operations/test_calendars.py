"""Calendars of what is planned: parsed again with the library that wrote them, and written out as we write them out."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrulestr
from django.test import Client
from icalendar import Calendar, Event, vRecur

from apps.access.models import Organisation, User
from apps.access.types import SYSTEM
from apps.core.clock import now
from apps.core.types import Datum
from apps.operations.models import Occupancy
from apps.operations.services import move_operation, update_operation
from apps.operations.types import Recurrence
from tests.factories.access import assign, make_organisation, make_policy, make_user, signed_in, with_key
from tests.factories.operations import band, decide_all, make_operation, make_operation_kind, submit, volume
from tests.factories.zones import square

pytestmark = pytest.mark.django_db

FEED = "/api/v1/operations.ics"
ICS = "text/calendar; charset=utf-8"
# Written out over both changes of the clocks in New York: 2027-03-14 and 2027-11-07.
BEFORE_SPRING = datetime(2027, 3, 1, 13, 0, tzinfo=UTC)
BEFORE_AUTUMN = datetime(2027, 10, 25, 12, 0, tzinfo=UTC)
WEEKLY = Recurrence(rule="FREQ=WEEKLY;BYDAY=MO,WE;COUNT=8", time_zone="America/New_York")


@pytest.fixture
def harbour() -> Organisation:
    return make_organisation("Harbour")


@pytest.fixture
def alice(harbour: Organisation) -> User:
    person = make_user("alice")
    assign(person, ["operations.view"], harbour)
    return person


def events(answer: Any) -> list[Event]:
    """Return the events of an answer, which is a calendar."""
    assert (answer.status_code, answer["Content-Type"]) == (200, ICS), answer.content
    calendar = Calendar.from_ical(answer.content)
    assert not calendar.errors
    return list(calendar.events)


def test_an_event_says_what_the_operation_says(harbour: Organisation, alice: User) -> None:
    heights = band(10, 120, Datum.AGL)
    operation = make_operation(
        "Tow, part 1; north", organisation=harbour, contact="VHF 13", volumes=[volume(heights=heights)]
    )
    client = signed_in(alice)
    (event,) = events(client.get(FEED))
    assert (event["SUMMARY"], event["STATUS"], event["SEQUENCE"]) == ("Tow, part 1; north", "TENTATIVE", 1)
    assert (event["UID"], event["CONTACT"]) == (f"{operation.pk}@watchfloor", "VHF 13")
    assert (event.start, event.end) == (operation.starts_at, operation.ends_at)
    assert event["DESCRIPTION"] == "Heights: from 10 m AGL up to 120 m AGL"
    assert event["URL"] == f"http://testserver/api/v1/operations/{operation.pk}"

    submit(operation)
    (approved,) = events(client.get(FEED))
    operation.refresh_from_db()
    assert (approved["UID"], approved["STATUS"]) == (event["UID"], "CONFIRMED")
    assert approved["SEQUENCE"] == operation.version > 1
    move_operation(operation, "cancel", actor=SYSTEM, at=now())
    (cancelled,) = events(client.get(f"/api/v1/operations/{operation.pk}.ics"))
    assert (cancelled["UID"], cancelled["STATUS"]) == (event["UID"], "CANCELLED")


@pytest.mark.parametrize("first", [BEFORE_SPRING, BEFORE_AUTUMN], ids=["into summer", "out of it"])
def test_what_recurs_comes_at_the_times_at_which_it_holds_its_space(
    harbour: Organisation, alice: User, first: datetime
) -> None:
    planned_at = first - timedelta(days=1)
    recurring = [volume(starts_at=first, recurrence=WEEKLY)]
    operation = make_operation(organisation=harbour, volumes=recurring, at=planned_at)
    answer = signed_in(alice).get(f"/api/v1/operations/{operation.pk}.ics")
    (event,) = events(answer)
    assert event["DTSTART"].params["TZID"] == "America/New_York"
    assert "BEGIN:VTIMEZONE" in answer.content.decode()
    begins = rrulestr(vRecur(event["RRULE"]).to_ical().decode(), dtstart=event.start)
    lasting = event.end - event.start
    told = [(each.astimezone(UTC), each.astimezone(UTC) + lasting) for each in begins]
    held = [(each.lower, each.upper) for each in Occupancy.objects.order_by("during").values_list("during", flat=True)]
    assert len(held) == 8
    assert told == held


@pytest.mark.parametrize(
    ("first", "hours"),
    [(datetime(2027, 11, 7, 6, 30, tzinfo=UTC), 1), (datetime(2027, 11, 7, 4, 30, tzinfo=UTC), 2)],
    ids=["begins in it", "ends in it"],
)
def test_the_second_of_an_hour_that_comes_twice_is_not_taken_for_the_first(
    harbour: Organisation, alice: User, first: datetime, hours: int
) -> None:
    sundays = Recurrence(rule="FREQ=WEEKLY;BYDAY=SU;COUNT=3", time_zone="America/New_York")
    planned = volume(starts_at=first, lasting=timedelta(hours=hours), recurrence=sundays)
    operation = make_operation(organisation=harbour, volumes=[planned], at=first - timedelta(days=1))
    event: Any
    (event,) = events(signed_in(alice).get(f"/api/v1/operations/{operation.pk}.ics"))
    if "RRULE" in event:
        begins = list(rrulestr(vRecur(event["RRULE"]).to_ical().decode(), dtstart=event.start))
    else:
        begins = [event.start, *(each for each, _ in event.rdates)]
    lasting = event.end.astimezone(UTC) - event.start.astimezone(UTC)
    held = [(each.lower, each.upper) for each in Occupancy.objects.order_by("during").values_list("during", flat=True)]
    assert len(held) == 3
    assert [(each.astimezone(UTC), each.astimezone(UTC) + lasting) for each in begins] == held


@pytest.mark.parametrize(
    "name", ["America/New_York", "Europe/Dublin", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kathmandu"]
)
def test_a_time_zone_is_told_as_its_clocks_go(harbour: Organisation, alice: User, name: str) -> None:
    """Each onset, read by the offset before it, is an instant at which the clocks are put forward or back."""
    weekly = Recurrence(rule="FREQ=WEEKLY;COUNT=60", time_zone=name)
    make_operation(organisation=harbour, volumes=[volume(starts_at=BEFORE_SPRING, recurrence=weekly)], at=BEFORE_SPRING)
    (zone,) = Calendar.from_ical(signed_in(alice).get(FEED).content).timezones
    observances: list[Any] = [*zone.standard, *zone.daylight]
    changes = 0
    for each in observances:
        for onset in (each.DTSTART, *(onset for onset, _ in each.rdates)):
            at = (onset - each.TZOFFSETFROM).replace(tzinfo=UTC)
            offsets = [moment.astimezone(ZoneInfo(name)).utcoffset() for moment in (at - timedelta(seconds=1), at)]
            assert offsets == [each.TZOFFSETFROM, each.TZOFFSETTO]
            changes += offsets[0] != offsets[1] and 2027 <= at.year <= 2028
    assert changes == (0 if name == "Asia/Kathmandu" else 4)


def test_an_event_ends_after_it_begins_however_short_it_is(harbour: Organisation, alice: User) -> None:
    begins = now().replace(microsecond=250_000) + timedelta(days=1)
    make_operation(organisation=harbour, volumes=[volume(starts_at=begins, lasting=timedelta(milliseconds=100))])
    (event,) = events(signed_in(alice).get(FEED))
    assert event.start <= begins < begins + timedelta(milliseconds=100) <= event.end
    assert event.end - event.start == timedelta(seconds=1)


def test_lines_are_folded_and_text_is_escaped(harbour: Organisation, alice: User) -> None:
    title = "Schleppzug \\N; B\\B, " + "Fähre 🚢 " * 15
    operation = make_operation(title, organisation=harbour, contact='a:b;"c",d')
    words = "One\nline, and\r\nanother:\rEND:VEVENT"
    update_operation(operation.pk, description=words, actor=SYSTEM, at=now())
    answer = signed_in(alice).get(FEED)
    lines = answer.content.split(b"\r\n")
    assert lines.pop() == b""
    assert max(map(len, lines)) <= 75
    assert not any(b"\r" in each or b"\n" in each for each in lines)
    assert all(each.decode() for each in lines)
    told = answer.content.replace(b"\r\n ", b"").decode().split("\r\n")
    assert "SUMMARY:Schleppzug \\\\N\\; B\\\\B\\, " + ("Fähre 🚢 " * 15).strip() in told
    assert 'CONTACT:a:b\\;"c"\\,d' in told
    assert "DESCRIPTION:One\\nline\\, and\\nanother:\\nEND:VEVENT" in told


def test_volumes_of_the_same_time_are_one_event_and_others_have_their_own(harbour: Organisation, alice: User) -> None:
    begins = now().replace(microsecond=0) + timedelta(days=1)
    same = [volume(square(place), starts_at=begins) for place in (0, 2)]
    later = volume(square(4), starts_at=begins + timedelta(hours=3))
    operation = make_operation(organisation=harbour, volumes=[*same, later])
    found = events(signed_in(alice).get(FEED))
    assert [(each["UID"], each.start) for each in found] == [
        (f"{operation.pk}@watchfloor", begins),
        (f"{operation.pk}-2@watchfloor", begins + timedelta(hours=3)),
    ]
    update_operation(operation.pk, title="Renamed", actor=SYSTEM, at=now())
    again = events(signed_in(alice).get(FEED))
    assert [each["UID"] for each in again] == [each["UID"] for each in found]


def test_the_feed_takes_what_the_list_takes(harbour: Organisation, alice: User) -> None:
    client = signed_in(alice)
    submit(make_operation("Approved", organisation=harbour))
    make_operation("Draft", organisation=harbour)
    make_operation("Of others", organisation=make_organisation())

    def titles(**query: str) -> list[str]:
        return sorted(str(each["SUMMARY"]) for each in events(client.get(FEED, query)))

    assert titles() == ["Approved", "Draft"]
    assert titles(state="draft") == ["Draft"]
    assert titles(filter="title LIKE 'App%'") == ["Approved"]
    assert titles(datetime="2020-01-01/2020-02-01") == []
    wrong = client.get(FEED, {"colour": "red"})
    assert (wrong.status_code, wrong["Content-Type"]) == (422, "application/problem+json")
    assert wrong.json()["errors"][0]["pointer"] == "?colour"


def test_without_a_time_of_its_own_the_feed_keeps_a_month(harbour: Organisation, alice: User) -> None:
    client, made_at = signed_in(alice), now() - timedelta(days=60)
    for title, days in (("Old", 40), ("Recent", 20), ("Rejected", -1)):
        begins = now() - timedelta(days=days)
        kind = make_operation_kind(is_reviewed=title == "Rejected")
        operation = make_operation(
            title, kind=kind, organisation=harbour, volumes=[volume(starts_at=begins)], at=made_at
        )
    assert sorted(str(each["SUMMARY"]) for each in events(client.get(FEED))) == ["Recent", "Rejected"]
    assert len(events(client.get(FEED, {"datetime": "../.."}))) == 3
    assert submit(operation).state == "in_review"
    decide_all(operation, "rejected")
    event: Any
    (event,) = events(client.get(FEED, {"state": "rejected"}))
    operation.refresh_from_db()
    assert (event["STATUS"], event["SEQUENCE"]) == ("CANCELLED", operation.version)
    assert event["CREATED"].dt == made_at.replace(microsecond=0)
    assert event["DTSTAMP"].dt == event["LAST-MODIFIED"].dt == operation.changed_at.replace(microsecond=0)


def test_a_calendar_program_signs_in_with_a_key_as_its_password(harbour: Organisation, alice: User) -> None:
    make_operation("Tow", organisation=harbour)
    bearer = with_key(alice, "operations.view")
    token = bearer["authorization"].split()[1]
    basic = {"Authorization": "Basic " + base64.b64encode(f"anybody:{token}".encode()).decode()}
    anybody = Client()
    for headers in (bearer, basic):
        found = events(anybody.get(FEED, headers={**headers, "Accept": "text/calendar"}))
        assert [each["SUMMARY"] for each in found] == ["Tow"]
    # A password opens calendars, and nothing else.
    assert anybody.get("/api/v1/operations", headers=basic).status_code == 401


@pytest.mark.parametrize(
    "authorization",
    ["", "Basic", "Basic !", "Basic " + base64.b64encode(b"alice:wf_guessed_guessed").decode(), "Basic /w=="],
    ids=["none", "empty", "no base64", "guessed", "no text"],
)
def test_who_brings_no_key_is_asked_for_one(harbour: Organisation, authorization: str) -> None:
    make_operation(organisation=harbour)
    refused = Client().get(FEED, headers={"Authorization": authorization} if authorization else {})
    assert (refused.status_code, refused["Content-Type"]) == (401, "application/problem+json")
    assert refused["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.parametrize(
    ("hidden", "absent"),
    [("title", "Secret tow"), ("contact", "VHF 13"), ("geometry", "Heights"), ("description", "By night")],
)
def test_what_is_hidden_is_not_in_the_calendar(harbour: Organisation, alice: User, hidden: str, absent: str) -> None:
    operation = make_operation(
        "Secret tow", organisation=harbour, contact="VHF 13", volumes=[volume(heights=band(0, 50))]
    )
    update_operation(operation.pk, description="By night", actor=SYSTEM, at=now())
    client = signed_in(alice)
    assert absent in client.get(FEED).content.decode()
    make_policy("limit", ["operations.*"], organisation=harbour, hidden_fields=[hidden])
    answer = client.get(FEED)
    assert len(events(answer)) == 1
    assert absent not in answer.content.decode()


@pytest.mark.parametrize("hidden", ["starts_at", "ends_at"])
def test_where_a_time_is_hidden_there_is_no_event(harbour: Organisation, alice: User, hidden: str) -> None:
    make_operation(organisation=harbour)
    make_policy("limit", ["operations.*"], organisation=harbour, hidden_fields=[hidden])
    assert events(signed_in(alice).get(FEED)) == []
