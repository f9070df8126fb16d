"""A developer's machine and the demo: readable errors, files served without a collect step."""

from __future__ import annotations

from project.settings.base import *  # noqa: F403  settings modules are layered by star import in Django

DEBUG = True
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
