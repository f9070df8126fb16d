"""The two ways in by HTTP, as one function each: the ASGI front with its writers, and Django's views in ``web``."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from django.test import Client

from apps.tracking.front import IngestFront, _deliver


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back."""

    status: int
    content_type: str
    body: bytes
    headers: Mapping[str, str]

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """Return the code of the problem that this is."""
        assert self.content_type == "application/problem+json", (self.status, self.content_type, self.body)
        problem = self.json()
        assert problem["status"] == self.status
        return str(problem["type"]).removeprefix("urn:watchfloor:problem:")


Door: TypeAlias = Callable[..., Reply]


def web(method: str, path: str, body: bytes = b"", *, query: str = "", **headers: str) -> Reply:
    """Send a request to Django's views."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    content_type = sent.pop("content-type", "application/json")
    response = Client(raise_request_exception=False).generic(
        method, f"{path}?{query}" if query else path, body, content_type=content_type, headers=sent
    )
    return Reply(
        status=response.status_code,
        content_type=response.headers.get("Content-Type", ""),
        body=response.content,
        headers={name.lower(): value for name, value in response.items()},
    )


def front(method: str, path: str, body: bytes = b"", *, query: str = "", **headers: str) -> Reply:
    """Send a request to a fresh ASGI front."""
    sent = {"content-type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    scope = http_scope(method, path, query, sent)
    app = IngestFront()
    assert app.takes(scope)
    app._is_open = True
    with asyncio.Runner() as runner:
        reply = runner.run(_begin(app, scope, body))
        if not reply.done():
            _write_once(app)
        return runner.run(_wait_for(reply))


def http_scope(method: str, path: str, query: str = "", headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the scope of a request as a server makes it."""
    return {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in (headers or {}).items()],
        "client": ("127.0.0.1", 50000),
    }


async def ask(app: IngestFront, scope: dict[str, Any], *chunks: bytes) -> Reply:
    """Send one request, in chunks, to a front that is running."""
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": chunk, "more_body": number < len(chunks)}
        for number, chunk in enumerate(chunks, start=1)
    ]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Reply(status=sent[0]["status"], content_type=headers["content-type"], body=sent[1]["body"], headers=headers)


async def _begin(app: IngestFront, scope: dict[str, Any], body: bytes) -> asyncio.Future[Reply]:
    """Let the front take a request, as far as it gets without a writer."""
    reply = asyncio.ensure_future(ask(app, scope, body))
    await asyncio.sleep(0)
    return reply


def _write_once(app: IngestFront) -> None:
    """Do a writer's work in this thread, outside of the loop: the test's transaction belongs here."""
    taken = app._take()
    assert taken is not None
    _deliver([future for _, future in taken], app._receive([request for request, _ in taken]))


async def _wait_for(reply: asyncio.Future[Reply]) -> Reply:
    return await reply
