"""``web`` and ``live`` in one process on one port, for the demo and small installations.

Django runs as WSGI in a thread pool beside the sockets: behind Django's own ASGI handler the same views
answer a third as many requests (``docs/performance.md``).
"""

from __future__ import annotations

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings.prod")
django.setup()

from a2wsgi import WSGIMiddleware  # noqa: E402  models can be imported only after setup
from django.core.wsgi import get_wsgi_application  # noqa: E402

from project.front import live_application  # noqa: E402

application = live_application(otherwise=WSGIMiddleware(get_wsgi_application(), workers=8))
