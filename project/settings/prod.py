"""Production: refuses to start without a secret, speaks TLS only, serves hashed static files."""

from __future__ import annotations

from dataclasses import replace

from django.core.exceptions import ImproperlyConfigured

from project.settings.base import *  # noqa: F403  settings modules are layered by star import in Django
from project.settings.base import ENV, WATCHFLOOR

if len(ENV.secret_key) < 32:
    raise ImproperlyConfigured("WATCHFLOOR_SECRET_KEY must hold at least 32 random characters.")

DEBUG = False
WATCHFLOOR = replace(WATCHFLOOR, require_mfa=ENV.require_mfa is not False)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "project.statics.HashedStorage"},
}
if ENV.behind_tls_proxy:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    SECURE_HSTS_SECONDS = 31_536_000
