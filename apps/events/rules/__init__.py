"""Pure decisions about events: how they look from outside, and what may be taken in from there."""

from __future__ import annotations

from apps.events.rules.envelopes import (
    SOURCE,
    LoggedEvent,
    changed,
    cloud_event,
    feature_object,
    feature_of_object,
    instant,
    sequence,
    without_object,
)

__all__ = [
    "SOURCE",
    "LoggedEvent",
    "changed",
    "cloud_event",
    "feature_object",
    "feature_of_object",
    "instant",
    "sequence",
    "without_object",
]
