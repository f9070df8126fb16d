"""The timeline of what is planned, and the inbox of approvals: each shows what its person may see, and no more."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.test import Client

from apps.access.models import Organisation, User
from apps.access.queries import actor_of_user
from apps.access.types import SYSTEM
from apps.core.clock import now
from apps.core.types import Datum
from apps.filters import registry
from apps.operations.admin.timeline import read_asked, timeline_of
from apps.operations.models import Approval, Operation, ReviewRule
from apps.operations.queries import planned_between
from apps.operations.services import move_operation
from apps.operations.types import Span, Verdict
from tests.factories.access import assign, make_organisation, make_policy, make_user, signed_in
from tests.factories.core import NOON
from tests.factories.operations import band, make_operation, make_operation_kind, make_review_rule, submit, volume
from tests.factories.zones import make_zone, make_zone_kind, square

pytestmark = pytest.mark.django_db

TIMELINE = "/admin/operations/operation/timeline/"
INBOX = "/admin/operations/approval/inbox/"
HOUR = timedelta(hours=1)


@pytest.fixture
def harbour() -> Organisation:
    return make_organisation("Harbour")


@pytest.fixture
def alice(harbour: Organisation) -> Client:
    person = make_user("alice", is_staff=True)
    rules = [f"review-rules.{verb}" for verb in ("view", "add", "change")]
    assign(person, ["operations.view", "approvals.view", "approvals.decide", "organisations.view", *rules], harbour)
    return signed_in(person)


def soon(hours: float = 1) -> datetime:
    return now().replace(microsecond=0) + hours * HOUR


def test_rows_are_what_one_may_see_with_their_times(alice: Client, harbour: Organisation) -> None:
    make_operation("Tow", organisation=harbour, volumes=[volume(starts_at=soon())])
    make_operation("Next month", organisation=harbour, volumes=[volume(starts_at=soon(24 * 30))])
    make_operation("Of others", volumes=[volume(starts_at=soon())])
    page = alice.get(TIMELINE)
    assert [(each["operation"].title, len(each["bars"])) for each in page.context["rows"]] == [("Tow", 1)]
    assert "Of others" not in page.content.decode()
    # Two hours and a bit of 24 lie before now.
    assert 8 < page.context["now"] < 17


def test_rows_come_in_the_order_in_which_they_begin_and_what_is_over_meets_nobody() -> None:
    organisation, kind = make_organisation(), make_operation_kind()
    for title, hours in (("Third", 5), ("First", 1), ("Second", 3)):
        planned = [volume(starts_at=NOON + hours * HOUR, lasting=3 * HOUR)]
        make_operation(title, organisation=organisation, kind=kind, volumes=planned, at=NOON)
    submit(Operation.objects.get(title="Second"), at=NOON)
    over = move_operation(Operation.objects.get(title="First"), "cancel", actor=SYSTEM, at=NOON)
    asked = read_asked({"from": "2026-06-30", "over": "1"}, at=NOON)
    rows = timeline_of(Operation.objects.all(), asked, SYSTEM, at=NOON)["rows"]
    assert [each["operation"].title for each in rows] == ["First", "Second", "Third"]
    assert [each["meets"] for each in rows] == ["", "", "Second"]
    assert over.state_category == "done"


def test_what_is_over_is_shown_when_it_is_asked_for(alice: Client, harbour: Organisation) -> None:
    operation = make_operation("Tow", organisation=harbour, volumes=[volume(starts_at=soon())])
    move_operation(operation, "cancel", actor=SYSTEM, at=now())
    assert alice.get(TIMELINE).context["rows"] == []
    assert len(alice.get(TIMELINE, {"over": "1"}).context["rows"]) == 1
    assert len(alice.get(TIMELINE, {"state": "cancelled"}).context["rows"]) == 1
    assert alice.get(TIMELINE, {"state": "cancelled", "kind": "nothing"}).context["rows"] == []


@pytest.mark.parametrize(
    "query",
    [
        {"from": "never"},
        {"from": "9999-12-31"},
        {"organisation": "x"},
        {"show": "year"},
        {"kind": "%", "state": "'"},
    ],
    ids=["no date", "end of time", "no id", "no length", "odd"],
)
def test_what_makes_no_sense_is_as_if_it_were_not_there(alice: Client, query: dict[str, str]) -> None:
    assert alice.get(TIMELINE, query).status_code == 200


def test_the_part_of_a_day_is_drawn_where_it_lies() -> None:
    organisation, kind = make_organisation(), make_operation_kind()
    make_operation(organisation=organisation, kind=kind, volumes=[volume(starts_at=NOON + HOUR)], at=NOON)
    asked = read_asked({"from": "2026-06-30"}, at=NOON)
    shown = timeline_of(Operation.objects.all(), asked, SYSTEM, at=NOON)
    (row,) = shown["rows"]
    (bar,) = row["bars"]
    assert (bar["x"], bar["width"], shown["now"]) == (
        pytest.approx(100 * 13 / 24, abs=0.01),
        pytest.approx(100 / 24, abs=0.01),
        50.0,
    )
    assert "from=2026-06-29" in shown["before"]
    assert "from=2026-07-01" in shown["after"]


def test_two_that_meet_are_told_of_each_other_and_a_stranger_only_that_space_is_taken(harbour: Organisation) -> None:
    start = soon()
    kind = make_operation_kind()
    held = make_operation("Dredging", kind=kind, volumes=[volume(starts_at=start, lasting=2 * HOUR)])
    submit(held)
    draft = make_operation(
        "Tow", kind=kind, organisation=harbour, volumes=[volume(starts_at=start + HOUR, lasting=2 * HOUR)]
    )
    free = make_operation("Elsewhere", kind=kind, organisation=harbour, volumes=[volume(square(9), starts_at=start)])
    person = make_user("bob")
    assign(person, ["operations.view"], harbour)
    window = Span(start - HOUR, start + 24 * HOUR)
    rows = list(Operation.objects.select_related("kind").filter(pk__in=[draft.pk, free.pk]).order_by("title"))

    _, told = planned_between(rows, window, SYSTEM)
    (clash,) = told.clashes
    assert (clash.other, clash.verdict) == ("Dredging", Verdict.REFUSED)
    assert clash.during == Span(start + HOUR, start + 2 * HOUR)

    beside, masked = planned_between(rows, window, actor_of_user(person))
    (clash,) = masked.clashes
    # All of its own time: where the other begins is not told.
    assert (clash.other, clash.during, beside.clashes) == (None, Span(start + HOUR, start + 3 * HOUR), [])


def test_a_timeline_costs_the_same_for_one_row_and_for_three(
    harbour: Organisation, django_assert_max_num_queries
) -> None:
    start, kind = soon(), make_operation_kind()
    submit(make_operation(kind=kind, volumes=[volume(starts_at=start)]))
    for _ in range(3):
        make_operation(kind=kind, organisation=harbour, volumes=[volume(starts_at=start)])
    rows = list(Operation.objects.select_related("kind").filter(organisation=harbour))
    for count in (1, 3):
        with django_assert_max_num_queries(8):
            planned_between(rows[:count], Span(start, start + HOUR), SYSTEM)


@pytest.mark.parametrize("hidden", ["geometry", "starts_at", "ends_at"])
def test_who_may_not_see_when_sees_no_timeline(alice: Client, harbour: Organisation, hidden: str) -> None:
    make_operation("Tow of a barge", organisation=harbour, volumes=[volume(starts_at=soon())])
    make_policy("limit", ["operations.*"], organisation=harbour, hidden_fields=[hidden])
    page = alice.get(TIMELINE).content.decode()
    assert "not shown to you" in page
    assert "Tow of a barge" not in page


def test_a_hidden_state_narrows_nothing(alice: Client, harbour: Organisation) -> None:
    make_operation("Tow", organisation=harbour, volumes=[volume(starts_at=soon())])
    make_policy("limit", ["operations.*"], organisation=harbour, hidden_fields=["state", "kind"])
    page = alice.get(TIMELINE, {"state": "approved", "kind": "nothing"})
    assert len(page.context["rows"]) == 1
    text = page.content.decode()
    assert "Draft" not in text
    assert 'name="kind"' not in text


def reviewed(organisation: Organisation, west: float = 0) -> Operation:
    kind = make_operation_kind(is_reviewed=True)
    heights = band(10, 60, Datum.AGL)
    planned = [volume(square(west), starts_at=soon(), heights=heights)]
    return submit(make_operation("Inspection", kind=kind, organisation=organisation, volumes=planned))


@pytest.mark.parametrize(("decision", "state"), [("approved", "approved"), ("rejected", "rejected")])
def test_what_waits_is_decided_with_a_reason(alice: Client, harbour: Organisation, decision: str, state: str) -> None:
    operation = reviewed(harbour)
    reviewed(make_organisation("Elsewhere"), 5)
    page = alice.get(INBOX)
    (line,) = page.context["lines"]
    assert ("Heights", "10 m AGL to 60 m AGL") in line["facts"]
    assert "reviews operations of this kind" in page.content.decode()
    answer = alice.post(line["decide_url"], {"decision": decision, "note": "By day only"}, follow=True)
    assert "Nothing waits for your word." in answer.content.decode()
    operation.refresh_from_db()
    approval = operation.approvals.get()
    assert (operation.state, approval.decision, approval.note) == (state, decision, "By day only")
    again = alice.post(line["decide_url"], {"decision": "rejected"}, follow=True)
    assert "rejected" in again.content.decode() or "not in review" in again.content.decode()


def test_a_decision_is_one_of_two_and_of_what_one_may_decide(alice: Client, harbour: Organisation) -> None:
    mine, other = reviewed(harbour).approvals.get(), reviewed(make_organisation("Elsewhere"), 5).approvals.get()
    address = "/admin/operations/approval/{}/decide/"
    assert alice.post(address.format(mine.pk), {"decision": "open"}).status_code == 404
    assert alice.post(address.format(other.pk), {"decision": "approved"}).status_code == 404
    assert alice.get(address.format(mine.pk)).status_code == 405
    assert set(Approval.objects.values_list("decision", flat=True)) == {"open"}


def test_the_inbox_tells_nothing_that_is_hidden(alice: Client, harbour: Organisation) -> None:
    reviewed(harbour)
    make_policy("limit", ["approvals.*"], organisation=harbour, hidden_fields=["geometry", "starts_at", "reason"])
    page = alice.get(INBOX)
    (line,) = page.context["lines"]
    assert {term for term, _ in line["facts"]}.isdisjoint({"Heights", "Starts"})
    assert "data-geojson" not in page.content.decode()
    assert "reviews operations" not in page.content.decode()


def test_the_inbox_draws_what_of_one_s_own_it_is_about(alice: Client, harbour: Organisation) -> None:
    assign(User.objects.get(username="alice"), ["zones.view"], harbour)
    make_zone(area=square(0.25), kind=make_zone_kind(constraint="authorisation"), organisation=harbour)
    submit(make_operation(organisation=make_organisation("Elsewhere"), volumes=[volume(starts_at=soon())]))
    (line,) = alice.get(INBOX).context["lines"]
    assert "0.25" in line["map"].partition("data-beside")[2]
    make_policy("limit", ["zones.*"], organisation=harbour, hidden_fields=["geometry"])
    (line,) = alice.get(INBOX).context["lines"]
    assert "data-geojson" in line["map"]
    assert "data-beside" not in line["map"]


RULES = "/admin/operations/reviewrule/"


def test_a_rule_is_written_and_the_inbox_and_the_approval_name_it(alice: Client, harbour: Organisation) -> None:
    form = {"name": "Low flights", "organisation": str(harbour.pk), "condition": "priority >= 0", "is_enabled": "on"}
    assert alice.post(f"{RULES}add/", form).status_code == 302
    heights = band(10, 60, Datum.AGL)
    operation = submit(make_operation("Inspection", organisation=harbour, volumes=[volume(heights=heights)]))
    (line,) = alice.get(INBOX).context["lines"]
    assert {("Rule", "Low flights"), ("Heights", "10 m AGL to 60 m AGL")} <= set(line["facts"])
    assert line["why"] == "A review rule of your organisation asks for it."
    page = alice.get(f"/admin/operations/approval/{operation.approvals.get().pk}/change/").content.decode()
    assert "Low flights" in page
    assert "10 m AGL to 60 m AGL" in page


def test_a_rule_s_condition_is_refused_where_it_stands(alice: Client, harbour: Organisation) -> None:
    form = {"name": "Broken", "organisation": str(harbour.pk), "condition": "priority > > 1", "is_enabled": "on"}
    answer = alice.post(f"{RULES}add/", form)
    errors = answer.context["adminform"].form.errors
    assert "line 1, column 12" in errors["condition"][0]
    assert "priority &gt; &gt; 1" in answer.content.decode()
    assert not ReviewRule.objects.exists()


def test_the_list_of_rules_says_what_each_holds_for(
    alice: Client, harbour: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_review_rule(harbour, name="All")
    make_review_rule(harbour, name="Urgent", condition="priority > 50")
    make_review_rule(make_organisation("Elsewhere"), name="Theirs", condition="priority > 70")
    page = alice.get(RULES).content.decode()
    assert "every operation" in page
    assert "priority &gt; 50" in page
    assert "priority &gt; 70" not in page
    whole = registry.queryables_of("operations")
    monkeypatch.setitem(registry._queryables, "operations", whole.without({"priority"}))
    assert "cannot be read any more" in alice.get(RULES).content.decode()
