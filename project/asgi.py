"""The ``live`` process: the feed's sockets and the hot ingest paths, as plain ASGI.

Django's own request handling is not here (``docs/performance.md`` says why); ``project.serve`` adds it
for installations that want one process on one port.
"""

from __future__ import annotations

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings.prod")
django.setup()

from project.front import live_application  # noqa: E402  models can be imported only after setup

application = live_application()
