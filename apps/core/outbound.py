"""HTTP to addresses that others name: to public places only, and to the very address that was checked.

A name is resolved once, by us; what it resolves to is judged and connected to, while TLS and ``Host`` keep the name.
Nothing is redirected, nothing is unpacked, and no answer is waited or read for without end. Hosts that the operator
names (``WATCHFLOOR_OUTBOUND_HOSTS``) may be private, and speak plain HTTP.
"""

from __future__ import annotations

import asyncio
import errno
import re
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from django.conf import settings
from yarl import URL

CONNECT_SECONDS: Final = 5.0
MOST_READ: Final = 65_536
LONGEST_URL: Final = 500
_NAME: Final = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9])?", re.IGNORECASE)
# IPv4 in the clothes of IPv6 (RFC 4291, 6052, 3056, 4380, 8215): what is inside may be anything.
_WRAPPED: Final = tuple(
    IPv6Network(each) for each in ("::ffff:0:0/96", "::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back: a status, or ``None`` and in ``error`` why nothing did. ``body`` is cut."""

    status: int | None
    error: str = ""
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def url_fault(url: str) -> str | None:
    """Return why nothing may be sent to an address, in words, or ``None``; names are not resolved here."""
    try:
        parts = URL(url)
    except ValueError:
        return "It is no URL."
    host = parts.host
    if not host or parts.scheme not in ("http", "https") or len(url) > LONGEST_URL or not url.isascii():
        return "It is a URL such as https://example.com/hook."
    if parts.user is not None or parts.password is not None or parts.fragment:
        return "It carries no user, password or fragment."
    if is_excepted(host):
        return None
    if parts.scheme != "https":
        return "It begins with https://."
    return None if _may_be_public(host) else "Its address is not a public one."


def is_public(address: str) -> bool:
    """Say whether an IP address is one of the public internet: not private, local, shared, reserved or multicast."""
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address) and any(found in each for each in _WRAPPED):
        return False
    return found.is_global and not (found.is_multicast or found.is_reserved or found.is_unspecified)


def is_excepted(host: str) -> bool:
    """Say whether the operator lets a host be private and speak plain HTTP."""
    return host.lower() in settings.WATCHFLOOR.outbound_hosts


class CheckedResolver(AbstractResolver):
    """Resolves names, and hands out public addresses only; one bad address among good ones refuses them all."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return where to connect to; raises ``OSError``."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        addresses = [(str(place[0]), kind) for kind, *_, place in found]
        if not is_excepted(host) and not all(is_public(address) for address, _ in addresses):
            raise OSError(errno.EACCES, "The name leads to an address that is not public.")
        return [
            ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=socket.AI_NUMERICHOST)
            for address, kind in addresses
        ]

    async def close(self) -> None:
        """Hold nothing."""


@asynccontextmanager
async def open_client(*, per_host: int = 32) -> AsyncIterator[aiohttp.ClientSession]:
    """Yield a client that keeps connections open between requests, until the block ends."""
    connector = aiohttp.TCPConnector(
        resolver=CheckedResolver(), use_dns_cache=False, limit=0, limit_per_host=per_host, keepalive_timeout=30
    )
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        skip_auto_headers=("User-Agent", "Accept-Encoding"),
    ) as client:
        yield client


async def post(
    client: aiohttp.ClientSession, url: str, body: bytes, headers: Mapping[str, str], *, seconds: float
) -> Answer:
    """Post a body and return the answer, as ``send`` does."""
    return await send(client, "POST", url, body, headers, seconds=seconds)


async def send(
    client: aiohttp.ClientSession,
    method: str,
    url: str,
    body: bytes | None,
    headers: Mapping[str, str],
    *,
    seconds: float,
) -> Answer:
    """Send a request and return the answer; ``seconds`` bounds everything together. Never raises for the other side."""
    if fault := url_fault(url):
        return Answer(status=None, error=fault)
    # The same parser for what is judged and what is connected to.
    place = URL(url)
    limits = aiohttp.ClientTimeout(total=seconds, connect=min(CONNECT_SECONDS, seconds))
    try:
        request = client.request(method, place, data=body, headers=headers, timeout=limits, allow_redirects=False)
        async with request as answer:
            return Answer(status=answer.status, body=await _read(answer), headers=answer.headers)
    except TimeoutError:
        return Answer(status=None, error=f"No answer within {seconds:g} s.")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return Answer(status=None, error=_storable(str(error) or type(error).__name__)[:200])


def _storable(text: str) -> str:
    """Return a text that PostgreSQL can hold: what is complained of may be quoted with whatever it was made of."""
    return text.encode(errors="replace").decode().replace("\0", "\ufffd")


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    """Return the beginning of the body. What lies behind it costs the connection, and no more."""
    content = b""
    while len(content) < MOST_READ and (part := await answer.content.read(MOST_READ - len(content))):
        content += part
    if not answer.content.at_eof():
        answer.close()
    return content


def _may_be_public(host: str) -> bool:
    """Say whether a host is a public address or a name, which is judged when it is resolved.

    Numbers with dots, or without, are addresses to the client, which resolves names only: ``2130706433`` is 127.0.0.1.
    """
    if ":" in host or host.replace(".", "").isdigit():
        try:
            return is_public(host)
        except ValueError:
            return False
    return _NAME.fullmatch(host) is not None
