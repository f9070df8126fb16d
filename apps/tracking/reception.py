"""What one HTTP request of a sender means, from its bytes to the answer; the same for the ASGI front and for ``web``.

Many requests are received together: read one by one, stored as one batch, and answered after its commit. If the batch
fails, each is tried alone, so that one sender's trouble is nobody else's.
"""

from __future__ import annotations

import base64
import binascii
import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, TypeAlias
from urllib.parse import parse_qsl

import orjson
import structlog
from django.db import InterfaceError, OperationalError, connection
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated

from apps.access.models import ApiKey, DeviceKey
from apps.access.queries import actor_of_token, device_actor_of_token
from apps.access.services import note_key_use
from apps.access.types import Actor, ActorKind
from apps.assets.queries import devices
from apps.assets.types import DeviceRef
from apps.core.api.problems import CONTENT_TYPE, Problem, problem_of
from apps.core.connections import forget_connections
from apps.core.trace import begin_trace, end_trace
from apps.core.types import Fix, Malformed, TooLarge
from apps.tracking import services
from apps.tracking.metrics import note_results
from apps.tracking.protocols import osmand, owntracks, positions
from apps.tracking.protocols.osmand import DeviceReport
from apps.tracking.protocols.wire import MAX_BODY_BYTES, MAX_DEVICE_BODY_BYTES
from apps.tracking.types import IngestResult, Report, Submission

# Whoever revokes a key stops its reports at once, since every batch asks access what its senders may report for. What
# is kept here only decides how long such a sender is still answered with 200 instead of 401.
KEY_KEPT: Final = timedelta(seconds=5)
MOST_KEYS: Final = 5_000
KEY_PREFIXES: Final = ("wf_", "wfd_")

log = structlog.get_logger(__name__)


class Wire(enum.Enum):
    """The protocols that we receive over HTTP; the value is the slug of their source."""

    POSITIONS = "api"
    OSMAND = "osmand"
    OWNTRACKS = "owntracks"


