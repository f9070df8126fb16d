"""``web`` and ``live`` in one process on one port, for the demo and small installations.

Django runs as WSGI in a thread pool beside the sockets: behind Django's own ASGI handler the same views
answer a third as many requests (``docs/performance.md``).
"""

from __future__ import annotations

import os
from typing import Any, cast

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings.prod")
django.setup()

from a2wsgi import WSGIMiddleware  # noqa: E402  models can be imported only after setup
from django.core.wsgi import get_wsgi_application  # noqa: E402

from project.front import App, live_application  # noqa: E402
from project.memory import settle  # noqa: E402

# Django and a2wsgi describe the same protocol with types of their own.
django_in_threads = WSGIMiddleware(cast("Any", get_wsgi_application()), workers=8)
application = live_application(otherwise=cast("App", django_in_threads))
settle()
