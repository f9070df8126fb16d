"""What OpenAPI says of the two ways to sign in."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # registers itself
    """A person's session."""

    target_class = "apps.access.api.authentication.SessionActorAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        """Return the cookie."""
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # registers itself
    """A program's key."""

    target_class = "apps.access.api.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        """Return the bearer token."""
        description = "An API key, `wf_<prefix>_<secret>`, or an OAuth access token from `/oauth/token`, `wfo_...`"
        return {"type": "http", "scheme": "bearer", "description": description}


class KeyAsPasswordScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # registers itself
    """An API key as the password of somebody: for calendars."""

    target_class = "apps.access.api.authentication.KeyAsPasswordAuthentication"
    name = "keyAsPassword"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Return the scheme."""
        return {"type": "http", "scheme": "basic", "description": "Any name, and an API key as the password."}


class DeviceKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # registers itself
    """A device's key."""

    target_class = "apps.access.api.authentication.DeviceKeyAuthentication"
    name = "deviceKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        """Return the bearer token."""
        return {"type": "http", "scheme": "bearer", "description": "`wfd_<prefix>_<secret>`; for ingest only"}
