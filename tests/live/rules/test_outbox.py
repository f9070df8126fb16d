"""The queue of a slow socket: bounded, in order, one message for all that waits."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from apps.live.rules.outbox import Outbox, join


def outbox(*, max_frames: int = 100, max_chars: int = 10_000) -> Outbox:
    return Outbox(max_frames=max_frames, max_chars=max_chars)


def frames(text: str | None) -> list[object]:
    message = json.loads(text) if text is not None else []
    return message if isinstance(message, list) else [message]


def test_one_frame_travels_as_it_is_and_several_as_an_array() -> None:
    waiting = outbox()
    waiting.put('{"n":1}')
    assert waiting.take(100) == '{"n":1}'
    waiting.put('{"n":2}')
    waiting.put('[{"n":3},{"n":4}]')
    assert waiting.take(100) == '[{"n":2},{"n":3},{"n":4}]'
    assert waiting.take(100) is None


def test_what_would_break_a_bound_is_refused_and_nothing_is_lost() -> None:
    waiting = outbox(max_frames=2)
    assert [waiting.put(f'{{"n":{n}}}', sub="a") for n in range(3)] == [True, True, False]
    waiting = outbox(max_chars=10)
    assert [waiting.put('{"n":1}'), waiting.put('{"n":2}')] == [True, False]
    assert frames(waiting.take(100)) == [{"n": 1}]


def test_snapshots_do_not_count() -> None:
    waiting = outbox(max_frames=1)
    assert [waiting.put("{}", sub="a", is_counted=False) for _ in range(5)] == [True] * 5
    assert waiting.put("{}") is True


def test_dropping_a_subscription_leaves_the_others_and_the_answers() -> None:
    waiting = outbox()
    waiting.put('{"answer":1}')
    waiting.put('{"of":"a"}', sub="a")
    waiting.put('{"of":"b"}', sub="b")
    waiting.put_latest("a", "ship", '{"of":"a","ship":1}')
    waiting.put_latest("b", "ship", '{"of":"b","ship":1}')
    assert waiting.drop("a") == 2
    assert waiting.subs() == {"b"}
    assert frames(waiting.take(1000)) == [{"answer": 1}, {"of": "b"}, {"of": "b", "ship": 1}]
    assert waiting.chars == 0


def test_of_positions_the_newest_waits_alone() -> None:
    waiting = outbox(max_frames=1)
    for n in range(1000):
        waiting.put_latest("a", f"ship {n % 3}", f'{{"ship":{n % 3},"n":{n}}}')
    waiting.forget_latest("a", "ship 1")
    assert len(waiting) == 2
    assert frames(waiting.take(1000)) == [{"ship": 0, "n": 999}, {"ship": 2, "n": 998}]
    assert not waiting


def test_messages_are_cut_to_size_but_a_large_frame_still_goes() -> None:
    waiting = outbox()
    for n in range(4):
        waiting.put(f'{{"n":{n}}}')
    waiting.put_latest("a", "ship", '{"n":4}')
    sizes = []
    while (text := waiting.take(10)) is not None:
        sizes.append(len(frames(text)))
    assert sizes == [2, 2, 1]


@given(st.lists(st.one_of(st.integers(), st.lists(st.integers(), min_size=1)), max_size=20))
def test_joining_loses_nothing_and_keeps_the_order(parts) -> None:
    texts = [
        json.dumps([{"n": n} for n in part] if isinstance(part, list) else {"n": part}, separators=(",", ":"))
        for part in parts
    ]
    flat = [n for part in parts for n in (part if isinstance(part, list) else [part])]
    assert frames(join(texts)) == [{"n": n} for n in flat]
