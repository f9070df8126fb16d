"""What every installation shares. Values that differ between installations come from ``project.env``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from apps.access.types import IdentityProvider
from apps.console import theme
from project.env import read_environment
from project.libraries import geo_libraries
from project.logs import configure_logs
from project.queues import rq_queues

ENV = read_environment()
BASE_DIR = Path(__file__).resolve().parent.parent.parent

SECRET_KEY = ENV.secret_key
SECRET_KEY_FALLBACKS = list(ENV.secret_key_fallbacks)
DEBUG = ENV.debug
ALLOWED_HOSTS = list(ENV.allowed_hosts)
CSRF_TRUSTED_ORIGINS = list(ENV.trusted_origins)

GDAL_LIBRARY_PATH, GEOS_LIBRARY_PATH = geo_libraries(ENV)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watchfloor:
    """Our own settings, typed: ``settings.WATCHFLOOR.redis_url``."""

    redis_url: str
    redis_prefix: str
    position_retention: timedelta
    position_partition: str
    event_retention: timedelta | None
    call_retention: timedelta
    metrics_key: str
    demo_key: str
    require_mfa: bool
    identity_provider: IdentityProvider | None
    outbound_hosts: frozenset[str]
    webhook_timeout: timedelta
    public_url: str
    event_stream: str
    event_stream_kept: timedelta


WATCHFLOOR = Watchfloor(
    redis_url=ENV.redis_url,
    redis_prefix=ENV.redis_prefix,
    position_retention=ENV.position_retention,
    position_partition=ENV.position_partition,
    event_retention=ENV.event_retention,
    call_retention=ENV.call_retention,
    metrics_key=ENV.metrics_key,
    demo_key=ENV.demo_key,
    require_mfa=bool(ENV.require_mfa),
    identity_provider=ENV.identity_provider,
    outbound_hosts=ENV.outbound_hosts,
    webhook_timeout=ENV.webhook_timeout,
    public_url=ENV.public_url,
    event_stream=ENV.event_stream,
    event_stream_kept=ENV.event_stream_kept,
)

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.guardian",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.gis",
    "django.contrib.postgres",
    "guardian",
    "channels",
    "rest_framework",
    "drf_spectacular",
    "django_rq",
    "oauth2_provider",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.mfa",
    "apps.core",
    "apps.filters",
    "apps.access",
    "apps.events",
    "apps.lifecycle",
    "apps.assets",
    "apps.zones",
    "apps.operations",
    "apps.incidents",
    "apps.tracking",
    "apps.live",
    "apps.console",
    "apps.console.admin_config.WatchfloorAdminConfig",
]

MIDDLEWARE = [
    "apps.core.middleware.TraceMiddleware",
    "apps.core.middleware.NulGuardMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "apps.access.middleware.OneMomentMiddleware",
]
ROOT_URLCONF = "project.urls"
WSGI_APPLICATION = "project.wsgi.application"
ASGI_APPLICATION = "project.asgi.application"
APPEND_SLASH = True

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# psycopg's pool keeps connections open; CONN_MAX_AGE must stay 0, since under ASGI each request runs in its
# own context and a kept connection would never be given back. RQ workers fork, and turn the pool off.
DATABASES: dict[str, dict[str, Any]] = {
    "default": {
        "ENGINE": "django.contrib.gis.db.backends.postgis",
        "NAME": ENV.db_name,
        "USER": ENV.db_user,
        "PASSWORD": ENV.db_password,
        "HOST": ENV.db_host,
        "PORT": ENV.db_port,
        "CONN_MAX_AGE": 0,
        "OPTIONS": {
            "pool": {"min_size": 1, "max_size": ENV.db_pool_size, "timeout": 10} if ENV.db_pool_size else False,
            "application_name": "watchfloor",
            # Only statements prepared on purpose are: those of ingest, whose one plan serves batches of every size.
            "options": "-c plan_cache_mode=force_generic_plan",
        },
    },
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
RQ_QUEUES = rq_queues(ENV.redis_url)
RQ = {"DEFAULT_RESULT_TTL": 0}
RQ_SHOW_ADMIN_LINK = False

AUTH_USER_MODEL = "access.User"
AUTHENTICATION_BACKENDS = ["apps.access.api.backend.PasswordBackend"]
# People sign in on our own page. Of allauth we use the second factors, the links to an identity provider and the
# steps of a sign-in; its pages for signing up, addresses and passwords are not served, and our own count of attempts
# (in PostgreSQL, for all processes) stands in for its (in the cache of one).
ACCOUNT_ADAPTER = "apps.access.api.adapters.AccountAdapter"
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_RATE_LIMITS = False
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
MFA_ADAPTER = "apps.access.api.adapters.SecondFactorAdapter"
MFA_FORMS = {
    "authenticate": "apps.access.forms.CodeForm",
    "reauthenticate": "apps.access.forms.CodeAgainForm",
    "activate_totp": "apps.access.forms.FirstCodeForm",
}
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Watchfloor"
MFA_TOTP_TOLERANCE = 1
SOCIALACCOUNT_SOCIALACCOUNT_STR = "{0.provider} {0.uid}".format

# Programs sign in by OAuth's client credentials and by nothing else that OAuth has; tokens are kept as checksums.
OAUTH2_PROVIDER: dict[str, Any] = {
    "OAUTH2_SERVER_CLASS": "oauthlib.oauth2.BackendApplicationServer",
    "OAUTH2_VALIDATOR_CLASS": "apps.access.api.oauth.ClientValidator",
    "SCOPES_BACKEND_CLASS": "apps.access.api.oauth.ActionScopes",
    "ACCESS_TOKEN_GENERATOR": "apps.access.api.oauth.new_token",
    "ACCESS_TOKEN_EXPIRE_SECONDS": 3600,
    "REFRESH_TOKEN_REUSE_PROTECTION": True,
    "ALLOWED_REDIRECT_URI_SCHEMES": ["https"],
    "COMPLIANT_BCP_RFC9700_IMPLICIT_GRANT": True,
    "COMPLIANT_BCP_RFC9700_PASSWORD_GRANT": True,
    "COMPLIANT_BCP_RFC9700_PKCE_METHOD": True,
    "COMPLIANT_BCP_RFC9700_ACCESS_TOKEN_TRANSPORT": True,
    "COMPLIANT_BCP_RFC9700_AUTHZ_RESPONSE_ISS": True,
    "COMPLIANT_BCP_RFC9700_TOKEN_STORAGE": True,
    "COMPLIANT_BCP_RFC9700_REFRESH_TOKEN": True,
    "COMPLIANT_BCP_RFC9700_REDIRECT_URI_SCHEME": True,
    "COMPLIANT_BCP_RFC9700_REDIRECT_URI_MATCHING": True,
    "COMPLIANT_BCP_RFC9700_PKCE_REQUIRED": True,
}
ANONYMOUS_USER_NAME = None  # guardian: no row stands for "nobody"
SILENCED_SYSTEM_CHECKS = ["guardian.W001"]  # guardian keeps the grants; the doors of access read them, not its backend
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"

LANGUAGE_CODE = "en"
FORMAT_MODULE_PATH = "project.formats"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "var" / "static"
STATICFILES_DIRS = [path for path in [Path(ENV.browser_dir or BASE_DIR / "browser")] if path.is_dir()]
WHITENOISE_MIMETYPES = {".geojson": "application/geo+json"}

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 12 * 1024 * 1024

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "apps.access.api.authentication.SessionActorAuthentication",
        "apps.access.api.authentication.ApiKeyAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["apps.access.api.authentication.IsSignedIn"],
    "DEFAULT_RENDERER_CLASSES": ["apps.core.api.json.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["apps.core.api.json.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "apps.core.api.schema.WatchfloorSchema",
    "EXCEPTION_HANDLER": "apps.core.api.problems.exception_handler",
    "UNICODE_JSON": True,
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Watchfloor",
    "DESCRIPTION": "Follow what moves, decide what may happen where and when, act when something goes wrong.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "SWAGGER_UI_DIST": "/static/vendor/swagger-ui-dist",
    "SWAGGER_UI_FAVICON_HREF": "/static/vendor/swagger-ui-dist/favicon-32x32.png",
    "ENUM_NAME_OVERRIDES": {
        "DatumEnum": "apps.zones.models.DATUMS",
        "DeliveryCauseEnum": "apps.events.types.Cause",
        "DeliveryStateEnum": "apps.events.types.DeliveryState",
    },
    "LICENSE": {"name": "Apache-2.0"},
}

UNFOLD = theme.UNFOLD

LOGGING_CONFIG = None
configure_logs(as_json=ENV.log_json, level=ENV.log_level)
