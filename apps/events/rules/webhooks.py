"""How webhooks are signed, when they are tried again, and which types an endpoint wants. Pure.

Source: Standard Webhooks 1.0.0 (signatures: HMAC-SHA256 over ``id.timestamp.body``, base64, ``v1,`` before it; secrets:
base64 of 24 to 64 bytes, ``whsec_`` before it).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

SECRET: Final = "whsec_"  # noqa: S105  the prefix of every secret
# How long after an attempt the next one comes; after the last there is none.
PAUSES: Final = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
)
JITTER: Final = 0.2
LONGEST_PAUSE: Final = timedelta(hours=24)
TESTED: Final = "watchfloor.webhook.tested.v1"


def secret_of(key: bytes, endpoint_id: str, salt: str) -> str:
    """Return a secret, made of the installation's key, so that nothing which is stored can sign."""
    made = hmac.new(key, f"webhook:{endpoint_id}:{salt}".encode(), hashlib.sha256).digest()
    return SECRET + base64.b64encode(made).decode()


def signed_headers(message_id: str, body: bytes, secrets: Iterable[str], at: datetime) -> dict[str, str]:
    """Return the three headers of a message, signed with every secret that is good at the instant."""
    stamp = str(int(at.timestamp()))
    content = b".".join((message_id.encode(), stamp.encode(), body))
    signatures = (hmac.new(_key(secret), content, hashlib.sha256).digest() for secret in secrets)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(f"v1,{base64.b64encode(each).decode()}" for each in signatures),
    }


def next_pause(attempts: int, *, chance: float, retry_after: timedelta | None = None) -> timedelta | None:
    """Return how long to wait after so many attempts, ``None`` after the last one.

    ``chance`` in [0, 1) spreads what failed together; ``retry_after`` is what the receiver asked for, which only
    lengthens a pause, and never beyond a day.
    """
    if attempts > len(PAUSES):
        return None
    pause = PAUSES[attempts - 1] * (1 + JITTER * chance)
    return max(pause, min(retry_after or timedelta(0), LONGEST_PAUSE))


def read_retry_after(text: str | None, at: datetime) -> timedelta | None:
    """Return what ``Retry-After`` asks for (RFC 9110, section 10.2.3), ``None`` for nothing that can be understood."""
    if text is None:
        return None
    if text.strip().isdigit():
        return timedelta(seconds=min(int(text), int(LONGEST_PAUSE.total_seconds())))
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(until.replace(tzinfo=until.tzinfo or UTC) - at, timedelta(0))


def wants(types: Iterable[str], type_: str) -> bool:
    """Say whether a type is among these; none are all, and ``prefix.*`` stands for all that begin so."""
    asked = tuple(types)
    return not asked or any(type_.startswith(each[:-1]) if each.endswith(".*") else each == type_ for each in asked)


def tested(endpoint_id: str, message_id: str, source: str, at: str) -> Mapping[str, object]:
    """Return the event that a test sends, which stands in no log."""
    return {
        "specversion": "1.0",
        "id": message_id,
        "source": source,
        "type": TESTED,
        "subject": f"webhooks/{endpoint_id}",
        "time": at,
        "datacontenttype": "application/json",
        "data": {"message": "This is a test."},
    }


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(SECRET))
