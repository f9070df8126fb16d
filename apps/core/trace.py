"""The id by which one request can be followed through logs, answers and other systems (W3C Trace Context)."""

from __future__ import annotations

import re
import secrets
from contextvars import ContextVar
from dataclasses import dataclass

# version "00", trace id, parent id, flags; ids of only zeros are invalid by the standard.
TRACEPARENT = re.compile(r"^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """Where in a trace we are: its id, our own span, and the flags that the caller sent."""

    trace_id: str
    span_id: str
    flags: str = "00"

    def traceparent(self) -> str:
        """Return the header by which the next one continues the trace."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"


_current: ContextVar[Trace | None] = ContextVar("watchfloor_trace", default=None)


def begin_trace(traceparent: str | None) -> Trace:
    """Continue the caller's trace, or start a new one when its header is missing or malformed."""
    match = TRACEPARENT.match(traceparent or "")
    if match is None:
        trace = Trace(trace_id=secrets.token_hex(16), span_id=secrets.token_hex(8))
    else:
        trace = Trace(trace_id=match[1], span_id=secrets.token_hex(8), flags=match[3])
    _current.set(trace)
    return trace


def end_trace() -> None:
    """Forget the trace, so that the thread's next work does not carry it."""
    _current.set(None)


def current_trace_id() -> str | None:
    """Return the id of the trace that this code runs in, if any."""
    trace = _current.get()
    return trace.trace_id if trace else None
