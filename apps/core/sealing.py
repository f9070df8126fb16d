"""Secrets that must be read again, kept so that who reads the database cannot use them."""

from __future__ import annotations

import base64

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.utils.encoding import force_bytes


class UnreadableError(ValueError):
    """A secret that no key of the installation reads any more."""


def seal(text: str, purpose: str) -> str:
    """Return a secret as it is stored; sealed for one purpose, it cannot be read for another."""
    return _box(purpose).encrypt(text.encode()).decode()


def unseal(sealed: str, purpose: str) -> str:
    """Return a stored secret; raises ``UnreadableError`` for one that was sealed under a key which is no more."""
    try:
        return _box(purpose).decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise UnreadableError("It was sealed under another key.") from None


def installation_keys() -> list[bytes]:
    """Return the installation's secret key, and behind it the former ones, which are still good for what they made."""
    return [force_bytes(key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]


def _box(purpose: str) -> MultiFernet:
    """Return what encrypts under the installation's secret key, and still reads under former ones."""
    return MultiFernet([Fernet(_derived(key, purpose)) for key in installation_keys()])


def _derived(key: bytes, purpose: str) -> bytes:
    derive = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"watchfloor {purpose}".encode())
    return base64.urlsafe_b64encode(derive.derive(key))
