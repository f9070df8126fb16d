"""Services, a lifecycle that books a berth and a pilot or neither, and somebody who answers its calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson

from apps.access.types import SYSTEM
from apps.incidents.models import Incident
from apps.lifecycle import services
from apps.lifecycle.models import Call, Saga, Service
from apps.lifecycle.services.calling import Request, Response
from tests.factories.access import make_organisation
from tests.factories.core import NOON
from tests.factories.lifecycles import begin_incident, make_definition

VISIT = """
key: visit
noun: incidents
initial: planned
states:
  planned: {{label: Planned, tone: calm, category: open}}
  booking: {{label: Booking, tone: notice}}
  booked:  {{label: Booked, tone: calm}}
  refused: {{label: Refused, tone: alert}}
  gone:    {{label: Gone, tone: done, category: done, final: true, stamps: resolved_at}}
transitions:
  book:
    label: Book
    from: [planned]
    to: booking
    action: incidents.acknowledge
    effects:
      - kind: call-service
        service: berths
        path: /bookings
        body: {{vessel: "{{title}}", severity: "{{severity}}", note: "for {{title}}"}}
        compensate: {{method: DELETE, path: "/bookings/{{call_id}}"}}
        retry: {{attempts: 3, first: PT2S, longest: PT3S}}
        within: PT10M
        on_success: confirm
        on_failure: refuse
        {berths}
      - kind: call-service
        service: pilots
        path: "/orders/{{title}}"
        method: PUT
        compensate: {{path: "/orders/{{call_id}}/cancel", body: {{why: undone}}}}
        retry: {{attempts: 3, first: PT2S, longest: PT3S}}
        within: PT10M
        on_success: confirm
        on_failure: refuse
        {pilots}
  confirm: {{label: Confirm, from: [booking], to: booked, outcome: true}}
  refuse:  {{label: Refuse, from: [booking], to: refused, outcome: true}}
  leave:   {{label: Leave, from: [planned, booking, booked, refused], to: gone, action: incidents.resolve}}
"""


def make_service(key: str, base_url: str = "https://example.com/api", **given: Any) -> Service:
    """Return a registered service."""
    filled = {"key": key, "name": key.title(), "base_url": base_url, **given}
    return services.create_service(filled, actor=SYSTEM, at=NOON)


def make_services(base_url: str = "https://example.com/api", **given: Any) -> None:
    """Register those that a visit calls."""
    make_service("berths", base_url, **given)
    make_service("pilots", base_url, **given)


def plan_visit(*, berths: str = "", pilots: str = "", at: datetime = NOON) -> Incident:
    """Publish the lifecycle, with what each call says beside, and return something that follows it."""
    make_definition(VISIT.format(berths=berths, pilots=pilots), at=at)
    return begin_incident(make_organisation(), "visit", at=at)


def book(visit: Incident, at: datetime = NOON) -> Saga:
    """Make the transition that calls services, and return what it owes."""
    services.advance(visit, "book", actor=SYSTEM, at=at)
    perform_all(at)
    return Saga.objects.get(object_id=visit.pk)


def perform_all(at: datetime) -> None:
    """Perform every effect that is due."""
    while claim := services.claim_effects(100, at):
        services.perform_effects([*claim.fresh, *claim.lapsed], at=at)


@dataclass(slots=True)
class Desk:
    """Answers what is sent, from a script; without one left it answers 201. It remembers what it was asked."""

    script: list[int | None] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    def answer(self, at: datetime = NOON, **given: Any) -> int:
        """Claim and answer until nothing is due; return how many were sent."""
        sent = 0
        while requests := services.claim_calls(100, at):
            for request in requests:
                services.settle_call(self.response(request, **given), at=at)
                sent += 1
        return sent

    def response(self, request: Request, **given: Any) -> Response:
        """Return the next answer of the script."""
        self.requests.append(request)
        self.asked.append(f"{request.method} {request.url.removeprefix('https://example.com/api')}")
        status = self.script.pop(0) if self.script else 201
        error = "" if status else "No answer within 10 s."
        return Response(request=request, status=status, error=error, body=orjson.dumps({"is": status}), **given)


def states(saga: Saga) -> Sequence[str]:
    """Return what has become of the object, the saga and its calls."""
    saga.refresh_from_db()
    calls = Call.objects.filter(saga=saga).order_by("place").values_list("state", flat=True)
    return [Incident.objects.get(pk=saga.object_id).state, saga.state, *calls]


def late(seconds: float) -> timedelta:
    """Return a duration."""
    return timedelta(seconds=seconds)
