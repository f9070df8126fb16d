"""Which code and which hosts our pages may use: ours, and nothing else.

Two policies. The admin's theme evaluates its own attributes (Alpine), so its pages need ``unsafe-eval`` and inline
styles; the live map needs neither and gets neither. No page runs inline scripts or talks to another host.
"""

from __future__ import annotations

from django.http import HttpResponseBase

HEADER = "Content-Security-Policy"
_SHARED = (
    "default-src 'none'",
    "connect-src 'self'",
    "font-src 'self'",
    "img-src 'self' data: blob:",
    "worker-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
)
ADMIN = "; ".join(
    (*_SHARED, "script-src 'self' 'unsafe-eval'", "style-src 'self' 'unsafe-inline'", "manifest-src 'self'")
)
LIVE_MAP = "; ".join((*_SHARED, "script-src 'self'", "style-src 'self'"))


def with_policy(response: HttpResponseBase, policy: str) -> HttpResponseBase:
    """Return the response with the policy, unless the view has already set a stricter one of its own."""
    response.headers.setdefault(HEADER, policy)
    return response
