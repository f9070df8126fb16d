"""The dashboard counts, for each person, what that person may see: data that could have leaked stands beside it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from redis import RedisError

from apps.access.models import Organisation
from apps.access.queries import actor_of_user
from apps.access.services import grant_access
from apps.access.types import SYSTEM
from apps.assets.models import Asset
from apps.console.queries import dashboard_of, system_figures, visible_stays
from apps.console.queries.dashboard import Contact, SeverityCount
from apps.console.templatetags.console import remaining
from apps.incidents.services import assign_incident
from apps.incidents.types import Severity
from apps.operations.models import Operation
from tests.factories.access import Cast, make_cast, make_user, signed_in
from tests.factories.assets import make_asset
from tests.factories.core import NOON, after
from tests.factories.incidents import make_incident
from tests.factories.operations import make_operation, submit
from tests.factories.tracking import IN_SQUARE, ingest, report
from tests.factories.zones import make_zone, make_zone_kind

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> Cast:
    return make_cast()


@pytest.fixture
def tug(people: Cast) -> Asset:
    """A tug of the harbour, inside a zone of the harbour and one of elsewhere."""
    tug = make_asset("Tug", organisation=people.harbour)
    kind = make_zone_kind("square")
    make_zone("Ours", organisation=people.harbour, kind=kind)
    make_zone("Theirs", organisation=people.elsewhere, kind=kind)
    ingest(report(tug, 0, IN_SQUARE), received_at=NOON)
    return tug


def test_somebody_who_sees_everything_sees_the_sum(people: Cast, tug: Asset):
    for title in ("One", "Two"):
        make_incident(people.harbour, title=title)
    make_incident(people.harbour, title="Taken", state="acknowledged")
    make_incident(people.harbour, title="Over", state="resolved")
    make_incident(people.elsewhere, title="Elsewhere")
    board = dashboard_of(SYSTEM, at=after(minutes=3))
    assert board.severities == [
        SeverityCount(severity=Severity.CRITICAL, open=0, unattended=0),
        SeverityCount(severity=Severity.HIGH, open=0, unattended=0),
        SeverityCount(severity=Severity.MODERATE, open=4, unattended=3),
        SeverityCount(severity=Severity.LOW, open=0, unattended=0),
    ]
    assert (board.open_incidents, board.unattended, board.zones_in_all) == (4, 3, 2)
    assert [(each.title, each.state and each.state.label, each.age) for each in board.incidents] == [
        (title, state, timedelta(minutes=3))
        for title, state in [("One", "Open"), ("Two", "Open"), ("Taken", "Acknowledged"), ("Elsewhere", "Open")]
    ]


def test_what_is_under_way_is_shown_with_the_worst_first(people: Cast):
    ours = [("Calm", "active"), ("Lost", "contingent"), ("Astray", "nonconforming"), ("Plan", "approved")]
    for title, state in ours:
        make_running(title, people.harbour, state)
    make_running("Theirs", people.elsewhere, "active")
    make_zone("Pier", organisation=people.harbour, kind=make_zone_kind("pier", constraint="authorisation"))
    submit(make_operation("Asking", organisation=people.elsewhere))
    boards = {name: dashboard_of(people.actor(name), at=NOON).under_way for name in ("alice", "bob", "charlie")}
    assert [each.title for each in boards["bob"].operations] == ["Lost", "Astray", "Calm"]
    assert (boards["bob"].running, boards["bob"].nonconforming, boards["bob"].contingent) == (3, 1, 1)
    assert [each.title for each in boards["charlie"].operations] == ["Theirs"]
    assert {name: board.waiting for name, board in boards.items()} == {"alice": 1, "bob": 0, "charlie": 0}


def make_running(title: str, organisation: Organisation, state: str) -> None:
    """Make an operation that is in a state, however it came there."""
    made = Operation.objects.filter(pk=make_operation(title, organisation=organisation).pk)
    made.update(state=state, submitted_at=NOON, approved_at=NOON)


@pytest.mark.parametrize(
    ("seconds", "says"),
    [(185, "3 min left"), (-42, "42 s over"), (7_260, "2 h 01 min left")],
    ids=["left", "over", "hours"],
)
def test_how_long_something_lasts(seconds: int, says: str):
    assert remaining(timedelta(seconds=seconds)) == says


def test_a_desk_sees_its_own(people: Cast, tug: Asset):
    make_incident(people.harbour, title="Ours")
    make_incident(people.elsewhere, title="Theirs")
    board = dashboard_of(people.actor("bob"), at=after(seconds=30))
    assert [each.title for each in board.incidents] == ["Ours"]
    assert board.contact == Contact(followed=1, online=1, late=0, lost=0, heard=1, silent=[])
    assert [(zone.name, zone.inside) for zone in board.zones] == [("Ours", 1)]
    assert board.zones_in_all == 1


def test_a_stranger_reads_no_number_of_ours(people: Cast, tug: Asset):
    make_incident(people.harbour, title="Ours")
    board = dashboard_of(people.actor("charlie"), at=after(seconds=30))
    assert (board.open_incidents, board.incidents, board.zones) == (0, [], [])
    assert board.contact == Contact(followed=0, online=0, late=0, lost=0, heard=0, silent=[])


def test_a_shared_vessel_counts_and_the_rest_does_not(people: Cast, tug: Asset):
    grant_access(tug, "assets.track", to=people.charlie, actor=SYSTEM, at=NOON)
    ferry = make_asset("Ferry", organisation=people.harbour)
    ingest(report(ferry, 0, IN_SQUARE), received_at=NOON)
    board = dashboard_of(people.actor("charlie"), at=after(seconds=30))
    # Two are inside, of whom Charlie follows one; and of the two zones one is Charlie's.
    assert board.contact == Contact(followed=1, online=1, late=0, lost=0, heard=1, silent=[])
    assert [(zone.name, zone.inside) for zone in board.zones] == [("Theirs", 1)]


def test_an_assignee_is_named_to_whoever_may_see_them(people: Cast):
    incident = make_incident(people.harbour, title="Ours")
    assign_incident(incident.pk, assignee=people.alice, actor=SYSTEM, at=NOON)
    outsider = make_user("outsider", is_staff=True)
    grant_access(incident, "incidents.view", to=outsider, actor=SYSTEM, at=NOON)
    named = [dashboard_of(actor_of_user(each), at=NOON).incidents[0].assignee for each in (people.bob, outsider)]
    assert named == ["alice", "somebody"]


def test_stays_need_both_the_asset_and_the_zone(people: Cast, tug: Asset):
    assert {len(assets) for assets in visible_stays(SYSTEM).values()} == {1}
    assert list(visible_stays(people.actor("bob")).values()) == [[tug.pk]]
    assert visible_stays(people.actor("charlie")) == {}


def test_figures_of_the_installation_are_for_superusers(people: Cast):
    boss = signed_in(make_user("boss", is_staff=True, is_superuser=True))
    assert b"This installation" in boss.get(reverse("admin:index")).content
    assert b"This installation" not in signed_in(people.alice).get(reverse("admin:index")).content
    assert b"This installation" not in signed_in(people.alice).get(reverse("admin:dashboard_figures")).content


def test_the_installation_without_redis(monkeypatch: pytest.MonkeyPatch):
    def away(*_args: object, **_kwargs: object) -> None:
        raise RedisError

    monkeypatch.setattr("django_rq.get_queue", away)
    assert system_figures(at=NOON).queues is None


@pytest.mark.parametrize("number", [1, 3])
def test_the_number_of_statements_does_not_grow(people: Cast, number: int, django_assert_max_num_queries):
    for _ in range(number):
        vessel = make_asset(organisation=people.harbour)
        make_zone(organisation=people.harbour)
        make_incident(people.harbour)
        ingest(report(vessel, 0, IN_SQUARE), received_at=NOON)
    actor = people.actor("bob")
    with django_assert_max_num_queries(24):
        dashboard_of(actor, at=after(minutes=60))


def test_a_name_stays_a_name_on_the_dashboard(people: Cast):
    make_incident(people.harbour, title="<script>alert(1)</script>")
    page = signed_in(people.bob).get(reverse("admin:index")).content.decode()
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_the_figures_alone_are_a_fragment(people: Cast):
    client: Client = signed_in(people.bob)
    fragment = client.get(reverse("admin:dashboard_figures")).content.decode()
    assert fragment.strip().startswith('<div class="wf-dashboard">')
