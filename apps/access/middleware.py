"""What happens to every request on behalf of access."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from apps.access.queries.standing import one_moment

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class OneMomentMiddleware:
    """Decides a request that only reads by one version of access, which is then asked for once and not five times."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer."""
        if request.method not in SAFE:
            return self.get_response(request)
        with one_moment():
            return self.get_response(request)
