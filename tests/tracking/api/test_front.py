"""The front by itself: gathering, a full queue, one bad among good, stopping, and losing the database."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from django.db import OperationalError, connection
from prometheus_client import REGISTRY

from apps.core.clock import now
from apps.tracking import front as front_module
from apps.tracking import reception, services
from apps.tracking.front import IngestFront
from apps.tracking.models import Position
from apps.tracking.reception import Answer, Incoming
from apps.tracking.types import IngestResult, Submission
from tests.factories.access import make_user, with_key
from tests.factories.assets import make_asset
from tests.tracking.api.doors import Reply, ask, http_scope


def scope(key: dict[str, str] | None = None) -> dict[str, Any]:
    return http_scope("POST", "/api/v1/positions", headers=key or {"authorization": "Bearer x"})


def bodies(count: int) -> list[bytes]:
    fixed_at = now().isoformat()
    return [
        json.dumps([{"asset": f"mmsi:{number:09}", "fixed_at": fixed_at, "lon": 1, "lat": 1}]).encode()
        for number in range(count)
    ]


async def send_all(app: IngestFront, sent: Sequence[bytes], key: dict[str, str] | None = None) -> list[Reply]:
    return list(await asyncio.gather(*(ask(app, scope(key), body) for body in sent)))


@pytest.mark.django_db(transaction=True)
def test_what_comes_at_once_is_stored_in_few_transactions_and_answered_each_for_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number in range(40):
        make_asset(identifiers=[("mmsi", f"{number:09}")])
    key, batches = with_key(make_user(is_superuser=True)), []
    ingest_all = services.ingest_all

    def counting(submissions: Sequence[Submission]) -> list[IngestResult]:
        batches.append(len(submissions))
        return ingest_all(submissions)

    monkeypatch.setattr(services, "ingest_all", counting)
    sent = bodies(40)
    sent[7] = b"{"
    sent[8] = b"[]"

    async def run() -> list[Reply]:
        app = IngestFront()
        futures = asyncio.gather(*(ask(app, scope(key), body) for body in sent))
        app._is_open = True  # everything waits before the first writer looks
        await asyncio.sleep(0)
        await app.start()
        replies = await futures
        await app.stop()
        return list(replies)

    replies = asyncio.run(run())
    assert [reply.status for reply in replies] == [200] * 7 + [400] + [200] * 32
    assert [reply.json()["stored"] for reply in replies if reply.status == 200] == [1] * 7 + [0] + [1] * 31
    assert (Position.objects.count(), sum(batches), len(batches) <= 3) == (38, 39, True)


@pytest.mark.django_db(transaction=True)
def test_what_breaks_a_batch_is_tried_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(6):
        make_asset(identifiers=[("mmsi", f"{number:09}")])
    ingest_all = services.ingest_all

    def touchy(submissions: Sequence[Submission]) -> list[IngestResult]:
        if any(item.asset == "mmsi:000000003" for each in submissions for item in each.items):
            raise ZeroDivisionError
        return ingest_all(submissions)

    monkeypatch.setattr(services, "ingest_all", touchy)
    requests = [incoming(body, with_key(make_user(is_superuser=True))) for body in bodies(6)]
    answers = reception.receive(requests)
    assert [answer.status for answer in answers] == [200, 200, 200, 500, 200, 200]
    assert json.loads(answers[3].body)["type"] == "urn:watchfloor:problem:internal"
    assert Position.objects.count() == 5


@pytest.mark.django_db(transaction=True)
def test_a_lost_connection_is_made_anew_and_the_batch_stored_once() -> None:
    make_asset(identifiers=[("mmsi", "000000000")])
    requests = [incoming(bodies(1)[0], with_key(make_user(is_superuser=True)))]
    reception.receive([incoming(b"[]", {"authorization": requests[0].headers["authorization"]})])
    assert connection.connection is not None
    connection.connection.close()
    assert [answer.status for answer in reception.receive(requests)] == [200]
    assert Position.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_is_lost_while_a_key_is_looked_up_is_made_anew() -> None:
    make_asset(identifiers=[("mmsi", "000000000")])
    request = incoming(bodies(1)[0], with_key(make_user(is_superuser=True)))
    assert connection.connection is not None
    connection.connection.close()
    assert [reception.receive([request])[0].status for _ in range(2)] == [503, 200]


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_believes_in_a_transaction_is_given_up() -> None:
    make_asset(identifiers=[("mmsi", "000000000")])
    request = incoming(bodies(1)[0], with_key(make_user(is_superuser=True)))
    reception.receive([request])
    connection.set_autocommit(False)
    assert connection.connection is not None
    connection.connection.close()
    assert [reception.receive([request])[0].status for _ in range(2)] == [200, 200]


@pytest.mark.django_db
def test_a_database_that_is_away_is_503_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    key = with_key(make_user(is_superuser=True))
    tries: list[int] = []

    def away(submissions: Sequence[Submission]) -> list[IngestResult]:
        tries.append(len(submissions))
        raise OperationalError("gone")

    monkeypatch.setattr(services, "ingest_all", away)
    answers = reception.receive([incoming(body, key) for body in bodies(5)])
    assert [(answer.status, answer.headers) for answer in answers] == [(503, {"Retry-After": "1"})] * 5
    assert tries == [5]


def test_a_full_queue_is_503(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front_module, "MOST_WAITING", 3)
    gate = threading.Event()
    monkeypatch.setattr(front_module, "receive", held_by(gate))

    async def run() -> list[Reply]:
        app = IngestFront()
        await app.start()
        first = [asyncio.ensure_future(ask(app, scope(), b"[]")) for _ in range(3)]
        await asyncio.sleep(0.05)
        refused = await ask(app, scope(), b"[]")
        gate.set()
        replies = [*await asyncio.gather(*first), refused, await ask(app, scope(), b"[]")]
        await app.stop()
        return replies

    replies = asyncio.run(run())
    assert [reply.status for reply in replies] == [200, 200, 200, 503, 200]
    assert (replies[3].code, replies[3].headers["retry-after"]) == ("busy", "1")


def test_what_was_taken_is_answered_before_it_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    monkeypatch.setattr(front_module, "receive", held_by(gate))

    async def run() -> list[Reply]:
        app = IngestFront()
        await app.start()
        taken = [asyncio.ensure_future(ask(app, scope(), b"[]")) for _ in range(5)]
        await asyncio.sleep(0.05)
        stopping = asyncio.ensure_future(app.stop())
        await asyncio.sleep(0.05)
        refused = await ask(app, scope(), b"[]")
        gate.set()
        await stopping
        return [*await asyncio.gather(*taken), refused]

    assert [reply.status for reply in asyncio.run(run())] == [200] * 5 + [503]


def test_a_writer_survives_what_should_never_happen(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(requests: Sequence[Incoming]) -> list[Answer]:
        raise RuntimeError

    monkeypatch.setattr(front_module, "receive", broken)

    async def run() -> list[Reply]:
        app = IngestFront()
        await app.start()
        replies = [await ask(app, scope(), b"[]") for _ in range(3)]
        await app.stop()
        return replies

    assert [reply.status for reply in asyncio.run(run())] == [500] * 3


def test_half_a_body_is_nobodys_report(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []
    monkeypatch.setattr(front_module, "receive", lambda requests: seen.extend(each.body for each in requests))

    async def run() -> None:
        app = IngestFront()
        await app.start()
        messages: list[dict[str, Any]] = [
            {"type": "http.request", "body": b'{"asset": 1}\n', "more_body": True},
            {"type": "http.disconnect"},
        ]

        async def receive() -> dict[str, Any]:
            return messages.pop(0)

        async def send(message: Any) -> None:
            seen.append(b"answered")

        await app(scope(), receive, send)
        await app.stop()

    asyncio.run(run())
    assert seen == []


def test_a_body_in_chunks_is_put_together_and_too_much_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front_module, "receive", echo)

    async def run() -> list[Reply]:
        app = IngestFront()
        await app.start()
        whole = await ask(app, scope(), b"[", b"", b"]")
        declared = await ask(app, http_scope("POST", "/api/v1/positions", headers={"content-length": "99999999"}))
        grown = await ask(app, scope(), *[b"x" * 1024 * 1024] * 6)
        await app.stop()
        return [whole, declared, grown]

    whole, declared, grown = asyncio.run(run())
    assert (whole.body, declared.status, grown.status) == (b"[]", 413, 413)


@pytest.mark.parametrize(
    ("method", "path", "headers", "expected"),
    [
        ("POST", "/api/v1/positions", {"authorization": "Bearer x"}, True),
        ("POST", "/api/v1/positions", {"authorization": "Bearer x", "cookie": "sessionid=1"}, True),
        ("POST", "/api/v1/positions", {}, True),
        ("POST", "/api/v1/positions", {"cookie": "sessionid=1"}, False),
        ("GET", "/api/v1/positions", {"authorization": "Bearer x"}, False),
        ("GET", "/api/v1/positions:batch", {}, False),
        ("GET", "/ingest/osmand", {}, True),
        ("GET", "/ingest/osmand/a/b", {"cookie": "x"}, True),
        ("GET", "/ingest/osmandx", {}, False),
        ("POST", "/ingest/owntracks/", {}, True),
        ("GET", "/admin/", {}, False),
    ],
)
def test_it_takes_ingest_and_leaves_the_rest(
    method: str, path: str, headers: dict[str, str], *, expected: bool
) -> None:
    assert IngestFront().takes(http_scope(method, path, headers=headers)) is expected
    assert IngestFront().takes({"type": "websocket", "path": path}) is False


def incoming(body: bytes, key: dict[str, str]) -> Incoming:
    return Incoming(wire=reception.Wire.POSITIONS, body=body, received_at=now(), headers=key, address="127.0.0.1")


def held_by(gate: threading.Event) -> Any:
    def receive(requests: Sequence[Incoming]) -> list[Answer]:
        gate.wait(60)
        return echo(requests)

    return receive


def echo(requests: Sequence[Incoming]) -> list[Answer]:
    return [Answer(status=200, body=request.body) for request in requests]


@pytest.mark.django_db(transaction=True)
def test_an_answer_carries_the_trace_on_and_is_counted() -> None:
    key = with_key(make_user(is_superuser=True))
    make_asset(identifiers=[("mmsi", "000000000")])
    caller = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"

    async def report() -> Reply:
        app = IngestFront()
        await app.start()
        try:
            return await ask(app, scope({**key, "traceparent": caller}), bodies(1)[0])
        finally:
            await app.stop()

    before = figures()
    reply = asyncio.run(report())
    assert reply.status == 200
    version, trace_id, span_id, flags = reply.headers["traceparent"].split("-")
    assert (version, trace_id, flags) == ("00", caller.split("-")[1], "01")
    assert span_id != caller.split("-")[2]
    assert {name: value - before[name] for name, value in figures().items()} == {"answered": 1, "stored": 1, "timed": 1}


def figures() -> dict[str, float]:
    """Return what the process has counted of ingest."""
    samples = {
        "answered": ("watchfloor_ingest_requests_total", {"wire": "api", "status": "200"}),
        "stored": ("watchfloor_ingest_fixes_total", {"outcome": "stored"}),
        "timed": ("watchfloor_ingest_seconds_count", {"wire": "api"}),
    }
    return {name: REGISTRY.get_sample_value(*sample) or 0.0 for name, sample in samples.items()}