LIMITS: Final = {
    Wire.POSITIONS: MAX_BODY_BYTES,
    Wire.OSMAND: MAX_DEVICE_BODY_BYTES,
    Wire.OWNTRACKS: MAX_DEVICE_BODY_BYTES,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """One request, as far as we read it; header names are in lower case. ``path`` is what follows the protocol's own.

    ``actor`` is who sent it, where somebody else has found that out already (a session in ``web``).
    """

    wire: Wire
    body: bytes
    received_at: datetime
    query: str = ""
    path: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    address: str = ""
    actor: Actor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the sender gets."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FromDevice:
    """What a device said, before anybody knows whose it is. ``actor`` is who its key belongs to, if it has one."""

    report: DeviceReport
    actor: Actor | None


Heard: TypeAlias = Submission | FromDevice | Exception | None
"""What a request says: something to store, what a device said, why it cannot be read, or nothing to be done."""


def receive(requests: Sequence[Incoming]) -> list[Answer]:
    """Take requests in as one batch; return their answers in the same order. Never raises."""
    heard = _know_devices(requests, [_hear(request) for request in requests])
    results = iter(_store([each for each in heard if isinstance(each, Submission)]))
    return [
        _answer(request, next(results) if isinstance(each, Submission) else each)
        for request, each in zip(requests, heard, strict=True)
    ]


def refusal(request: Incoming, error: Exception) -> Answer:
    """Return the problem that an error stands for; a mistake of ours is logged, and says nothing about itself."""
    begin_trace(request.headers.get("traceparent"))
    try:
        problem = problem_of(error)
        if problem is None:
            log.error("tracking.ingest_failed", wire=request.wire.value, exc_info=error)
            problem = Problem(status=500, code="internal", detail="Something went wrong on our side.")
        return Answer(
            status=problem.status,
            body=orjson.dumps(problem.body(), default=str),
            content_type=CONTENT_TYPE,
            headers=problem.headers,
        )
    finally:
        end_trace()


def _hear(request: Incoming) -> Heard:
    try:
        return _read(request)
    except (OperationalError, InterfaceError) as error:
        _drop_connection()
        return error
    except Exception as error:  # noqa: BLE001  whatever one sender sends is nobody else's trouble
        return error


def _read(request: Incoming) -> Heard:
    if len(request.body) > LIMITS[request.wire]:
        raise TooLarge(f"The body is larger than {LIMITS[request.wire]} bytes.")
    actor = request.actor or _authenticate(request)
    if request.wire is not Wire.POSITIONS:
        report = _report_of_device(request)
        return None if report is None else FromDevice(report=report, actor=actor)
    if actor is None:
        raise _challenging(NotAuthenticated())
    return _positions(request, actor)


def _positions(request: Incoming, actor: Actor) -> Submission:
    items = positions.parse(request.body, request.headers.get("content-type", ""))
    asked = dict(parse_qsl(request.query, max_num_fields=20)).get("source")
    source = asked or Wire.POSITIONS.value
    return Submission(actor=actor, source=source, received_at=request.received_at, items=items)


def _report_of_device(request: Incoming) -> DeviceReport | None:
    if request.wire is Wire.OSMAND:
        return osmand.parse(request.query, request.body, request.received_at)
    user, device = request.headers.get("x-limit-u", ""), request.headers.get("x-limit-d", "")
    return owntracks.parse(request.query, request.body, user=user, device=device)


def _know_devices(requests: Sequence[Incoming], heard: Sequence[Heard]) -> list[Heard]:
    """Return what was heard with every device found out: its asset, and who answers for its report."""
    named: dict[Wire, set[str]] = {}
    for request, each in zip(requests, heard, strict=True):
        if isinstance(each, FromDevice):
            named.setdefault(request.wire, set()).add(each.report.device_id)
    if not named:
        return list(heard)
    try:
        known = {wire: devices(wire.value, names) for wire, names in named.items()}
    except (OperationalError, InterfaceError) as error:
        _drop_connection()
        return [error if isinstance(each, FromDevice) else each for each in heard]
    return [
        _submission(request, each, known[request.wire].get(each.report.device_id))
        if isinstance(each, FromDevice)
        else each
        for request, each in zip(requests, heard, strict=True)
    ]


def _submission(request: Incoming, said: FromDevice, device: DeviceRef | None) -> Heard:
    """Return what the device reports, for its asset.

    Who may not report for a device gets the same answer as who names one that does not exist.
    """
    if device is None or not (actor := _speaker(said, device, request.wire)):
        return Malformed("There is no device of this id, or it needs another key.", code="unknown_device")
    outcome = said.report.outcome
    item = Report(device.asset, outcome) if isinstance(outcome, Fix) else outcome
    return Submission(actor=actor, source=request.wire.value, received_at=request.received_at, items=[item])


def _speaker(said: FromDevice, device: DeviceRef, wire: Wire) -> Actor | None:
    """Return who answers for a device's report: its key, whoever may report for its asset, or an open device itself."""
    if said.actor is None:
        return _open_device(said.report.device_id, device, wire) if device.is_open else None
    is_device = said.actor.kind is ActorKind.DEVICE
    return None if is_device and device.key_id not in (None, said.actor.key_id) else said.actor


def _open_device(device_id: str, device: DeviceRef, wire: Wire) -> Actor:
    return Actor(
        kind=ActorKind.DEVICE,
        label=f"{wire.value} {device_id}",
        organisation_id=device.asset.organisation_id,
        asset_id=device.asset.id,
    )


def _drop_connection() -> None:
    """Give up a connection that failed, so that the next report begins with a new one; a caller keeps the caller's."""
    if not connection.in_atomic_block:
        forget_connections()


def _store(submissions: Sequence[Submission]) -> list[IngestResult | Exception]:
    """Store all together; when that breaks, each alone, unless it is the database that is away."""
    if not submissions:
        return []
    try:
        results = list(_store_surely(submissions))
    except (OperationalError, InterfaceError) as error:
        return [error] * len(submissions)
    except Exception as error:  # noqa: BLE001  whatever one sender's data may make our code raise
        if len(submissions) == 1:
            return [error]
    else:
        note_results(results)
        return list(results)
    return [result for submission in submissions for result in _store([submission])]


def _store_surely(submissions: Sequence[Submission]) -> Sequence[IngestResult]:
    """Store, and once more on a fresh connection if the first was lost: taking in twice has the effect of once.

    A transaction of the caller's is the caller's to take again.
    """
    if connection.in_atomic_block:
        return services.ingest_all(submissions)
    try:
        return services.ingest_all(submissions)
    except (OperationalError, InterfaceError):
        forget_connections()
    try:
        return services.ingest_all(submissions)
    except (OperationalError, InterfaceError):
        forget_connections()
        raise


def _answer(request: Incoming, outcome: IngestResult | FromDevice | Exception | None) -> Answer:
    if isinstance(outcome, Exception):
        return refusal(request, outcome)
    if request.wire is Wire.OSMAND:
        return Answer(status=200, content_type="text/plain")
    if request.wire is Wire.OWNTRACKS or not isinstance(outcome, IngestResult):
        return Answer(status=200, body=b"[]")
    return Answer(status=200, body=orjson.dumps(result_body(outcome)))


def result_body(result: IngestResult) -> dict[str, object]:
    """Return the answer to ``POST /api/v1/positions``."""
    return {
        "stored": result.stored,
        "duplicate": result.duplicate,
        "quarantined": len(result.quarantined),
        "reasons": [{"index": one.index, "code": one.code, "detail": one.detail} for one in result.quarantined],
    }


def _authenticate(request: Incoming) -> Actor | None:
    """Return who the request's key belongs to, ``None`` without one; raises ``AuthenticationFailed`` for a bad one."""
    token = _token(request)
    if token is None:
        return None
    actor = _keys.actor_of(token, request.address, request.received_at)
    if actor is None:
        raise _challenging(AuthenticationFailed("This key is unknown, expired, revoked or not for this address."))
    return actor


def _token(request: Incoming) -> str | None:
    """Return the key: as a bearer, as the password of basic authentication, or as a step of the path.

    Devices that can be told an address and nothing else have it in the path.
    """
    scheme, _, value = request.headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        return _password(value.strip())
    return next((step for step in request.path.split("/") if step.startswith(KEY_PREFIXES)), None)


def _password(encoded: str) -> str:
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return password or user


def _challenging(error: NotAuthenticated | AuthenticationFailed) -> Exception:
    error.auth_header = 'Bearer realm="watchfloor"'  # type: ignore[union-attr]  # where DRF puts it
    return error


class _Keys:
    """Whose keys were good a moment ago, so that a device that reports every second is not looked up every second."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], tuple[Actor, datetime]] = {}

    def actor_of(self, token: str, address: str, at: datetime) -> Actor | None:
        kept = self._kept.get((token, address))
        if kept is not None and at - kept[1] < KEY_KEPT:
            return kept[0]
        actor = self._look_up(token, address, at)
        if actor is None:
            self._kept.pop((token, address), None)
            return None
        if len(self._kept) >= MOST_KEYS:
            self._kept.clear()
        self._kept[token, address] = actor, at
        return actor

    def _look_up(self, token: str, address: str, at: datetime) -> Actor | None:
        found = actor_of_token(token, address, at)
        actor = found[1] if found else device_actor_of_token(token, address, at)
        if actor is not None and actor.key_id is not None:
            note_key_use(DeviceKey if actor.kind is ActorKind.DEVICE else ApiKey, actor.key_id, at=at)
        return actor


_keys = _Keys()
