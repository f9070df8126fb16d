"""Every naughty string in every text of operations: kept as it was said, or refused with a reason."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from icalendar import Calendar
from rest_framework.exceptions import ValidationError
from rest_framework.serializers import CharField

from apps.core.clock import now
from apps.events.rules import instant
from apps.operations.api.serializers import (
    ApprovalChangeSerializer,
    OperationKindSerializer,
    OperationSerializer,
    PlanSerializer,
    RecurrenceSerializer,
    ReviewRuleSerializer,
)
from apps.operations.models import Approval, Operation, OperationKind, ReviewRule
from tests.factories.access import Cast, make_cast, signed_in
from tests.factories.conformance import naughty_strings
from tests.factories.operations import make_operation, make_operation_kind, make_review_rule, submit

pytestmark = pytest.mark.django_db
PATCH = "application/merge-patch+json"
ANY = {"If-Match": "*"}
SHAPES = [
    ApprovalChangeSerializer,
    OperationKindSerializer,
    OperationSerializer,
    PlanSerializer,
    RecurrenceSerializer,
    ReviewRuleSerializer,
]


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture
def alice(cast: Cast) -> Client:
    client = signed_in(cast.alice)
    client.raise_request_exception = False
    return client


def kept(answer: Any, *, sent: str, shown: str) -> bool:
    """Say whether the text was kept; require that it was kept as it is, or refused with a problem that names it."""
    if answer.status_code == 200:
        assert answer.json()[shown] == sent.strip(), sent
        return True
    assert (answer.status_code in (400, 422), answer["Content-Type"]) == (True, "application/problem+json"), sent
    assert answer.json()["errors"], sent
    return False


def test_a_fifth_of_the_strings_over_rest_and_in_the_calendar(cast: Cast, alice: Client) -> None:
    """Turn by turn: a request takes time. The fields of one request get the same string."""
    operation = submit(make_operation(organisation=cast.harbour, kind=make_operation_kind(is_reviewed=True)))
    approval, rule, count = operation.approvals.get(), make_review_rule(cast.harbour, is_enabled=False), 0
    paths = [
        (f"/api/v1/operations/{operation.pk}", ("title", "contact", "description")),
        (f"/api/v1/approvals/{approval.pk}", ("note",)),
        (f"/api/v1/review-rules/{rule.pk}", ("name", "description")),
        (f"/api/v1/review-rules/{rule.pk}", ("condition",)),
    ]
    for number, text in enumerate(naughty_strings()[::5]):
        path, fields = paths[number % len(paths)]
        answer = alice.patch(path, dict.fromkeys(fields, text), content_type=PATCH, headers=ANY)
        was_kept = kept(answer, sent=text, shown=fields[0])
        count += was_kept
        if was_kept and fields[0] == "title" and number % 20 == 0:
            (event,) = Calendar.from_ical(alice.get(f"{path}.ics").content).events
            assert (event["SUMMARY"], event["CONTACT"]) == (text.strip(), text.strip())
    assert count > 50


@pytest.mark.parametrize("shape", SHAPES, ids=[shape.__name__ for shape in SHAPES])
def test_every_string_that_a_field_lets_in_can_be_stored(shape: Any) -> None:
    fields = [field for field in shape().fields.values() if type(field) is CharField and not field.read_only]
    assert fields
    for text in naughty_strings():
        for field in fields:
            try:
                value = field.run_validation(text)
            except ValidationError:
                continue
            # What is left is for the services, which refuse controls.
            assert value == text.strip()


@pytest.mark.parametrize(
    "model", [Operation, OperationKind, Approval, ReviewRule], ids=lambda model: model._meta.verbose_name
)
def test_the_forms_of_the_admin_judge_every_string(cast: Cast, rf: Any, model: Any) -> None:
    request = rf.get("/")
    request.user = cast.alice
    form = admin.site._registry[model].get_form(request)
    for text in naughty_strings()[::4]:
        judged = form(dict.fromkeys(form.base_fields, text))
        # A number is a number also where it was meant to be naughty.
        assert not judged.is_valid() or text.isdigit()


def test_the_pages_of_the_admin_take_a_choice_of_them(cast: Cast, alice: Client) -> None:
    kind = make_operation_kind()
    operation = submit(make_operation(organisation=cast.harbour, kind=make_operation_kind(is_reviewed=True)))
    decide = f"/admin/operations/approval/{operation.approvals.get().pk}/decide/"
    begins = now() + timedelta(days=1)
    shape = {"type": "Circle", "centre": [5, 5], "radius_m": 100}
    times = {"starts_at": instant(begins), "ends_at": instant(begins + timedelta(hours=1))}
    planned = {"kind": str(kind.pk), "organisation": str(cast.harbour.pk)}
    broken = []
    for text in naughty_strings()[::150]:
        recurring = [{"shape": shape, **times, "recurrence": {"rule": text, "time_zone": text}}]
        answers = [
            alice.get("/admin/operations/operation/", {"q": text}),
            alice.get("/admin/operations/operation/timeline/", dict.fromkeys(("from", "kind", "state", "show"), text)),
            alice.post("/admin/operations/operation/add/", {**planned, "title": text, "volumes": text}),
            alice.post("/admin/operations/operation/add/", {**planned, "title": "x", "volumes": json.dumps(recurring)}),
            alice.post(decide, {"decision": text, "note": text}),
        ]
        broken += [(text, answer.request["PATH_INFO"]) for answer in answers if answer.status_code >= 500]
    assert broken == []
