"""JSON in: what is not JSON, too large, too deep or unstorable gets a clear problem; out: what we have, exactly."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.utils.functional import lazystr
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.core.api.json import (
    MAX_BYTES,
    MAX_DEPTH,
    JSONParser,
    JSONRenderer,
    MergePatchParser,
    dumps,
    loads,
    merge_patch,
)
from apps.core.types import Invalid, Malformed, TooLarge, WatchfloorError

NAUGHTY = [
    b"",
    b"   ",
    b"{",
    b"nul",
    b"NaN",
    b"[Infinity]",
    b"[-Infinity]",
    b'{"a": NaN}',
    b"{'a': 1}",
    b"[1,]",
    b"\xff\xfe",
    b'"\xed\xa0\x80"',
    b'"\\ud800"',
    b"\xef\xbb\xbf{}",
    b"{} {}",
    b"[" * 100_000,
    b'{"a":' * 100_000,
]


@pytest.mark.parametrize("content", NAUGHTY)
def test_what_is_no_json_is_malformed(content: bytes) -> None:
    with pytest.raises(Malformed) as refused:
        loads(content)

    assert refused.value.code == "malformed_json"


def test_depth_is_limited_exactly() -> None:
    deepest = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    assert loads(deepest) is not None

    with pytest.raises(Malformed) as refused:
        loads(b"[" + deepest + b"]")

    assert refused.value.code == "too_deep"


def test_a_nul_character_is_told_with_its_place() -> None:
    with pytest.raises(Invalid) as refused:
        loads(b'{"a": ["ok", {"b": "x\\u0000"}]}')

    assert [(error.pointer, error.code) for error in refused.value.errors] == [("/a/1/b", "nul_character")]
    assert loads(b'"\\\\u0000"') == "\\u0000"


def test_a_body_is_read_no_further_than_its_limit() -> None:
    class Endless(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            assert size is not None
            assert 0 < size <= MAX_BYTES + 1
            return b" " * size

    with pytest.raises(TooLarge):
        JSONParser().parse(Endless())


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_at_all_are_read_or_refused(content: bytes) -> None:
    try:
        loads(content)
    except WatchfloorError:
        return
    json.loads(content)


@pytest.mark.parametrize("content", [b"[]", b"1", b"null", b'"x"'])
def test_a_patch_is_an_object(content: bytes) -> None:
    with pytest.raises(Malformed):
        MergePatchParser().parse(io.BytesIO(content))


@pytest.mark.parametrize(
    ("target", "patch", "expected"),
    # RFC 7396, appendix A.
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patch_does_what_its_standard_shows(target: Any, patch: Any, expected: Any) -> None:
    before = json.dumps([target, patch])

    assert merge_patch(target, patch) == expected
    assert json.dumps([target, patch]) == before


def test_instants_end_in_z_and_everything_else_is_plain() -> None:
    value = {
        "at": datetime(2026, 1, 1, tzinfo=UTC),
        "id": UUID(int=1),
        "n": Decimal("1.5"),
        "s": frozenset({"b", "a"}),
        "t": lazystr("later"),
        1: None,
    }

    assert dumps(value) == (
        b'{"at":"2026-01-01T00:00:00Z","id":"00000000-0000-0000-0000-000000000001",'
        b'"n":1.5,"s":["a","b"],"t":"later","1":null}'
    )
    assert JSONRenderer().render(None) == b""
    with pytest.raises(TypeError):
        dumps(object())
