"""The description of the API: complete, valid, without a warning, and shown from files of our own."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from openapi_spec_validator import OpenAPIV31SpecValidator

HOSTS_OF_OTHERS = ("https://cdn", "http://cdn", "unpkg", "jsdelivr")


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    """The schema as it is served."""
    GENERATOR_STATS.reset()
    generated = SchemaGenerator().get_schema(request=None, public=True)
    return dict(json.loads(json.dumps(generated, default=str)))


def test_it_is_generated_without_a_warning(schema: dict[str, Any]) -> None:
    assert schema["openapi"].startswith("3.1")
    assert dict(GENERATOR_STATS._warn_cache) == {}
    assert dict(GENERATOR_STATS._error_cache) == {}


def test_it_is_valid(schema: dict[str, Any]) -> None:
    assert [(list(error.absolute_path), error.message) for error in OpenAPIV31SpecValidator(schema).iter_errors()] == []


def test_every_operation_has_a_name_of_its_own_and_says_what_it_does(schema: dict[str, Any]) -> None:
    operations = [each for path in schema["paths"].values() for each in path.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names))
    assert [each["operationId"] for each in operations if not each.get("summary") and not each.get("description")] == []


def test_every_url_under_the_api_is_described(schema: dict[str, Any]) -> None:
    described = set(schema["paths"])
    served = {f"/{route}" for route in _routes(get_resolver()) if route.startswith("api/v1/")}
    assert {_plain(path) for path in served} - {_plain(path) for path in described} - {"/api/v1/openapi.json"} == set()


@pytest.mark.django_db
def test_its_page_comes_from_files_of_our_own() -> None:
    page = Client().get("/api/docs").content.decode()
    assert "/static/vendor/swagger-ui-dist" in page
    assert [host for host in HOSTS_OF_OTHERS if host in page] == []


def _routes(resolver: URLResolver, prefix: str = "") -> list[str]:
    found: list[str] = []
    for entry in resolver.url_patterns:
        route = prefix + str(entry.pattern).removeprefix("^")
        if isinstance(entry, URLPattern):
            found.append(route)
        else:
            found += _routes(entry, route)
    return found


def _plain(path: str) -> str:
    """Forget the names and the types of parameters: ``<uuid:asset_id>`` and ``{asset_id}`` are the same place."""
    parts = ["*" if part.startswith(("<", "{")) else part for part in path.split("/")]
    return "/".join(parts)
