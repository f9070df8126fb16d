"""Rights for a period: they show what happened in it, whenever one looks, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from apps.access import services
from apps.access.models import Organisation, User
from apps.access.queries import actor_of_user, find_organisation, permits, visible
from apps.access.types import SYSTEM
from apps.core.types import Conflict, NotAllowed, TimeWindow
from apps.events.queries import head, visible_page
from apps.events.services import number_pending
from apps.events.types import Cursor
from apps.incidents.models import Incident
from apps.incidents.services import comment_on_incident
from tests.factories.access import assign, make_cast, make_organisation, make_user, signed_in
from tests.factories.assets import make_asset
from tests.factories.core import after
from tests.factories.incidents import make_incident
from tests.factories.tracking import IN_SQUARE, follow, ingest, report
from tests.factories.zones import make_zone

pytestmark = pytest.mark.django_db
SHIFT = TimeWindow(start=after(hours=-3), end=after(hours=5))  # 09:00 to 17:00
READS = ("assets.view", "assets.track", "incidents.view", "zones.view")
BEFORE, WITHIN, LATER = after(hours=-4), after(hours=1), after(hours=5.5)


@pytest.fixture
def harbour() -> Organisation:
    return make_organisation("Harbour")


@pytest.fixture
def bob(harbour: Organisation) -> User:
    """Somebody with a shift."""
    bob = make_user("bob", is_staff=True)
    assign(bob, READS, harbour, during=SHIFT)
    return bob


def at_six(time_machine: Any) -> None:
    time_machine.move_to(after(hours=6), tick=False)


def shown(user: User, path: str) -> Any:
    answer = signed_in(user).get(path)
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_a_track_is_shown_for_the_hours_of_the_shift_also_afterwards(harbour, bob, time_machine) -> None:
    asset = make_asset("Tug 7", organisation=harbour)
    time_machine.move_to(BEFORE, tick=False)
    follow(asset, [(minutes, (10.0 + minutes / 1000, 50.0)) for minutes in (-240, -181, -180, 0, 299, 300, 330)])

    at_six(time_machine)
    track = shown(bob, f"/api/v1/assets/{asset.pk}/track")["properties"]

    assert track["fixed_at"] == ["2026-06-30T09:00:00Z", "2026-06-30T12:00:00Z", "2026-06-30T16:59:00Z"]
    assert track["total"] == 3
    assert shown(bob, "/api/v1/positions")["items"] == []
    assert signed_in(bob).get(f"/api/v1/assets/{asset.pk}").status_code == 404


def test_incidents_are_shown_that_opened_in_the_shift_and_during_it_those_that_go_on(
    harbour, bob, time_machine
) -> None:
    old_open = make_incident(harbour, title="old, open", at=BEFORE)
    old_over = make_incident(harbour, title="old, over", state="resolved", at=BEFORE)
    mine = make_incident(harbour, title="mine", at=WITHIN)
    mine_over = make_incident(harbour, title="mine, over", state="closed", at=WITHIN)
    late = make_incident(harbour, title="late", state="closed", at=LATER)
    seen = {}

    for name, hours in (("in the shift", 4), ("after it", 6)):
        time_machine.move_to(after(hours=hours), tick=False)
        actor = actor_of_user(bob)
        by_sql = set(visible(Incident.objects.all(), actor, "incidents.view"))
        by_row = {each for each in Incident.objects.all() if permits(actor, "incidents.view", each)}
        listed = shown(bob, "/api/v1/incidents?count=exact")
        assert by_sql == by_row
        assert listed["count"] == len(by_sql)
        seen[name] = {each["title"] for each in listed["items"]}

    assert seen == {
        "in the shift": {old_open.title, mine.title, mine_over.title},
        "after it": {mine.title, mine_over.title},
    }
    assert {old_over.title, late.title}.isdisjoint(seen["in the shift"])


def test_parts_of_what_is_over_are_shown_by_when_they_were(harbour, bob, time_machine) -> None:
    incident = make_incident(harbour, at=WITHIN)
    comment_on_incident(incident.pk, "in the shift", actor=SYSTEM, at=after(hours=2))
    comment_on_incident(incident.pk, "after the shift", actor=SYSTEM, at=LATER)
    carol = make_user("carol")
    assign(carol, READS, harbour)
    at_six(time_machine)

    said = {
        user.username: [each["text"] for each in shown(user, f"/api/v1/incidents/{incident.pk}/comments")["items"]]
        for user in (bob, carol)
    }

    assert said == {"bob": ["in the shift"], "carol": ["in the shift", "after the shift"]}
    page = signed_in(bob).get(f"/admin/incidents/incident/{incident.pk}/change/").content.decode()
    assert "in the shift" in page
    assert "after the shift" not in page


def test_events_are_shown_by_when_they_happened(harbour, bob, time_machine) -> None:
    zone = make_zone("Basin", organisation=harbour)
    asset = make_asset("Tug 7", organisation=harbour)
    for hours in (-4, 1, 5.5):
        time_machine.move_to(after(hours=hours), tick=False)
        minutes = hours * 60
        ingest(report(asset, minutes, IN_SQUARE))
        ingest(report(asset, minutes + 1))
    number_pending(100)
    at_six(time_machine)

    found = visible_page(actor_of_user(bob), after=Cursor(epoch=head().epoch, offset=0), limit=100, scan=100).items

    assert {each["time"] for each in found if str(each["type"]).endswith("entered.v1")} == {"2026-06-30T13:00:00Z"}
    assert all("09:00:00" <= str(each["time"])[11:19] < "17:00:00" for each in found)
    assert str(zone.pk) in str(found)


def test_who_is_inside_is_told_as_being_there_since_the_shift_began(harbour, bob, time_machine) -> None:
    zone = make_zone("Basin", organisation=harbour)
    asset = make_asset("Tug 7", organisation=harbour)
    ingest(report(asset, -240, IN_SQUARE))
    carol = make_user("carol")
    assign(carol, READS, harbour)
    time_machine.move_to(after(hours=1), tick=False)

    since = {
        user.username: shown(user, f"/api/v1/zones/{zone.pk}/inside")["items"][0]["since"] for user in (bob, carol)
    }

    assert since == {"bob": "2026-06-30T09:00:00Z", "carol": "2026-06-30T08:00:00Z"}


def test_a_period_that_has_not_begun_shows_nothing_and_ending_an_assignment_takes_its_past(
    harbour, time_machine
) -> None:
    make_incident(harbour, title="mine", at=WITHIN)
    dora = make_user("dora")
    assignment = assign(dora, READS, harbour, during=SHIFT)
    actor = actor_of_user(dora)
    seen = []
    for hours in (-4, 6):
        time_machine.move_to(after(hours=hours), tick=False)
        seen.append(visible(Incident.objects.all(), actor, "incidents.view").count())

    services.end_assignment(assignment.pk, actor=SYSTEM, at=after(hours=6))

    assert [*seen, visible(Incident.objects.all(), actor, "incidents.view").count()] == [0, 1, 0]


def test_grants_have_periods_of_which_two_of_one_kind_never_overlap(time_machine) -> None:
    cast = make_cast()
    asset = make_asset("Tug 7", organisation=cast.harbour)
    charlie = actor_of_user(cast.charlie)
    given: Any = {"to": cast.charlie, "actor": SYSTEM, "at": after()}

    assert services.grant_access(asset, "assets.view", during=SHIFT, **given)
    assert not services.grant_access(asset, "assets.view", during=SHIFT, **given)
    with pytest.raises(Conflict):
        services.grant_access(asset, "assets.view", **given)
    evening = TimeWindow(start=SHIFT.end, end=after(hours=8))
    assert services.grant_access(asset, "assets.view", during=evening, **given)

    may = {}
    for hours in (-4, -3, 4.999, 5, 8):
        time_machine.move_to(after(hours=hours), tick=False)
        may[hours] = permits(charlie, "assets.view", asset)
    assert may == {-4: False, -3: True, 4.999: True, 5: True, 8: False}
    assert services.revoke_access(asset, "assets.view", to=cast.charlie, actor=SYSTEM, at=after())
    assert services.grant_access(asset, "assets.view", **given)


def test_a_grant_over_rest_says_its_period_and_one_period_is_taken_back() -> None:
    cast = make_cast()
    asset = make_asset("Tug 7", organisation=cast.harbour)
    body = {"noun": "assets", "object_id": str(asset.pk), "action": "assets.change", "user_id": str(cast.bob.pk)}
    client = signed_in(cast.alice)
    periods = (("2026-06-30T09:00:00Z", "2026-06-30T17:00:00Z"), ("2026-07-01T09:00:00Z", None))

    made = [
        client.post("/api/v1/grants", {**body, "begins_at": begin, "ends_at": end}, content_type="application/json")
        for begin, end in periods
    ]

    assert [(each.json()["begins_at"], each.json()["ends_at"]) for each in made] == list(periods)
    assert client.delete(f"/api/v1/grants/{made[0].json()['id']}").status_code == 204
    left = client.get(f"/api/v1/grants?noun=assets&object_id={asset.pk}").json()["items"]
    assert [each["id"] for each in left] == [made[1].json()["id"]]


@pytest.mark.parametrize("during", [TimeWindow(), TimeWindow(start=BEFORE, end=WITHIN), TimeWindow(start=WITHIN)])
def test_nobody_hands_on_a_past_or_a_future_that_they_do_not_hold(harbour, during, time_machine) -> None:
    time_machine.move_to(after(), tick=False)
    dora = make_user("dora", organisation=harbour)
    rights = [*READS, "assets.share", "assignments.add", "users.view"]
    held = assign(dora, rights, harbour, during=SHIFT)
    asset, actor = make_asset("Tug 7", organisation=harbour), actor_of_user(dora)

    with pytest.raises(NotAllowed):
        services.grant_access(asset, "assets.track", to=dora, during=during, actor=actor, at=after())
    with pytest.raises(NotAllowed):
        services.assign_role(
            role_id=held.role_id,
            organisation_id=find_organisation(harbour.pk).pk,
            user_id=make_user(organisation=harbour).pk,
            during=during,
            actor=actor,
            at=after(),
        )
    assert services.grant_access(asset, "assets.track", to=dora, during=SHIFT, actor=actor, at=after())
