"""Where a request comes from."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str:
    """Return the client's address.

    Behind a proxy it is what our own proxy added last to ``X-Forwarded-For``; whatever stands before that was
    written by the client and is worth nothing. Without a proxy the header is not looked at.
    """
    return address_behind(str(request.META.get("REMOTE_ADDR", "")), str(request.META.get("HTTP_X_FORWARDED_FOR", "")))


def address_behind(peer: str, forwarded: str) -> str:
    """Return the client's address from the peer and the ``X-Forwarded-For`` of a request; the same rule for sockets."""
    if settings.SECURE_PROXY_SSL_HEADER is None:
        return peer
    return forwarded.rpartition(",")[2].strip() or peer
