"""Traces as W3C Trace Context has them."""

from __future__ import annotations

import pytest

from apps.core.trace import begin_trace, current_trace_id, end_trace

GOOD = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_callers_trace_is_continued_with_a_span_of_our_own() -> None:
    trace = begin_trace(GOOD)

    assert (trace.trace_id, trace.flags) == ("0af7651916cd43dd8448eb211c80319c", "01")
    assert trace.span_id != "b7ad6b7169203331"
    assert trace.traceparent() == f"00-{trace.trace_id}-{trace.span_id}-01"
    assert current_trace_id() == trace.trace_id
    end_trace()
    assert current_trace_id() is None


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "00",
        GOOD.upper(),
        GOOD.replace("00-", "ff-", 1),
        "00-" + "0" * 32 + "-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-" + "0" * 16 + "-01",
        GOOD + "\r\nx: y",
        "x" * 10_000,
    ],
)
def test_a_malformed_header_begins_a_new_trace(header: str | None) -> None:
    trace = begin_trace(header)
    end_trace()

    assert len(trace.trace_id) == 32
    assert trace.trace_id != "0af7651916cd43dd8448eb211c80319c"
