"""``web`` with one address more: a view that does nothing, in the same server and behind the same middleware."""

from __future__ import annotations

from django.conf import settings

from project.wsgi import application

settings.ROOT_URLCONF = "benchmarks._pages.urls"

__all__ = ["application"]
