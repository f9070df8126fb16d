"""The environment, read once and typed: no other module looks at ``os.environ``.

Every variable begins with ``WATCHFLOOR_``; ``docs/settings.md`` lists them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cache

import environ
from django.core.exceptions import ImproperlyConfigured

from apps.access.types import IdentityProvider

LOOPBACK = ("http://127.0.0.1", "http://localhost", "http://[::1]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What the operator chose. Durations are in seconds in the environment and ``timedelta`` here."""

    secret_key: str
    secret_key_fallbacks: tuple[str, ...]
    debug: bool
    allowed_hosts: tuple[str, ...]
    trusted_origins: tuple[str, ...]
    db_name: str
    db_user: str
    db_password: str
    db_host: str
    db_port: str
    db_pool_size: int
    redis_url: str
    redis_prefix: str
    behind_tls_proxy: bool
    log_json: bool
    log_level: str
    position_retention: timedelta
    position_partition: str
    event_retention: timedelta | None
    call_retention: timedelta
    metrics_key: str
    demo_key: str
    gdal_library_path: str
    geos_library_path: str
    browser_dir: str
    require_mfa: bool | None
    identity_provider: IdentityProvider | None
    outbound_hosts: frozenset[str]
    webhook_timeout: timedelta
    public_url: str
    event_stream: str
    event_stream_kept: timedelta


@cache
def read_environment() -> Environment:
    """Return the environment of this process; a malformed value raises at start, naming the variable."""
    env = environ.Env()
    text = env.str
    days = env.float("WATCHFLOOR_EVENT_RETENTION_DAYS", default=0.0)
    return Environment(
        secret_key=text("WATCHFLOOR_SECRET_KEY", default=""),
        secret_key_fallbacks=tuple(env.list("WATCHFLOOR_SECRET_KEY_FALLBACKS", default=[])),
        debug=env.bool("WATCHFLOOR_DEBUG", default=False),
        allowed_hosts=tuple(env.list("WATCHFLOOR_ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])),
        trusted_origins=tuple(env.list("WATCHFLOOR_TRUSTED_ORIGINS", default=[])),
        db_name=text("WATCHFLOOR_DB_NAME", default="watchfloor"),
        db_user=text("WATCHFLOOR_DB_USER", default="watchfloor"),
        db_password=text("WATCHFLOOR_DB_PASSWORD", default=""),
        db_host=text("WATCHFLOOR_DB_HOST", default=""),
        db_port=text("WATCHFLOOR_DB_PORT", default=""),
        db_pool_size=env.int("WATCHFLOOR_DB_POOL_SIZE", default=16),
        redis_url=text("WATCHFLOOR_REDIS_URL", default="redis://127.0.0.1:6379/0"),
        redis_prefix=text("WATCHFLOOR_REDIS_PREFIX", default="watchfloor"),
        behind_tls_proxy=env.bool("WATCHFLOOR_BEHIND_TLS_PROXY", default=False),
        log_json=env.bool("WATCHFLOOR_LOG_JSON", default=False),
        log_level=text("WATCHFLOOR_LOG_LEVEL", default="INFO"),
        position_retention=timedelta(days=env.float("WATCHFLOOR_POSITION_RETENTION_DAYS", default=365.0)),
        event_retention=timedelta(days=days) if days > 0 else None,
        call_retention=timedelta(days=env.float("WATCHFLOOR_CALL_RETENTION_DAYS", default=365.0)),
        position_partition=text("WATCHFLOOR_POSITION_PARTITION", default="day"),
        metrics_key=text("WATCHFLOOR_METRICS_KEY", default=""),
        demo_key=text("WATCHFLOOR_DEMO_KEY", default=""),
        gdal_library_path=text("GDAL_LIBRARY_PATH", default=""),
        geos_library_path=text("GEOS_LIBRARY_PATH", default=""),
        browser_dir=text("WATCHFLOOR_BROWSER_DIR", default=""),
        require_mfa=env.bool("WATCHFLOOR_REQUIRE_MFA") if text("WATCHFLOOR_REQUIRE_MFA", default="") else None,
        identity_provider=_identity_provider(env),
        outbound_hosts=frozenset(each.lower() for each in env.list("WATCHFLOOR_OUTBOUND_HOSTS", default=[])),
        webhook_timeout=timedelta(seconds=env.float("WATCHFLOOR_WEBHOOK_TIMEOUT_S", default=15.0)),
        public_url=text("WATCHFLOOR_PUBLIC_URL", default="http://127.0.0.1:8000").rstrip("/"),
        event_stream=text("WATCHFLOOR_EVENT_STREAM", default=""),
        event_stream_kept=timedelta(hours=env.float("WATCHFLOOR_EVENT_STREAM_HOURS", default=24.0)),
    )


def _identity_provider(env: environ.Env) -> IdentityProvider | None:
    """Return whom people may sign in with; ``None`` unless an issuer is named. Plain HTTP is for this machine only."""
    issuer = env.str("WATCHFLOOR_OIDC_ISSUER", default="")
    if not issuer:
        return None
    if not issuer.startswith(("https://", *LOOPBACK)):
        raise ImproperlyConfigured("WATCHFLOOR_OIDC_ISSUER must begin with https://.")
    unknown = env.str("WATCHFLOOR_OIDC_UNKNOWN", default="refuse")
    if unknown not in ("refuse", "create"):
        raise ImproperlyConfigured("WATCHFLOOR_OIDC_UNKNOWN is refuse or create.")
    return IdentityProvider(
        issuer=issuer,
        client_id=env.str("WATCHFLOOR_OIDC_CLIENT_ID"),
        client_secret=env.str("WATCHFLOOR_OIDC_CLIENT_SECRET"),
        name=env.str("WATCHFLOOR_OIDC_NAME", default="single sign-on"),
        scopes=tuple(env.str("WATCHFLOOR_OIDC_SCOPES", default="openid profile email").split()),
        link_claim=env.str("WATCHFLOOR_OIDC_LINK_CLAIM", default=""),
        creates_unknown=unknown == "create",
        groups_claim=env.str("WATCHFLOOR_OIDC_GROUPS_CLAIM", default="groups"),
        staff_groups=frozenset(env.list("WATCHFLOOR_OIDC_STAFF_GROUPS", default=[])),
        group_map=_pairs(env.str("WATCHFLOOR_OIDC_GROUP_MAP", default="")),
        mfa_methods=frozenset(env.list("WATCHFLOOR_OIDC_MFA_METHODS", default=[])),
    )


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    """Return the pairs of ``theirs=ours,more=others``."""
    parts = [part.partition("=") for part in text.split(",") if part.strip()]
    if not all(theirs.strip() and ours.strip() for theirs, _, ours in parts):
        raise ImproperlyConfigured("WATCHFLOOR_OIDC_GROUP_MAP is theirs=ours, with commas in between.")
    return tuple((theirs.strip(), ours.strip()) for theirs, _, ours in parts)
