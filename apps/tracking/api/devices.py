"""The device protocols as Django views, for installations whose devices come to ``web``."""

from __future__ import annotations

from time import perf_counter

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from apps.access.api.addresses import client_address
from apps.access.types import Actor
from apps.core import clock
from apps.tracking.metrics import note_request
from apps.tracking.reception import Answer, Incoming, Wire, receive


@csrf_exempt
@require_http_methods(["GET", "POST"])
def osmand(request: HttpRequest, rest: str | None = None) -> HttpResponse:
    """Take an OsmAnd report; the path may go on, with the device's key in it if need be."""
    return respond(incoming(request, Wire.OSMAND, path=rest or ""))


@csrf_exempt
@require_http_methods(["POST"])
def owntracks(request: HttpRequest, rest: str | None = None) -> HttpResponse:
    """Take an OwnTracks message."""
    return respond(incoming(request, Wire.OWNTRACKS, path=rest or ""))


def incoming(request: HttpRequest, wire: Wire, *, path: str = "", actor: Actor | None = None) -> Incoming:
    """Return a Django request as reception reads it; ``actor`` is who signed in, if somebody did."""
    return Incoming(
        wire=wire,
        body=request.body,
        received_at=clock.now(),
        query=str(request.META.get("QUERY_STRING", "")),
        path=path,
        headers={name.lower(): value for name, value in request.headers.items()},
        address=client_address(request),
        actor=actor,
    )


def respond(request: Incoming) -> HttpResponse:
    """Take one request in and answer it."""
    begun = perf_counter()
    answer = receive([request])[0]
    note_request(request.wire.value, answer.status, perf_counter() - begun)
    return response_of(answer)


def response_of(answer: Answer) -> HttpResponse:
    """Return an answer as Django sends it."""
    return HttpResponse(
        answer.body, status=answer.status, content_type=answer.content_type, headers=dict(answer.headers)
    )
