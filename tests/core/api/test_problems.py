"""Errors as the outside sees them: every kind has its status, nothing says more than it should."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DataError, OperationalError
from django.http import HttpRequest
from django.test import Client, RequestFactory
from rest_framework import exceptions
from rest_framework.serializers import ValidationError

from apps.core.api import problems
from apps.core.api.problems import problem_of
from apps.core.types import (
    Conflict,
    FieldError,
    Gone,
    Invalid,
    Malformed,
    NotAllowed,
    NotFound,
    PreconditionRequired,
    TooLarge,
    Unavailable,
    VersionConflict,
    WatchfloorError,
)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (NotAllowed("x"), 403, "not_allowed"),
        (NotFound("x"), 404, "not_found"),
        (Conflict("x", code="illegal_transition"), 409, "illegal_transition"),
        (VersionConflict("x"), 412, "version_conflict"),
        (Gone("x"), 410, "gone"),
        (TooLarge("x"), 413, "too_large"),
        (Invalid("x"), 422, "invalid"),
        (PreconditionRequired("x"), 428, "precondition_required"),
        (Unavailable("x"), 503, "unavailable"),
        (Malformed("x"), 400, "malformed"),
        (WatchfloorError("x"), 400, "error"),
        (exceptions.NotAuthenticated(), 401, "not_authenticated"),
        (exceptions.MethodNotAllowed("PUT"), 405, "method_not_allowed"),
        (exceptions.NotAcceptable(), 406, "not_acceptable"),
        (exceptions.UnsupportedMediaType("text/plain"), 415, "unsupported_media_type"),
        (exceptions.Throttled(wait=3), 429, "throttled"),
        (exceptions.ParseError(), 400, "malformed"),
        (DataError("secret detail"), 422, "invalid"),
        (OperationalError("secret host"), 503, "unavailable"),
    ],
)
def test_every_kind_has_its_status_and_its_code(error: Exception, status: int, code: str) -> None:
    problem = problem_of(error)

    assert problem is not None
    assert (problem.status, problem.code) == (status, code)
    assert "secret" not in problem.detail


def test_a_mistake_of_ours_is_no_problem_of_the_caller() -> None:
    assert problem_of(KeyError("x")) is None


def test_nested_faults_become_pointers() -> None:
    error = ValidationError(
        {"a": ["one", "two"], "b": [{}, {"c/d~": ["three"]}], "non_field_errors": ["four"], "e": {"0": ["five"]}}
    )
    problem = problem_of(error)

    assert problem is not None
    assert [(each.pointer, each.detail) for each in problem.errors] == [
        ("/a", "one"),
        ("/a", "two"),
        ("/b/1/c~1d~0", "three"),
        ("", "four"),
        ("/e/0", "five"),
    ]


def test_details_never_overwrite_what_the_standard_says() -> None:
    error = Conflict(
        "x", details={"status": 200, "conflicts": [1]}, errors=[FieldError(pointer="", code="a", detail="b")]
    )
    problem = problem_of(error)

    assert problem is not None
    assert problem.body() == {
        "conflicts": [1],
        "type": "urn:watchfloor:problem:conflict",
        "title": "Conflict",
        "status": 409,
        "detail": "x",
        "errors": [{"pointer": "", "code": "a", "detail": "b"}],
        "trace_id": None,
    }


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/", "/ingest/nothing"])
def test_an_address_that_leads_nowhere_is_a_problem_below_api(client: Client, path: str) -> None:
    response = client.get(path)

    assert (response.status_code, response.headers["Content-Type"]) == (404, "application/problem+json")
    assert response.json()["type"] == "urn:watchfloor:problem:not_found"


def test_a_mistake_of_ours_says_only_its_trace(rf: RequestFactory) -> None:
    response = problems.handler500(rf.get("/api/v1/things"))

    assert (response.status_code, response.headers["Content-Type"]) == (500, "application/problem+json")


@pytest.mark.parametrize(
    ("handler", "status"), [(problems.handler400, 400), (problems.handler403, 403), (problems.handler404, 404)]
)
def test_pages_of_people_stay_pages(rf: RequestFactory, handler: Any, status: int) -> None:
    page = handler(rf.get("/admin/x"), Exception("x"))
    problem = handler(rf.get("/api/x"), Exception("x"))

    assert (page.status_code, problem.status_code) == (status, status)
    assert page.headers["Content-Type"].startswith("text/html")
    assert problem.headers["Content-Type"] == "application/problem+json"


def test_a_trace_goes_in_and_comes_out(client: Client) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"

    response = client.get("/api/v1/nothing", headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"})

    assert response.json()["trace_id"] == trace
    assert response.headers["traceparent"].split("-")[1] == trace


@pytest.mark.parametrize("path", ["/livez?x=%00", "/api/v1/me?cursor=a%00b", "/%00"])
def test_a_nul_in_the_address_is_refused_before_anything_sees_it(client: Client, path: str) -> None:
    response = client.get(path)

    assert (response.status_code, response.headers["Content-Type"]) == (400, "application/problem+json")


def test_csrf_failures_are_problems_below_api(rf: RequestFactory) -> None:
    request: HttpRequest = rf.post("/api/v1/things")

    assert problems.csrf_failure(request, "no token").status_code == 403
