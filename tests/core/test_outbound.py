"""Where we may send: public addresses, the one that was checked, and nowhere that it points on to."""

from __future__ import annotations

import asyncio
import socket
import time
from dataclasses import replace
from typing import Any

import pytest

from apps.core import outbound
from apps.core.outbound import CheckedResolver, is_public, open_client, post, url_fault
from tests.factories.webhooks import Received, receiving


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:93.184.216.34", False),
        ("::127.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("2001:0:7f00:1::", False),
    ],
)
def test_only_the_public_internet_is_public(address: str, *, expected: bool) -> None:
    assert is_public(address) is expected


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/hook",
        "https://127.0.0.1/hook",
        "https://[::1]/hook",
        "https://[::ffff:10.0.0.1]/hook",
        "https://2130706433/hook",
        "https://127.1/hook",
        "https://0177.0.0.1/hook",
        "https://%31%32%37.0.0.1/hook",
        "https://user:secret@example.com/hook",
        "https://example.com/hook#part",
        "https://exa mple.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "https:///hook",
        "https://\uff11\uff12\uff17.0.0.1/",
        "https://example.com:99999/",
        "gopher://example.com",
        "hook",
        "",
        f"https://example.com/{'a' * 500}",
    ],
)
def test_an_address_that_nothing_may_be_sent_to_is_told_so(url: str) -> None:
    assert url_fault(url) is not None


@pytest.mark.parametrize("url", ["https://example.com/hook?a=b", "https://93.184.216.34:8443/", "https://a-b.example/"])
def test_a_public_https_address_is_welcome(url: str) -> None:
    assert url_fault(url) is None


def test_a_name_is_judged_by_all_that_it_leads_to(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[str] = []

    async def getaddrinfo(self: Any, host: str, port: int, **how: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in found]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)

    async def resolve(*addresses: str) -> list[str]:
        found[:] = addresses
        return [each["host"] for each in await CheckedResolver().resolve("example.com", 443)]

    assert asyncio.run(resolve("93.184.216.34", "93.184.216.35")) == ["93.184.216.34", "93.184.216.35"]
    with pytest.raises(OSError, match="not public"):
        asyncio.run(resolve("93.184.216.34", "10.0.0.1"))


def test_what_is_resolved_is_connected_to_and_resolved_once(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """A name that leads somewhere else the second time (DNS rebinding) is never asked a second time."""
    settings.WATCHFLOOR = replace(settings.WATCHFLOOR, outbound_hosts=frozenset({"rebind.example"}))
    asked: list[str] = []

    async def getaddrinfo(self: Any, host: str, port: int, **how: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1" if len(asked) == 1 else "127.0.0.2", port))]

    async def send(url: str) -> outbound.Answer:
        async with open_client() as client:
            return await post(client, url, b"{}", {}, seconds=60)

    with receiving() as receiver:
        monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)
        answer = asyncio.run(send(receiver.url.replace("127.0.0.1", "rebind.example")))
    assert (answer.status, answer.error) == (204, "")
    assert asked.count("rebind.example") == 1
    assert receiver.received[0].headers["host"].startswith("rebind.example:")


def test_a_private_name_is_an_answer_without_a_status(monkeypatch: pytest.MonkeyPatch) -> None:
    async def send() -> outbound.Answer:
        async with open_client() as client:
            return await post(client, "https://localhost:1/hook", b"{}", {}, seconds=60)

    answer = asyncio.run(send())
    assert answer.status is None
    assert "not public" in answer.error


@pytest.mark.parametrize("kind", ["redirect", "late", "flood"])
def test_an_answer_is_bounded(settings: Any, kind: str) -> None:
    settings.WATCHFLOOR = replace(settings.WATCHFLOOR, outbound_hosts=frozenset({"127.0.0.1"}))
    answers: dict[str, tuple[int, dict[str, str], bytes]] = {
        "redirect": (302, {"Location": "http://169.254.169.254/"}, b"moved"),
        "flood": (200, {}, b"x" * 1_000_000),
        "late": (200, {}, b""),
    }

    async def send(url: str) -> outbound.Answer:
        async with open_client() as client:
            return await post(client, url, b"{}", {}, seconds=0.5 if kind == "late" else 60)

    with receiving() as receiver:

        def reply(_: Received) -> tuple[int, dict[str, str], bytes]:
            time.sleep(0.8 if kind == "late" else 0)
            return answers[kind]

        receiver.answer = reply
        answer = asyncio.run(send(receiver.url))
    if kind == "redirect":
        assert (answer.status, answer.body, len(receiver.received)) == (302, b"moved", 1)
    elif kind == "flood":
        assert (answer.status, len(answer.body)) == (200, outbound.MOST_READ)
    else:
        assert (answer.status, answer.error) == (None, "No answer within 0.5 s.")
