"""What allauth asks us: nobody signs up by themselves, no mail is sent, and secrets are kept encrypted."""

from __future__ import annotations

import base64
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.http import HttpRequest
from django.utils.encoding import force_bytes
from django.utils.http import url_has_allowed_host_and_scheme

from apps.access.api.addresses import client_address


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
        return _box().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Return a stored secret."""
        return _box().decrypt(encrypted_text.encode()).decode()

    def send_notification_mail(self, *_: Any, **__: Any) -> None:
        """Send nothing."""


def _box() -> MultiFernet:
    """Return what encrypts under the installation's secret key, and still reads under former ones."""
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet([Fernet(_derived(key)) for key in keys])


def _derived(key: str | bytes) -> bytes:
    derive = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"watchfloor second factors")
    return base64.urlsafe_b64encode(derive.derive(force_bytes(key)))
