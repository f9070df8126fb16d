"""JSON written by the database is the JSON that Python would have written."""

from __future__ import annotations

import orjson
import pytest
from django.db.models import Func, TextField, Value
from django.db.models.functions import Cast

from apps.access.models import Role
from apps.core.api.rows import Instant
from apps.core.api.texts import Number, Quoted, json_text, page_of_texts
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


@pytest.mark.parametrize("limit", [1, 3], ids=str)
def test_a_page_is_the_texts_of_its_rows_and_the_keys_of_one(limit: int) -> None:
    names = [make_role(name=name).name for name in ("a", 'b"\n', "c")]
    text = json_text({"name": Cast(Func("name", function="to_json"), TextField())})
    roles = Role.objects.values("pk", text=text).order_by("name", "pk")
    texts, keys = page_of_texts(roles[:limit], ["name"], limit)
    assert [orjson.loads(text) for text in texts] == [{"name": name} for name in names[:limit]]
    assert keys == {"name": names[limit - 1]}


def test_an_empty_page_has_no_texts() -> None:
    assert page_of_texts(Role.objects.values(text=json_text({"id": Quoted("pk")}))[:5], ["id"], 5) == ([], {"id": None})
