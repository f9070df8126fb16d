"""Pure decisions about keys, addresses and periods: no Django, no clock, no database."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass

API_KEY = "wf"
DEVICE_KEY = "wfd"
# An OAuth access token begins with this, so that nobody takes it for a key.
OAUTH_TOKEN_PREFIX = "wfo_"  # noqa: S105 - it is no secret
PREFIX_LENGTH = 8
SECRET_BYTES = 32
LONGEST_TOKEN = 100
LONGEST_PROVIDER = 200

# Attempts within a window: for one name from one address, for one address (many people may share it), and for one
# name from anywhere, which bounds what a botnet can guess.
MOST_ATTEMPTS = {"both": 10, "address": 100, "name": 100}


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A key as its holder writes it: ``wf_<prefix>_<secret>``. The prefix finds the row, the secret proves it."""

    kind: str
    prefix: str
    secret: str

    def __str__(self) -> str:
        return f"{self.kind}_{self.prefix}_{self.secret}"

    def secret_sha256(self) -> bytes:
        """Return what is stored of the secret. It has 256 random bits, so a slow hash would add nothing."""
        return hashlib.sha256(self.secret.encode()).digest()

    def proves(self, secret_sha256: bytes | memoryview) -> bool:
        """Say whether this is the secret that was stored, in constant time."""
        return hmac.compare_digest(self.secret_sha256(), bytes(secret_sha256))


def new_token(kind: str) -> Token:
    """Return a fresh token with 256 random bits of secret."""
    return Token(kind=kind, prefix=secrets.token_hex(PREFIX_LENGTH // 2), secret=secrets.token_urlsafe(SECRET_BYTES))


def parse_token(text: str, kind: str) -> Token | None:
    """Return the token of that kind, or ``None`` when the text is none."""
    parts = text.split("_", 2)
    if len(text) > LONGEST_TOKEN or not text.isascii() or len(parts) != 3:
        return None
    found, prefix, secret = parts
    if found != kind or len(prefix) != PREFIX_LENGTH or not secret:
        return None
    return Token(kind=found, prefix=prefix, secret=secret)


def new_access_token() -> str:
    """Return a fresh OAuth access token with 256 random bits."""
    return OAUTH_TOKEN_PREFIX + secrets.token_urlsafe(SECRET_BYTES)


def checksum_of(access_token: str) -> str | None:
    """Return under which checksum an OAuth access token is kept, ``None`` when the text is none."""
    if len(access_token) > LONGEST_TOKEN or not access_token.startswith(OAUTH_TOKEN_PREFIX):
        return None
    return hashlib.sha256(access_token.encode(errors="replace")).hexdigest()


def provider_key(issuer: str) -> str:
    """Return under which name links to an identity provider are kept; another issuer never inherits its people."""
    return issuer if len(issuer) <= LONGEST_PROVIDER else hashlib.sha256(issuer.encode()).hexdigest()


def is_in_networks(address: str | None, networks: Sequence[str]) -> bool:
    """Say whether an address is in one of the networks; no networks means anywhere."""
    if not networks:
        return True
    try:
        client = ipaddress.ip_address(address or "")
    except ValueError:
        return False
    # A dual-stack socket reports IPv4 clients as mapped addresses.
    client = getattr(client, "ipv4_mapped", None) or client
    return any(client in ipaddress.ip_network(network, strict=False) for network in networks)


def wrong_networks(networks: Collection[str]) -> list[str]:
    """Return those that are no IP networks."""
    return [network for network in networks if not _is_network(network)]


def sign_in_subjects(username: str, address: str) -> dict[str, int]:
    """Return what an attempt counts against, each with the number of attempts it has.

    Hashed, since people type passwords into the field for the name. Names that the database takes for one are one:
    it compares capitals, and the capital of a dotless i is that of any i.
    """
    name, site = username.strip().upper().casefold(), _site_of(address)
    parts = {"both": f"{name}\n{site}", "address": site, "name": name}
    return {
        f"{part}:{hashlib.sha256(text.encode(errors='replace')).hexdigest()}": MOST_ATTEMPTS[part]
        for part, text in parts.items()
    }


def _site_of(address: str) -> str:
    """Return an address, or of IPv6 the network that one customer has: its addresses have no end."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if found.version == 4 or found.ipv4_mapped:
        return str(getattr(found, "ipv4_mapped", None) or found)
    return str(ipaddress.ip_network((found, 64), strict=False))


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True
