"""Requests made of the OpenAPI document, as everybody: never a 5xx, always a problem that says so, never a leak.

Everything happens in a transaction that is rolled back, so each request meets the same world.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from django.db import transaction
from django.test import Client
from hypothesis import strategies as st

from benchmarks._fuzz.schemas import Schema, Schemas, odd_texts
from tests.factories.access import signed_in
from tests.flows.world import MARK, World

NOBODY = "nobody"
# Who may meet the mark, and who may not.
INSIDERS, OUTSIDERS = ("alice", "bob"), ("charlie", "dana", NOBODY)
PROBLEM = "application/problem+json"
KINDS_OF_BODY = ("application/json", "application/merge-patch+json", "application/geo+json", "text/plain", "x")
VERSIONS = ('"1"', '"2"', "*", 'W/"1"', "1", '"', "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one address of the document."""

    method: str
    path: str
    parameters: tuple[Schema, ...]
    body: Schema | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is sent, and as whom."""

    who: str
    method: str
    path: str
    body: bytes
    content_type: str
    headers: Mapping[str, str]


class Api:
    """The document, and everybody who may ask."""

    def __init__(self, world: World) -> None:
        asking = Client()
        asking.force_login(world.alice)
        document = json.loads(asking.get("/api/v1/openapi.json").content)
        self.schemas = Schemas(document["components"]["schemas"], [str(each) for each in world.parts.values()])
        self.operations = list(_operations(document))
        self.parts = {name: str(part) for name, part in world.parts.items()}
        self.clients = {name: signed_in(getattr(world, name)) for name in (*INSIDERS, *OUTSIDERS[:-1])}
        self.clients[NOBODY] = Client()
        self.statuses: Counter[int] = Counter()
        for client in self.clients.values():
            client.raise_request_exception = False

    def requests(self) -> st.SearchStrategy[Request]:
        """Return requests as a strategy."""
        return st.sampled_from(self.operations).flatmap(self._request)

    def fault(self, request: Request) -> str | None:
        """Send a request and return what is wrong with the answer."""
        with transaction.atomic():
            answer = self.clients[request.who].generic(
                request.method, request.path, request.body, content_type=request.content_type, headers=request.headers
            )
            transaction.set_rollback(True)
        self.statuses[answer.status_code] += 1
        return _fault(answer, who=request.who)

    def _request(self, operation: Operation) -> st.SearchStrategy[Request]:
        query = st.fixed_dictionaries(
            {}, optional={each["name"]: self._value(each) for each in operation.parameters if each["in"] == "query"}
        )
        names = [each["name"] for each in operation.parameters if each["in"] == "path"]
        path = st.fixed_dictionaries({name: self._part(name) for name in names})
        body = self.schemas.loosely(operation.body).map(_bytes) if operation.body is not None else st.just(b"")
        usual = "application/merge-patch+json" if operation.method == "PATCH" else "application/json"
        return st.builds(
            lambda who, parts, asked, sent, kind, headers: Request(
                who=who,
                method=operation.method,
                path=f"{_filled(operation.path, parts)}{'?' if asked else ''}{urlencode(asked)}",
                body=sent,
                content_type=kind,
                headers=headers,
            ),
            st.sampled_from((*INSIDERS, *INSIDERS, *OUTSIDERS)),
            path,
            query,
            body | st.binary(max_size=40) if operation.body is not None else body,
            st.sampled_from((usual,) * 12 + KINDS_OF_BODY),
            st.fixed_dictionaries(
                {},
                optional={
                    "If-Match": st.sampled_from(('"1"',) * 4 + VERSIONS),
                    "If-None-Match": st.sampled_from(VERSIONS),
                    "Idempotency-Key": st.text("ab", max_size=3),
                    "Accept": st.sampled_from(["application/json"] * 8 + ["*/*", "text/html", "application/x"]),
                },
            ),
        )

    def _part(self, name: str) -> st.SearchStrategy[str]:
        fitting = self.parts.get(name.removesuffix("_id").removesuffix("_pk"), "")
        usual = st.just(fitting) if fitting else self.schemas.ids
        return st.one_of(usual, usual, usual, self.schemas.ids, odd_texts)

    def _value(self, parameter: Schema) -> st.SearchStrategy[str]:
        return (self.schemas.exactly(parameter.get("schema", {})) | odd_texts).map(_text)


def _operations(document: Schema) -> Iterator[Operation]:
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            content = described.get("requestBody", {}).get("content", {})
            yield Operation(
                method=method.upper(),
                path=path,
                parameters=tuple(described.get("parameters", ())),
                body=next(iter(content.values()))["schema"] if content else None,
            )


def _fault(answer: Any, *, who: str) -> str | None:
    text = answer.getvalue().decode(errors="replace") if answer.streaming else answer.content.decode(errors="replace")
    kind = answer.headers.get("Content-Type", "")
    if answer.status_code >= 500:
        return f"{answer.status_code}: {text[:400]}"
    if who in OUTSIDERS and MARK.lower() in text.lower():
        return f"{who} was told {text[:400]}"
    if answer.status_code >= 400:
        return _problem_fault(answer.status_code, kind, text)
    return None


def _problem_fault(status: int, kind: str, text: str) -> str | None:
    if kind != PROBLEM:
        return f"{status} as {kind}: {text[:200]}"
    problem = json.loads(text)
    is_whole = (
        problem["status"] == status and problem["type"].startswith("urn:watchfloor:problem:") and problem["title"]
    )
    return None if is_whole else f"half a problem: {text[:400]}"


def _filled(path: str, parts: Mapping[str, str]) -> str:
    for name, part in parts.items():
        path = path.replace(f"{{{name}}}", quote(part, safe=""))
    return path


def _bytes(value: Any) -> bytes:
    return json.dumps(value).encode(errors="replace")


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
