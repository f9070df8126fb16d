"""What the wire forms share: reading JSON that may be hostile, and the limits of what we read at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
import orjson

from apps.core.types import Malformed
from apps.tracking.types import Refused

T = TypeVar("T")

MAX_BODY_BYTES = 4 * 1024 * 1024
MAX_DEVICE_BODY_BYTES = 64 * 1024
MAX_ITEMS = 10_000
MAX_ATTRIBUTES_BYTES = 4096
MAX_REFERENCE = 200
MAX_PAYLOAD = 2000

KNOTS_IN_MPS = 1852 / 3600
KMH_IN_MPS = 1000 / 3600


def decode(decoder: msgspec.json.Decoder[T], body: bytes | msgspec.Raw) -> T:
    """Return the decoded JSON; raises ``msgspec.ValidationError`` for the wrong shape and ``Malformed`` for no JSON."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(f"The body is not JSON: {error}.") from None
    except RecursionError:
        raise Malformed("The body is nested too deeply.") from None


def refused(code: str, detail: str, payload: bytes | str, *, asset: str = "") -> Refused:
    """Return a refusal that can be stored: cut to what the quarantine holds, without what PostgreSQL cannot hold."""
    text = payload if isinstance(payload, str) else payload[: 4 * MAX_PAYLOAD].decode(errors="replace")
    return Refused(
        code=code,
        detail=storable(detail, 300),
        asset=storable(asset, MAX_REFERENCE),
        payload=storable(text, MAX_PAYLOAD),
    )


def storable(text: str, length: int) -> str:
    """Return the beginning of a text in the form in which PostgreSQL takes it: no NUL, no lone surrogates."""
    return text[:length].replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()


def attributes_fit(attributes: Mapping[str, Any]) -> bool:
    """Say whether attributes can be kept with the fix.

    Not too long, not too deep, no number beyond 64 bits (whoever writes them out again could not), no NUL.
    """
    try:
        encoded = orjson.dumps(attributes)
    except TypeError:
        return False
    return len(encoded) <= MAX_ATTRIBUTES_BYTES and b"\\u0000" not in encoded
