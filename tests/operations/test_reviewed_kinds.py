"""A kind that comes to be reviewed, or is no longer: what is in review follows, and what is approved stays approved."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from apps.access.types import SYSTEM
from apps.core.clock import now
from apps.core.types import Datum
from apps.operations import services
from apps.operations.models import KindChange, Operation, OperationKind
from tests.factories.operations import band, decide_all, make_operation, make_operation_kind, submit, volume
from tests.factories.zones import square

pytestmark = pytest.mark.django_db


@pytest.fixture
def kind() -> OperationKind:
    return make_operation_kind()


@pytest.fixture
def waiting(kind: OperationKind) -> Operation:
    """In review, for its heights cannot be compared with another's."""
    start = now() + timedelta(days=1)
    submit(make_operation(volumes=[volume(heights=band(0, 120, Datum.AGL), starts_at=start)]))
    return submit(make_operation(kind=kind, volumes=[volume(heights=band(300, 400), starts_at=start)]))


@pytest.fixture
def approved(kind: OperationKind) -> Operation:
    return submit(make_operation(kind=kind, volumes=[volume(square(20))]))


def change(kind: OperationKind, **changes: Any) -> int:
    """Change a kind, and return how many operations follow."""
    services.update_operation_kind(kind.pk, actor=SYSTEM, at=now(), **changes)
    return services.follow_rules(now())


def standing(operation: Operation) -> tuple[str, list[tuple[str, str]]]:
    """Return the state of an operation, and what it was asked for with what was said."""
    operation.refresh_from_db()
    return operation.state, list(operation.approvals.order_by("reason").values_list("reason", "decision"))


def decide(operation: Operation, reason: str) -> None:
    approval = operation.approvals.get(reason=reason)
    services.decide_approval(approval.pk, decision="approved", actor=SYSTEM, at=now())


def test_it_asks_what_is_in_review_and_nothing_else(kind, waiting, approved) -> None:
    assert services.follow_rules(now()) == 0
    assert (change(kind, is_reviewed=True), services.follow_rules(now())) == (1, 0)
    assert standing(waiting) == ("in_review", [("not_comparable", "open"), ("organisation", "open")])
    assert waiting.approvals.get(reason="organisation").organisation_id == waiting.organisation_id
    assert (standing(approved), KindChange.objects.count()) == (("approved", []), 0)


def test_one_that_is_reviewed_no_more_takes_along_what_it_asked_for(kind, waiting) -> None:
    change(kind, is_reviewed=True)
    decide(waiting, "not_comparable")
    assert standing(waiting) == ("in_review", [("not_comparable", "approved"), ("organisation", "open")])
    change(kind, is_reviewed=False)
    assert standing(waiting) == ("approved", [("not_comparable", "approved")])


def test_what_was_said_stands(kind, waiting) -> None:
    change(kind, is_reviewed=True)
    decide(waiting, "organisation")
    change(kind, name="Renamed")
    assert standing(waiting) == ("in_review", [("not_comparable", "open"), ("organisation", "approved")])


def test_what_is_approved_is_asked_about_when_its_words_change_and_not_again(kind, approved) -> None:
    change(kind, is_reviewed=True)
    services.update_operation(approved.pk, title="Another", actor=SYSTEM, at=now())
    assert standing(approved) == ("in_review", [("organisation", "open")])
    decide_all(approved)
    services.update_operation(approved.pk, title="Yet another", actor=SYSTEM, at=now())
    assert standing(approved) == ("approved", [("organisation", "approved")])
