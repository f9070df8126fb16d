"""The effects that this app performs itself: telling programs (``webhook``) and people (``notify``) by an event."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from apps.access.types import SYSTEM
from apps.events.rules import changed, instant
from apps.events.services import publish
from apps.events.types import Change
from apps.lifecycle.registry import lifecycle as lifecycle_named
from apps.lifecycle.registry import register_effect
from apps.lifecycle.types import Owed

SIGNALLED: Final = "signalled"
NOTIFIED: Final = "notified"
_WEBHOOK: Final[dict[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["signal"],
    "properties": {"signal": {"type": "string", "pattern": "^[a-z][a-z0-9-]{0,39}$"}},
}
_NOTIFY: Final[dict[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["text"],
    "properties": {"text": {"type": "string", "minLength": 1, "maxLength": 500}},
}


def register_telling() -> None:
    """Register ``webhook`` and ``notify``."""
    register_effect("webhook", send_signal, schema=_WEBHOOK)
    register_effect("notify", send_notice, schema=_NOTIFY)


def send_signal(owed: Owed, at: datetime) -> None:
    """Publish ``watchfloor.<word>.signalled.v1`` with the signal's name."""
    _tell(SIGNALLED, owed, at, signal=owed.params["signal"], text="")


def send_notice(owed: Owed, at: datetime) -> None:
    """Publish ``watchfloor.<word>.notified.v1`` with a text for people."""
    _tell(NOTIFIED, owed, at, signal=None, text=owed.params["text"])


def _tell(what: str, owed: Owed, at: datetime, *, signal: str | None, text: str) -> None:
    """Publish an event about the object as it is now, locked; about one that is gone there is nobody to tell."""
    lifecycle = lifecycle_named(owed.noun)
    row = lifecycle.model._default_manager.select_for_update(of=("self",)).filter(pk=owed.object_id).first()
    if row is None:
        return
    feature = lifecycle.feature(row)
    told = changed(
        lifecycle.event_type(what),
        owed.noun,
        Change.UPDATED,
        before=feature,
        after=feature,
        lifecycle={
            "signal": signal,
            "text": text,
            "transition": owed.transition,
            "from": owed.from_state or None,
            "to": owed.to_state,
            "effective_at": instant(owed.effective_at),
        },
    )
    publish([told], actor=SYSTEM, at=at)
