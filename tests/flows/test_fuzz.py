"""The fuzz in its short form, and that it tells what it finds."""

from __future__ import annotations

import pytest
from django.http import HttpRequest, HttpResponse, JsonResponse
from hypothesis import strategies as st

from apps.access.registry import all_actions
from apps.zones.api.views import ZonesView
from benchmarks._fuzz.rest import Api, Request
from benchmarks._fuzz.run import hunt
from benchmarks._fuzz.surfaces import fuzz
from tests.flows.world import MARK, make_world


@pytest.mark.django_db(transaction=True)
def test_nothing_that_is_generated_breaks_anything() -> None:
    found = fuzz(make_world(frozenset(all_actions())), seconds=4, first=1)
    assert found["failures"] == []
    assert min(found[surface]["examples"] for surface in ("rest", "ingest", "feed")) > 0


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("answer", "who", "told"),
    [
        (HttpResponse(b"{}", status=500), "alice", "500: {}"),
        (HttpResponse(b"no", status=404), "alice", "404 as text/html; charset=utf-8: no"),
        (JsonResponse({"name": MARK}), "dana", 'dana was told {"name": "Xylograph"}'),
        (JsonResponse({"name": MARK}), "bob", None),
    ],
    ids=["fault", "no_problem", "leak", "own"],
)
def test_what_must_never_come_back_is_told(
    monkeypatch: pytest.MonkeyPatch, answer: HttpResponse, who: str, told: str | None
) -> None:
    def dispatch(_view: ZonesView, _request: HttpRequest) -> HttpResponse:
        return answer

    api = Api(make_world(frozenset(all_actions())))
    monkeypatch.setattr(ZonesView, "dispatch", dispatch)
    request = Request(who=who, method="GET", path="/api/v1/zones", body=b"", content_type="", headers={})
    assert api.fault(request) == told


def test_the_first_fault_ends_the_hunt_and_is_made_small() -> None:
    ran = hunt(st.integers(0, 10_000), lambda number: "too large" if number > 41 else None, seconds=20, first=1)
    assert [failure.splitlines()[-1] for failure in ran.failures] == ["  was the answer to 42"]
