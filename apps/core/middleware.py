"""What happens to every request before a view sees it."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse

from apps.core.api.problems import Problem, problem_response
from apps.core.trace import begin_trace, end_trace

Answer = Callable[[HttpRequest], HttpResponse]


class TraceMiddleware:
    """Continues the caller's trace (``traceparent``), names it in every log line and answers with it."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer with the trace bound."""
        trace = begin_trace(request.headers.get("traceparent"))
        with structlog.contextvars.bound_contextvars(trace_id=trace.trace_id):
            try:
                response = self.get_response(request)
            finally:
                end_trace()
        response.headers["traceparent"] = trace.traceparent()
        return response


class NulGuardMiddleware:
    """Refuses an address with a NUL character, which PostgreSQL could only answer with an error."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, unless PostgreSQL could not read the address."""
        if "\x00" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
            detail = "The address contains a NUL character."
            return problem_response(Problem(status=400, code="malformed", detail=detail))
        return self.get_response(request)
