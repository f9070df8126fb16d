"""Client frames: what is understood, what is refused with its id, and what ends the socket."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.types import BBox, FieldError
from apps.live.rules.frames import (
    Ack,
    Auth,
    BadFrame,
    Ping,
    Pong,
    Resume,
    Subscribe,
    Unsubscribe,
    Update,
    parse_frame,
    view_of,
)
from apps.live.types import Close, FeedError, View

MAX = 65_536
INFINITE = '{"type":"subscribe","sub":"a","topic":"zones","bbox":[1e999,0,1,1]}'


def parse(value: object) -> object:
    return parse_frame(json.dumps(value), max_bytes=MAX)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"type": "auth", "id": 1, "token": "wf_x"}, Auth(id=1, token="wf_x")),
        ({"type": "ping"}, Ping()),
        ({"type": "pong", "id": None}, Pong()),
        ({"type": "ack", "sub": "a", "offset": 7}, Ack(sub="a", offset=7)),
        ({"type": "unsubscribe", "id": "x", "sub": "a"}, Unsubscribe(id="x", sub="a")),
        ({"type": "update", "id": 2, "sub": "a", "bbox": None}, Update(id=2, sub="a", bbox=None)),
        (
            {
                "type": "subscribe", "id": 1, "sub": "ships", "topic": "positions", "bbox": [-74.3, 40.4, -73.7, 40.9],
                "fields": ["speed_mps"], "snapshot": False, "min_interval_ms": 1000,
                "resume": {"epoch": "e", "offset": 3, "view": "v"}, "filter": None, "unknown": "is ignored",
            },
            Subscribe(
                id=1, sub="ships", topic="positions", bbox=(-74.3, 40.4, -73.7, 40.9), fields=["speed_mps"],
                snapshot=False, min_interval_ms=1000, resume=Resume(epoch="e", offset=3, view="v"),
            ),
        ),
    ],
)  # fmt: skip
def test_understood(sent, expected) -> None:
    assert parse(sent) == expected


@pytest.mark.parametrize(
    ("sent", "pointer"),
    [
        ({"type": "subscribe", "id": 5, "sub": "", "topic": "zones"}, "/sub"),
        ({"type": "subscribe", "id": 5, "sub": "x" * 65, "topic": "zones"}, "/sub"),
        ({"type": "subscribe", "id": 5, "topic": "zones"}, ""),
        ({"type": "subscribe", "id": 5, "sub": "a", "topic": "zones", "bbox": [1, 2, 3]}, "/bbox"),
        ({"type": "subscribe", "id": 5, "sub": "a", "topic": "zones", "bbox": [0, 0, 181, 1]}, "/bbox/2"),
        ({"type": "subscribe", "id": 5, "sub": "a", "topic": "zones", "filter": 5}, "/filter"),
        ({"type": "subscribe", "id": 5, "sub": "a", "topic": "zones", "min_interval_ms": -1}, "/min_interval_ms"),
        ({"type": "subscribe", "id": 5, "sub": "a", "topic": "zones", "fields": ["x"] * 65}, "/fields"),
        ({"type": "ack", "id": 5, "sub": "a", "offset": 2**63}, "/offset"),
        ({"type": "dance", "id": 5}, "/type"),
        ({"id": 5}, ""),
    ],
)
def test_refused_with_the_id_and_the_place(sent, pointer) -> None:
    with pytest.raises(BadFrame) as caught:
        parse(sent)
    assert caught.value.frame_id == 5
    assert caught.value.errors == (FieldError(pointer=pointer, code="bad_frame", detail=caught.value.message),)


def test_a_box_upside_down_is_refused_and_one_across_the_date_line_is_not() -> None:
    asked = Subscribe(id=9, sub="a", topic="zones", bbox=(170, -10, -170, 10), fields=["b", "a", "b"])
    expected = View(topic="zones", bbox=BBox(west=170, south=-10, east=-170, north=10), fields=("a", "b"))
    assert view_of(asked) == expected
    with pytest.raises(BadFrame) as caught:
        view_of(Subscribe(id=9, sub="a", topic="zones", bbox=(0, 10, 1, 0)))
    assert caught.value.frame_id == 9


@pytest.mark.parametrize(
    "text",
    [None, "", "x", "[]", "1", "null", '"text"', "NaN", "[" * 60_000, INFINITE, '{"type":"ping"', " " * (MAX + 1)],
)
def test_what_is_no_frame_ends_the_socket(text) -> None:
    with pytest.raises(FeedError) as caught:
        parse_frame(text, max_bytes=MAX)
    assert caught.value.close is Close.BAD_FRAME


@given(st.text())
def test_no_text_breaks_it(text) -> None:
    with pytest.raises((FeedError, BadFrame)):
        parse_frame(text, max_bytes=MAX)


values = st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda each: st.lists(each, max_size=5))


@given(values)
def test_no_value_of_a_member_breaks_it(value) -> None:
    with contextlib.suppress(FeedError, BadFrame):
        parse({"type": "subscribe", "sub": value, "topic": value, "id": value, "bbox": value, "fields": value})


@pytest.mark.parametrize(
    "name", ["\x00", "\u202e", "\U0001d4b3", "'; DROP TABLE zones", "\ufdfd" * 64, "<script>", '"', "\\"]
)
def test_a_naughty_string_is_a_name_like_any_other(name) -> None:
    assert parse({"type": "unsubscribe", "sub": name}) == Unsubscribe(sub=name)
