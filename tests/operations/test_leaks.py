"""Attacks: what somebody may find out of operations, approvals and assets that is kept from them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from apps.access.models import User
from apps.access.queries import actor_of_user
from apps.access.types import SYSTEM
from apps.core.clock import now
from apps.core.types import Invalid, TimeWindow
from apps.events.models import Event
from apps.events.rules import instant
from apps.operations import queries, services
from apps.operations.models import Approval, Operation
from apps.operations.types import Standing
from tests.factories.access import Cast, assign, make_cast, make_policy, make_user, signed_in, with_key
from tests.factories.assets import make_asset
from tests.factories.operations import make_operation, make_operation_kind, submit, volume
from tests.factories.zones import make_zone, make_zone_kind, square
from tests.operations.test_following import INSIDE, OUTSIDE, run, see

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


class TestHowItKeepsToAPlanThatIsHidden:
    """Where an asset is beside a volume tells where the volume is, to whoever may follow the asset."""

    @pytest.fixture
    def operation(self, cast: Cast) -> Operation:
        tug, yacht = make_asset("Tug 7", organisation=cast.harbour), make_asset("Yacht", organisation=cast.elsewhere)
        operation = run(tug)
        see(tug, (60, INSIDE), (70, OUTSIDE))
        see(yacht, (80, INSIDE))
        return operation

    def hide(self, cast: Cast, *fields: str, **terms: Any) -> None:
        make_policy("limit", ["operations.view"], organisation=cast.harbour, hidden_fields=list(fields), **terms)

    def ask(self, client: Client, operation: Operation, user: User) -> Any:
        headers = with_key(user, "operations.view", "assets.track")
        return client.get(f"/api/v1/operations/{operation.pk}/conformance", headers=headers)

    @pytest.mark.parametrize("field", ["geometry", "starts_at", "ends_at"])
    def test_whoever_sees_no_plan_is_not_told_over_rest(self, client, cast, operation, field) -> None:
        assert self.ask(client, operation, cast.bob).status_code == 200
        self.hide(cast, field)
        assert self.ask(client, operation, cast.bob).status_code == 403

    def test_nor_whoever_sees_it_coarsely(self, client, cast, operation) -> None:
        self.hide(cast, coarsen_m=5_000.0)
        assert self.ask(client, operation, cast.bob).status_code == 403

    def test_what_bears_on_something_else_hides_nothing_of_it(self, client, cast, operation) -> None:
        self.hide(cast, "description")
        assert len(self.ask(client, operation, cast.bob).json()["assets"]) == 1

    def test_nor_in_which_state_it_is(self, client, cast, operation) -> None:
        self.hide(cast, "state", "closed_at")
        body = self.ask(client, operation, cast.bob).json()
        assert "state" not in body
        assert "overrun_s" not in body

    @pytest.mark.parametrize("field", ["geometry", "starts_at", "state"])
    def test_nor_on_its_page(self, cast, operation, field) -> None:
        clerk = make_user("clerk", is_staff=True)
        assign(clerk, ["operations.view", "assets.track", "assets.view"], cast.harbour)
        seen = []
        for _ in range(2):
            page = signed_in(clerk).get(f"/admin/operations/operation/{operation.pk}/change/").content.decode()
            seen.append("outside by" in page)
            self.hide(cast, field)
        assert seen == [True, False]


def test_what_is_hidden_is_not_found_by_the_dates_of_a_list(cast: Cast) -> None:
    make_operation("Hidden survey", organisation=cast.harbour)
    bob, year = signed_in(cast.bob), f"{now() + timedelta(days=1):%Y}"
    path = "/admin/operations/operation/"
    asked = [{"starts_at__year": year}, {"starts_at__gte": f"{year}-01-01T00:00:00Z"}]
    assert "Hidden survey" in bob.get(path, asked[0]).content.decode()
    make_policy("limit", ["operations.view"], organisation=cast.harbour, hidden_fields=["starts_at"])
    assert "Hidden survey" in bob.get(path).content.decode()
    for each in asked:
        assert bob.get(path, each).status_code != 200
    assert "starts_at" not in bob.get(path).content.decode()


class TestWhatWasWithdrawn:
    """Submitting is asking; what becomes of a draft afterwards is for nobody who was asked once."""

    @pytest.fixture
    def operation(self, cast: Cast) -> Operation:
        make_zone(kind=make_zone_kind(constraint="authorisation"), organisation=cast.elsewhere)
        return submit(make_operation("Survey", organisation=cast.harbour))

    def test_is_for_nobody_else(self, cast, operation) -> None:
        charlie = signed_in(cast.charlie)
        (asked,) = charlie.get("/api/v1/approvals").json()["items"]
        services.move_operation(operation, "withdraw", actor=SYSTEM, at=now())
        services.update_operation(
            operation.pk, title="Secret", contact="Desk 9", volumes=[volume(square(40))], actor=SYSTEM, at=now()
        )
        assert charlie.get(f"/api/v1/approvals/{asked['id']}").status_code == 404
        assert charlie.get("/api/v1/approvals").json()["items"] == []
        told = Event.objects.filter(type__startswith="watchfloor.approval").order_by("seq")
        assert [each.type.split(".")[2] for each in told] == ["created", "deleted"]

    def test_is_asked_for_again(self, cast, operation) -> None:
        services.move_operation(operation, "withdraw", actor=SYSTEM, at=now())
        operation.refresh_from_db()
        assert submit(operation).state == "in_review"
        assert Approval.objects.get().decision == "open"

    def test_what_was_rejected_says_why_until_it_is_taken_back(self, operation) -> None:
        services.decide_approval(
            Approval.objects.get().pk, decision="rejected", note="Too near.", actor=SYSTEM, at=now()
        )
        assert Approval.objects.get().note == "Too near."
        operation.refresh_from_db()
        services.move_operation(operation, "withdraw", actor=SYSTEM, at=now())
        assert not Approval.objects.exists()


class TestAssetsOfOthers:
    """Whether an operation conforms tells where its assets are, so nobody assigns what they may not follow."""

    def test_whoever_may_only_see_that_it_exists_does_not_assign_it(self, cast) -> None:
        theirs = make_asset("Yacht", organisation=cast.elsewhere)
        assign(cast.alice, ["assets.view"], cast.elsewhere)
        mine = make_operation(organisation=cast.harbour)
        with pytest.raises(Invalid):
            services.update_operation(mine.pk, asset_ids=[theirs.pk], actor=cast.actor("alice"), at=now())
        assign(cast.alice, ["assets.track"], cast.elsewhere)
        services.update_operation(mine.pk, asset_ids=[theirs.pk], actor=cast.actor("alice"), at=now())
        assert mine.assigned.count() == 1

    def test_nor_whoever_sees_it_coarsely(self, cast) -> None:
        theirs = make_asset("Yacht", organisation=cast.elsewhere)
        assign(cast.alice, ["assets.view", "assets.track"], cast.elsewhere)
        make_policy("limit", ["assets.track"], organisation=cast.elsewhere, coarsen_m=5_000.0)
        mine = make_operation(organisation=cast.harbour)
        with pytest.raises(Invalid):
            services.update_operation(mine.pk, asset_ids=[theirs.pk], actor=cast.actor("alice"), at=now())

    def test_ones_own_are_assigned_by_whoever_sees_them(self, cast) -> None:
        ours, planner = make_asset("Tug", organisation=cast.harbour), make_user("planner")
        assign(planner, ["assets.view", "operations.view", "operations.change"], cast.harbour)
        mine = make_operation(organisation=cast.harbour)
        services.update_operation(mine.pk, asset_ids=[ours.pk], actor=actor_of_user(planner), at=now())
        assert mine.assigned.count() == 1


def test_a_contact_that_is_hidden_is_not_told_of_what_is_masked(cast: Cast) -> None:
    submit(make_operation(organisation=cast.elsewhere, contact="Desk 4"))
    mine = make_operation(organisation=cast.harbour)

    def told() -> Any:
        (found,) = queries.check_plan(
            [each.planned for each in mine.volumes.all()],
            standing=Standing(),
            organisation_id=cast.harbour.pk,
            actor=cast.actor("alice"),
        )["conflicts"]
        return found["operation"], found["contact"]

    assert told() == (None, "Desk 4")
    make_policy("limit", ["operations.view"], hidden_fields=["contact"], users=[cast.alice])
    assert told() == (None, "")


def test_since_when_a_zone_is_there_is_not_told_where_that_is_hidden(cast: Cast) -> None:
    begins = now().replace(microsecond=0)
    make_zone(kind=make_zone_kind(constraint="advisory"), organisation=cast.harbour, validity=TimeWindow(start=begins))
    mine = make_operation(organisation=cast.harbour)

    def told(name: str = "alice") -> Any:
        (found,) = queries.check_plan(
            [each.planned for each in mine.volumes.all()],
            standing=Standing(),
            organisation_id=cast.harbour.pk,
            actor=cast.actor(name),
        )["conflicts"]
        return found["volumes"][0]["starts_at"]

    assert told() == instant(begins)
    assert told("charlie") is None  # who does not see the zone at all
    make_policy("limit", ["zones.view"], organisation=cast.harbour, hidden_fields=["valid_from"])
    assert told() is None


def test_the_inbox_names_nothing_that_is_hidden(cast: Cast) -> None:
    make_zone(kind=make_zone_kind(constraint="authorisation"), organisation=cast.elsewhere)
    submit(make_operation("Secret survey", organisation=cast.harbour))
    make_policy(
        "limit",
        ["approvals.view"],
        organisation=cast.elsewhere,
        hidden_fields=["operation_title"],
        users=[cast.charlie],
    )
    charlie, approval = signed_in(cast.charlie), Approval.objects.get()
    address = f"/admin/operations/approval/{approval.pk}/decide/"
    answer = charlie.post(address, {"decision": "approved"}, follow=True)
    assert "Secret survey" not in answer.content.decode()


def test_who_agrees_agrees_to_what_they_saw(cast: Cast) -> None:
    make_zone(kind=make_zone_kind(constraint="authorisation"), organisation=cast.elsewhere)
    operation, charlie = submit(make_operation(organisation=cast.harbour)), signed_in(cast.charlie)
    path = f"/api/v1/approvals/{Approval.objects.get().pk}"
    tag = charlie.get(path).headers["ETag"]
    services.update_operation(operation.pk, volumes=[volume(square(0.5))], actor=SYSTEM, at=now())
    answer = charlie.patch(
        path,
        data={"decision": "approved"},
        content_type="application/merge-patch+json",
        headers={"If-Match": tag},
    )
    assert answer.status_code == 412
    tag = charlie.get(path).headers["ETag"]
    services.update_operation(operation.pk, title="Another", actor=SYSTEM, at=now())
    assert charlie.get(path).headers["ETag"] != tag


def test_a_draft_that_was_asked_about_is_deleted_with_a_word_to_those_who_were_asked(cast: Cast) -> None:
    operation = submit(make_operation(organisation=cast.harbour, kind=make_operation_kind(is_reviewed=True)))
    services.move_operation(operation, "withdraw", actor=SYSTEM, at=now())
    services.delete_operation(operation.pk, actor=SYSTEM, at=now())
    told = Event.objects.filter(type__startswith="watchfloor.approval").order_by("seq")
    assert [each.type.split(".")[2] for each in told] == ["created", "deleted"]
