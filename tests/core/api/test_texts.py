"""JSON written by the database is the JSON that Python would have written."""

from __future__ import annotations

import orjson
import pytest
from django.db.models import Value

from apps.access.models import Role
from apps.core.api.rows import Instant
from apps.core.api.texts import Number, Quoted, json_text
from tests.factories.access import make_role
from tests.factories.core import after

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("number", [0.0, -1.5, 1e-05, 1e300, 0.1 + 0.2, None], ids=str)
def test_numbers_are_the_same_numbers(number: float | None) -> None:
    make_role()
    text = json_text({"here": Number(Value(number)), "there": [Number("version"), "true", {"of": '"text"'}]})
    [written] = Role.objects.annotate(text=text).values_list("text", flat=True)
    assert orjson.loads(written) == {"here": number, "there": [1, True, {"of": "text"}]}


@pytest.mark.parametrize("seconds", [0, 0.25, 1e-6], ids=str)
def test_instants_are_written_as_orjson_reads_them(seconds: float) -> None:
    at = after(seconds=seconds)
    role = make_role()
    Role.objects.filter(pk=role.pk).update(changed_at=at)
    text = json_text({"at": Quoted(Instant("changed_at")), "id": Quoted("pk")})
    [written] = Role.objects.annotate(text=text).values_list("text", flat=True)
    told = orjson.loads(written)
    assert told["id"] == str(role.pk)
    assert told["at"].endswith("Z")
    assert type(at).fromisoformat(told["at"]) == at
