"""The ``web`` process: the admin and REST, as WSGI."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

from apps.core.redis import say_begun
from project.memory import settle

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings.prod")

application = get_wsgi_application()
settle()
say_begun()
