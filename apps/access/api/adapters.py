"""What allauth asks us: nobody signs up by themselves, no mail is sent, and secrets are kept encrypted."""

from __future__ import annotations

from typing import Any, Final

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme

from apps.access.api.addresses import client_address
from apps.core import sealing

SEALED_FOR: Final = "second factors"


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth is untyped
    """Signing in, the way that this project does it."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Say no."""
        return False

    def is_safe_url(self, url: str) -> bool:
        """Say whether somebody may be sent there: to this host only, whatever others are ours."""
        request = context.request
        return url_has_allowed_host_and_scheme(
            url, allowed_hosts={request.get_host()}, require_https=request.is_secure()
        )

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """Return how somebody shows again who they are: with a code, if they have a second factor."""
        methods: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        by_code = [method for method in methods if method["id"] == "mfa_reauthenticate"]
        return by_code or methods

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return the client's address by our own rule."""
        return client_address(request)

    def add_message(self, *_: Any, **__: Any) -> None:
        """Say nothing: our own pages say what has happened."""

    def send_notification_mail(self, *_: Any, **__: Any) -> None:
        """Send nothing."""


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth is untyped
    """Second factors; who reads the database cannot use what it says of them."""

    def encrypt(self, text: str) -> str:
        """Return a secret as it is stored."""
        return sealing.seal(text, SEALED_FOR)

    def decrypt(self, encrypted_text: str) -> str:
        """Return a stored secret."""
        return sealing.unseal(encrypted_text, SEALED_FOR)

    def send_notification_mail(self, *_: Any, **__: Any) -> None:
        """Send nothing."""
