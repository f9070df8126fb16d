"""Every naughty string in every text of incidents and rules: kept as it was said, or refused with a reason."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from rest_framework.exceptions import ValidationError
from rest_framework.serializers import CharField

from apps.incidents.api.serializers import CommentSerializer, IncidentChangeSerializer, RuleSerializer
from apps.incidents.models import Comment, Incident, Rule
from tests.factories.access import Cast, make_cast, signed_in
from tests.factories.conformance import naughty_strings
from tests.factories.incidents import make_incident, make_rule

pytestmark = pytest.mark.django_db
PATCH = "application/merge-patch+json"
ANY = {"If-Match": "*"}
SHAPES = [IncidentChangeSerializer, CommentSerializer, RuleSerializer]


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture
def alice(cast: Cast) -> Client:
    client = signed_in(cast.alice)
    client.raise_request_exception = False
    return client


def judge(answer: Any, status: int, *, sent: str, shown: str) -> bool:
    """Say whether the text was kept; require that it was kept as it is, or refused with a problem that names it."""
    if answer.status_code == status:
        assert answer.json()[shown] == sent.strip(), sent
        return True
    assert (answer.status_code in (400, 422), answer["Content-Type"]) == (True, "application/problem+json"), sent
    assert answer.json()["errors"], sent
    return False


def test_a_third_of_the_strings_over_rest(cast: Cast, alice: Client) -> None:
    """Each to one noun, turn by turn: a request takes time. The fields of one request get the same string."""
    incident, rule = make_incident(cast.harbour), make_rule(cast.harbour)
    kept = 0
    for number, text in enumerate(naughty_strings()[::3]):
        match number % 3:
            case 0:
                body = {"title": text, "description": text}
                answer = alice.patch(f"/api/v1/incidents/{incident.pk}", body, content_type=PATCH, headers=ANY)
                kept += judge(answer, 200, sent=text, shown="title")
            case 1:
                path = f"/api/v1/incidents/{incident.pk}/comments"
                answer = alice.post(path, {"text": text}, content_type="application/json")
                kept += judge(answer, 201, sent=text, shown="text")
            case _:
                body = {"name": text, "title_template": text}
                answer = alice.patch(f"/api/v1/rules/{rule.pk}", body, content_type=PATCH, headers=ANY)
                kept += judge(answer, 200, sent=text, shown="name")
    assert kept > 100
    assert Comment.objects.count() > 30


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


@pytest.mark.parametrize("model", [Incident, Rule], ids=["incident", "rule"])
def test_the_forms_of_the_admin_judge_every_string(cast: Cast, rf: Any, model: Any) -> None:
    request = rf.get("/")
    request.user = cast.alice
    form = admin.site._registry[model].get_form(request)
    for text in naughty_strings()[::4]:
        judged = form(dict.fromkeys(form.base_fields, text))
        assert not judged.is_valid()
        assert judged.errors


def test_the_pages_of_the_admin_take_a_choice_of_them(cast: Cast, alice: Client) -> None:
    incident = make_incident(cast.harbour)
    broken = []
    for text in naughty_strings()[::200]:
        answers = [
            alice.get("/admin/incidents/incident/", {"q": text}),
            alice.post(f"/admin/incidents/incident/{incident.pk}/change/", {"title": text, "description": text}),
            alice.post("/admin/incidents/rule/add/", {"name": text, "title_template": text}),
        ]
        broken += [(text, answer.request["PATH_INFO"]) for answer in answers if answer.status_code >= 500]
    assert broken == []
