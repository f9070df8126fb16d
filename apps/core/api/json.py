"""JSON in and out, by orjson: what is not JSON, too large, too deep or unstorable is refused with a clear problem."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import IO, Any

import orjson
from django.utils.functional import Promise
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer

from apps.core.types import FieldError, Invalid, Malformed, TooLarge

MAX_BYTES = 10 * 1024 * 1024
MAX_DEPTH = 64
OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS


def dumps(value: object) -> bytes:
    """Return a value as JSON bytes; instants end in ``Z``."""
    return orjson.dumps(value, default=_default, option=OPTIONS)


def loads(content: bytes, *, max_bytes: int = MAX_BYTES) -> Any:
    """Return JSON bytes as a value.

    Raises ``TooLarge``, ``Malformed`` (no JSON, which NaN and Infinity are not; or nested deeper than ``MAX_DEPTH``)
    or ``Invalid`` (a NUL character, which the database cannot store).
    """
    if len(content) > max_bytes:
        raise TooLarge(f"The body is larger than {max_bytes} bytes.")
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        detail = f"The body is not JSON: {error.msg} at line {error.lineno} column {error.colno}."
        raise Malformed(detail, code="malformed_json") from error
    _require_shallow(value)
    if b"\\u0000" in content:
        _require_no_nul(value)
    return value


class JSONRenderer(BaseRenderer):
    """Writes JSON."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """Return the data as bytes; nothing for no data."""
        return b"" if data is None else dumps(data)


class JSONParser(BaseParser):
    """Reads JSON."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the body's value; see ``loads`` for what is refused."""
        return loads(stream.read(MAX_BYTES + 1))


class MergePatchParser(JSONParser):
    """Reads a merge patch (RFC 7396): an object with the members to change, ``null`` for what is to go."""

    media_type = "application/merge-patch+json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the patch; anything but an object would replace the whole thing, which we do not do."""
        patch = super().parse(stream, media_type, parser_context)
        if not isinstance(patch, dict):
            raise Malformed("A merge patch is a JSON object.", code="malformed_patch")
        return patch


def merge_patch(target: object, patch: object) -> Any:
    """Return the target with the patch applied (RFC 7396, section 2); neither is changed."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged


def _default(value: object) -> object:
    if isinstance(value, Promise):
        return str(value)
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not JSON.")


def _require_shallow(value: object) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [child for parent in level for child in _children(parent) if isinstance(child, dict | list)]
        if not level:
            return
    raise Malformed(f"The body is nested deeper than {MAX_DEPTH} levels.", code="too_deep")


def _require_no_nul(value: object, pointer: str = "") -> None:
    if isinstance(value, str) and "\x00" in value:
        error = FieldError(pointer=pointer, code="nul_character", detail="A NUL character cannot be stored.")
        raise Invalid("A value cannot be stored.", errors=[error])
    if isinstance(value, dict):
        for name, child in value.items():
            _require_no_nul(name, pointer)
            _require_no_nul(child, f"{pointer}/{name}")
    elif isinstance(value, list):
        for index, child in enumerate(value):
            _require_no_nul(child, f"{pointer}/{index}")


def _children(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
