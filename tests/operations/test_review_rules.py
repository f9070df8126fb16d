"""Review by rules: which hold for what, who is asked, and what follows when an operation or a rule is changed."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest

from apps.access.models import Organisation
from apps.access.queries import actor_of_user
from apps.access.services import change_organisation
from apps.access.types import SYSTEM
from apps.core.clock import now
from apps.core.types import Conflict, Datum, Invalid, NotAllowed, NotFound, VersionConflict
from apps.events.models import Event
from apps.filters import registry
from apps.operations import services
from apps.operations.models import Operation, OperationKind, ReviewRule
from apps.operations.published import approval_feature
from tests.factories.access import assign, make_cast, make_organisation, make_policy, make_user
from tests.factories.conformance import naughty_strings
from tests.factories.operations import (
    band,
    decide_all,
    make_operation,
    make_operation_kind,
    make_review_rule,
    submit,
    volume,
)
from tests.factories.zones import make_zone, make_zone_kind, square

pytestmark = pytest.mark.django_db


@pytest.fixture
def port() -> Organisation:
    """The top of a tree."""
    return make_organisation("Port")


@pytest.fixture
def harbour(port: Organisation) -> Organisation:
    """Below the port."""
    return make_organisation("Harbour", parent=port)


@pytest.fixture
def waiting(harbour: Organisation) -> Operation:
    """In review, since its kind is reviewed."""
    return submit(make_operation(organisation=harbour, kind=make_operation_kind(is_reviewed=True)))


def state_of(operation: Operation) -> str:
    operation.refresh_from_db()
    return operation.state


def asking(operation: Operation) -> list[tuple[str, str]]:
    """Return the rules that ask about an operation, and what was said."""
    return list(operation.approvals.filter(reason="rule").order_by("rule_name").values_list("rule_name", "decision"))


def follow() -> int:
    return services.follow_rules(now())


def change(rule: ReviewRule, **changes: Any) -> ReviewRule:
    return services.update_review_rule(rule.pk, actor=SYSTEM, at=now(), **changes)


def delete(rule: ReviewRule) -> None:
    services.delete_review_rule(rule.pk, actor=SYSTEM, at=now())


def test_a_rule_holds_for_its_organisation_and_all_below_and_for_nobody_else(
    port: Organisation, harbour: Organisation
) -> None:
    pier, beside = make_organisation("Pier", parent=harbour), make_organisation("Beside", parent=port)
    rule = make_review_rule(harbour, name="Ours")
    found = {}
    for west, owner in enumerate((port, harbour, pier, beside, make_organisation("Elsewhere"))):
        operation = submit(make_operation(organisation=owner, volumes=[volume(square(west * 3))]))
        found[owner.name] = (operation.state, list(operation.approvals.values_list("organisation", "rule_id")))
    asked = ("in_review", [(harbour.pk, rule.pk)])
    assert {name: each for name, each in found.items() if each != ("approved", [])} == {"Harbour": asked, "Pier": asked}
    assert len(found) == 5


def test_each_rule_asks_for_an_approval_of_its_own_beside_zones_and_kinds(
    port: Organisation, harbour: Organisation
) -> None:
    make_zone(kind=make_zone_kind(constraint="authorisation"))
    for owner, name in ((port, "Of the port"), (harbour, "First"), (harbour, "Second")):
        make_review_rule(owner, name=name)
    make_review_rule(harbour, name="Switched off", is_enabled=False)
    operation = submit(make_operation(organisation=harbour, kind=make_operation_kind(is_reviewed=True)))
    assert asking(operation) == [("First", "open"), ("Of the port", "open"), ("Second", "open")]
    reasons = operation.approvals.order_by("reason").values_list("reason", flat=True)
    assert list(reasons) == ["organisation", "rule", "rule", "rule", "zone"]
    *most, last = operation.approvals.all()
    for approval in most:
        services.decide_approval(approval.pk, decision="approved", actor=SYSTEM, at=now())
    assert state_of(operation) == "in_review"
    services.decide_approval(last.pk, decision="approved", actor=SYSTEM, at=now())
    assert state_of(operation) == "approved"


def conditions(at: datetime) -> dict[str, tuple[str, bool]]:
    """Return conditions over one operation, and whether they hold for it."""
    later, sooner = (f"{at + timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}" for hours in (2, -2))
    return {
        "kind": ("kind = 'towing'", True),
        "other kind": ("kind <> 'towing'", False),
        "priority": ("priority >= 40", True),
        "lower priority": ("priority < 40", False),
        "place": ("S_INTERSECTS(geometry, BBOX(0.5, 0.5, 3, 3))", True),
        "touched": ("S_INTERSECTS(geometry, POINT(1 1))", True),
        "elsewhere": ("S_INTERSECTS(geometry, BBOX(1.1, 1.1, 3, 3))", False),
        "time": (f"T_INTERSECTS(period, INTERVAL('{sooner}', '..'))", True),
        "too late": (f"starts_at > TIMESTAMP('{later}')", False),
        "words": ("CASEI(title) LIKE CASEI('%BARGE%')", True),
        "all of it": (f"kind = 'towing' AND priority = 40 AND starts_at < TIMESTAMP('{later}')", True),
        "nothing": ("  ", True),
    }


@pytest.mark.parametrize("name", list(conditions(datetime(2026, 1, 1))))  # noqa: DTZ001 - only the names
def test_a_condition_says_what_is_reviewed(harbour: Organisation, name: str) -> None:
    at = now().replace(microsecond=0) + timedelta(days=1)
    condition, holds = conditions(at)[name]
    make_review_rule(harbour, name=name, condition=condition)
    kind, volumes = make_operation_kind("towing"), [volume(starts_at=at)]
    operation = submit(make_operation("Tow of a barge", organisation=harbour, kind=kind, priority=40, volumes=volumes))
    assert asking(operation) == ([(name, "open")] if holds else [])


def test_a_change_of_the_operation_brings_other_rules_into_play(harbour: Organisation) -> None:
    make_review_rule(harbour, name="Barges", condition="title LIKE '%barge%'")
    make_review_rule(harbour, name="Urgent", condition="priority > 50")
    make_review_rule(harbour, name="East", condition="S_INTERSECTS(geometry, BBOX(20, 0, 30, 10))")
    operation = submit(make_operation("Tow", organisation=harbour))
    assert (operation.state, asking(operation)) == ("approved", [])

    def changed(**changes: Any) -> tuple[str, list[tuple[str, str]]]:
        services.update_operation(operation.pk, actor=SYSTEM, at=now(), **changes)
        return state_of(operation), asking(operation)

    assert changed(description="Slow") == ("approved", [])
    assert changed(title="Tow of a barge") == ("in_review", [("Barges", "open")])
    assert changed(priority=60) == ("in_review", [("Barges", "open"), ("Urgent", "open")])
    decide_all(operation)
    assert changed(contact="Desk 5") == ("approved", [("Barges", "approved"), ("Urgent", "approved")])
    assert changed(volumes=[volume(square(25))], title="Tow") == ("in_review", [("East", "open"), ("Urgent", "open")])
    assert changed(volumes=[volume(square(2))], priority=0) == ("approved", [])


def test_whoever_is_under_way_does_not_become_what_another_rule_reviews(harbour: Organisation) -> None:
    make_review_rule(harbour, name="Barges", condition="title LIKE '%barge%'")
    running = services.move_operation(
        submit(make_operation("Tow", organisation=harbour)), "activate", actor=SYSTEM, at=now()
    )
    make_review_rule(harbour, name="Since then")
    services.update_operation(running.pk, contact="Desk 5", actor=SYSTEM, at=now())
    with pytest.raises(Conflict) as refused:
        services.update_operation(running.pk, title="Tow of a barge", actor=SYSTEM, at=now())
    assert refused.value.code == "needs_approval"
    running.refresh_from_db()
    assert (running.state, running.title, running.contact, asking(running)) == ("active", "Tow", "Desk 5", [])


def test_a_new_rule_asks_what_is_in_review_and_leaves_what_is_approved(
    harbour: Organisation, waiting: Operation
) -> None:
    approved = submit(make_operation(organisation=harbour, volumes=[volume(square(10))]))
    elsewhere = submit(make_operation(kind=waiting.kind, volumes=[volume(square(20))]))
    make_review_rule(harbour, name="New")
    assert follow() == 2
    assert (state_of(waiting), asking(waiting)) == ("in_review", [("New", "open")])
    assert (state_of(approved), asking(approved), asking(elsewhere)) == ("approved", [], [])
    assert follow() == 0


@pytest.mark.parametrize("way", ["deleted", "disabled", "narrowed"])
def test_a_rule_that_goes_takes_along_what_it_still_asks_for(
    harbour: Organisation, waiting: Operation, way: str
) -> None:
    rule = make_review_rule(harbour, name="Going")
    make_review_rule(harbour, name="Staying", condition="priority > 50")
    alone = submit(make_operation(organisation=harbour, volumes=[volume(square(10))]))
    follow()
    assert (asking(waiting), asking(alone)) == ([("Going", "open")], [("Going", "open")])
    match way:
        case "deleted":
            delete(rule)
        case "disabled":
            change(rule, is_enabled=False)
        case _:
            change(rule, condition="kind = 'nothing'")
    follow()
    assert (state_of(alone), asking(alone)) == ("approved", [])
    assert (state_of(waiting), asking(waiting)) == ("in_review", [])
    told = Event.objects.filter(object_id=alone.pk).latest("seq")
    assert (told.data["lifecycle"]["transition"], told.data["lifecycle"]["reason"]) == (
        "approve",
        "The rules by which it is reviewed were changed.",
    )


def test_what_a_rule_was_answered_stands_while_it_holds(harbour: Organisation, waiting: Operation) -> None:
    rule = make_review_rule(harbour, name="Kept")
    follow()
    services.decide_approval(
        waiting.approvals.get(reason="rule").pk, decision="approved", note="Fine.", actor=SYSTEM, at=now()
    )
    change(rule, name="Renamed", condition="priority >= 0")
    assert follow() == 1
    assert (state_of(waiting), asking(waiting)) == ("in_review", [("Kept", "approved")])
    decide_all(waiting)
    assert state_of(waiting) == "approved"
    delete(rule)
    follow()
    assert (state_of(waiting), asking(waiting)) == ("approved", [("Kept", "approved")])


def test_an_organisation_that_moves_in_the_tree_comes_under_other_rules(
    harbour: Organisation, waiting: Operation
) -> None:
    other = make_organisation("Other port")
    make_review_rule(other, name="Of the other port")
    follow()
    assert asking(waiting) == []
    change_organisation(harbour.pk, {"parent_id": other.pk}, actor=SYSTEM, at=now())
    follow()
    assert asking(waiting) == [("Of the other port", "open")]


def test_many_are_followed_in_bounded_batches(harbour: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.operations.services.settling.BATCH", 2)
    kind = make_operation_kind(is_reviewed=True)
    plans = [make_operation(organisation=harbour, kind=kind, volumes=[volume(square(west))]) for west in (0, 5, 10)]
    for plan in plans:
        submit(plan)
    make_review_rule(harbour, name="New")
    assert [follow(), follow(), follow()] == [2, 1, 0]
    assert [asking(plan) for plan in plans] == [[("New", "open")]] * 3


def test_what_is_only_submitted_is_not_approved_by_a_change_of_words(harbour: Organisation) -> None:
    make_zone(kind=make_zone_kind(constraint="authorisation"))
    operation = make_operation(organisation=harbour)
    Operation.objects.filter(pk=operation.pk).update(state="submitted", submitted_at=now())
    services.update_operation(operation.pk, title="Renamed", actor=SYSTEM, at=now())
    assert state_of(operation) == "submitted"
    services.settle_submitted(now())
    assert state_of(operation) == "in_review"


def test_what_came_into_review_unasked_is_settled_whole(harbour: Organisation) -> None:
    make_zone(kind=make_zone_kind(constraint="authorisation"))
    operation = make_operation(organisation=harbour)
    Operation.objects.filter(pk=operation.pk).update(state="in_review", submitted_at=now())
    follow()
    reasons = list(operation.approvals.values_list("reason", flat=True))
    assert (state_of(operation), reasons) == ("in_review", ["zone"])


def test_a_condition_that_cannot_be_read_any_more_asks_for_everything(
    harbour: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_review_rule(harbour, name="Urgent", condition="priority > 50")
    whole = registry.queryables_of("operations")
    monkeypatch.setitem(registry._queryables, "operations", whole.without({"priority"}))
    assert asking(submit(make_operation(organisation=harbour))) == [("Urgent", "open")]
    monkeypatch.undo()
    assert asking(submit(make_operation(organisation=harbour, volumes=[volume(square(9))]))) == []


@pytest.mark.parametrize(
    ("condition", "pointer", "code"),
    [
        ("priority >", "/condition#char=10", "syntax"),
        ("prioritty > 1", "/condition/args/0/property", "unknown_property"),
        ("state = 'approved'", "/condition/args/0/property", "unknown_property"),
        ("changed_at > TIMESTAMP('2026-01-01T00:00:00Z')", "/condition/args/0/property", "unknown_property"),
        ("starts_at < now()", "/condition", "not_live"),
        ("priority > ${user.clearance}", "/condition", None),
        ("x" * 9_000, "/condition", "bad_text"),
    ],
    ids=["unfinished", "unknown", "state", "row", "clock", "variable", "long"],
)
def test_a_condition_is_judged_when_it_is_saved(
    harbour: Organisation, condition: str, pointer: str, code: str | None
) -> None:
    rule = make_review_rule(harbour, name="Rule", condition="priority > 1")
    for write in (lambda: make_review_rule(harbour, condition=condition), lambda: change(rule, condition=condition)):
        with pytest.raises(Invalid) as refused:
            write()
        (error,) = refused.value.errors
        assert error.pointer.startswith(pointer)
        assert code is None or error.code == code
    rule.refresh_from_db()
    assert (rule.condition, rule.version) == ("priority > 1", 1)


def test_naughty_conditions_are_read_or_refused_and_break_nothing(harbour: Organisation) -> None:
    rule, kept = make_review_rule(harbour, name="Rule"), 0
    for text in naughty_strings()[::4]:
        quoted = text.replace("'", "''")
        for condition in (text, f"title = '{quoted}'"):
            with suppress(Invalid):
                kept += change(rule, condition=condition).condition == condition.strip()
    assert kept > 50
    assert submit(make_operation(organisation=harbour)).state in ("approved", "in_review")


def test_a_name_is_taken_once_in_an_organisation(port: Organisation, harbour: Organisation) -> None:
    make_review_rule(port, name="Tows")
    make_review_rule(harbour, name="tows")
    with pytest.raises(Conflict) as refused:
        make_review_rule(port, name="TOWS")
    assert [error.pointer for error in refused.value.errors] == ["/name"]


def test_rules_have_versions_and_events() -> None:
    rule = make_review_rule(name="Rule")
    with pytest.raises(VersionConflict):
        change(rule, expected_version=2, name="Other")
    assert change(rule, name="Rule").version == 1
    assert change(rule, name="Other", description="Why").version == 2
    delete(rule)
    events = Event.objects.filter(object_id=rule.pk).order_by("seq")
    assert [(each.type, each.organisation_id) for each in events] == [
        (f"watchfloor.review_rule.{change}.v1", rule.organisation_id) for change in ("created", "updated", "deleted")
    ]


def test_only_those_write_rules_who_may_where_they_stand() -> None:
    cast = make_cast()
    rule = make_review_rule(cast.harbour, name="Ours")
    made = services.create_review_rule(organisation=cast.harbour, actor=cast.actor("alice"), at=now(), name="Hers")
    assert made.organisation_id == cast.harbour.pk
    for name, error in (("bob", NotAllowed), ("charlie", NotFound)):
        with pytest.raises((NotAllowed, NotFound)):
            services.create_review_rule(organisation=cast.harbour, actor=cast.actor(name), at=now(), name="Theirs")
        with pytest.raises(error):
            services.update_review_rule(rule.pk, actor=cast.actor(name), at=now(), name="Theirs")
        with pytest.raises(error):
            services.delete_review_rule(rule.pk, actor=cast.actor(name), at=now())
    assert set(ReviewRule.objects.values_list("name", flat=True)) == {"Ours", "Hers"}


def test_nobody_reviews_by_what_is_hidden_from_them(harbour: Organisation) -> None:
    user = make_user("reviewer", organisation=harbour)
    assign(user, ["review-rules.add", "review-rules.view", "operations.view"], harbour)
    make_policy("limit", ["operations.*"], organisation=harbour, hidden_fields=["contact"])
    actor = actor_of_user(user)
    with pytest.raises(Invalid) as refused:
        services.create_review_rule(
            organisation=harbour, actor=actor, at=now(), name="Probe", condition="contact LIKE '555%'"
        )
    assert refused.value.errors[0].code == "unknown_property"
    services.create_review_rule(organisation=harbour, actor=actor, at=now(), name="Fine", condition="priority > 1")


def test_whoever_is_asked_is_told_by_which_rule_and_between_which_heights(harbour: Organisation) -> None:
    rule = make_review_rule(harbour, name="Low flights")
    planned = [
        volume(square(west), heights=heights)
        for west, heights in ((0, band(10, 60, Datum.AGL)), (5, band(None, 300)), (10, band(10, 60, Datum.AGL)))
    ]
    operation = submit(make_operation(organisation=harbour, volumes=planned))
    shown = approval_feature(operation.approvals.get()).properties
    assert (shown["reason"], shown["rule_id"], shown["rule_name"]) == ("rule", str(rule.pk), "Low flights")
    assert shown["heights"] == [
        {"lower_m": 10.0, "lower_datum": "AGL", "upper_m": 60.0, "upper_datum": "AGL"},
        {"lower_m": None, "lower_datum": None, "upper_m": 300.0, "upper_datum": "AMSL"},
    ]
    told = Event.objects.get(type="watchfloor.approval.created.v1")
    assert told.data["object"]["properties"]["heights"] == shown["heights"]


def test_a_kind_that_is_reviewed_asks_every_organisation_about_its_own(port: Organisation) -> None:
    kind: OperationKind = make_operation_kind(is_reviewed=True)
    below = make_organisation("Below", parent=port)
    asked = [
        submit(make_operation(kind=kind, organisation=owner, volumes=[volume(square(west))])).approvals.get()
        for west, owner in ((0, port), (5, below))
    ]
    assert [each.organisation_id for each in asked] == [port.pk, below.pk]
