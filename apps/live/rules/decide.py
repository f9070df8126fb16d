"""What one new picture of an object means for one audience: enter, change, leave, or nothing at all."""

from __future__ import annotations

from typing import Final, NamedTuple

from apps.live.types import ChangeKind, Reason, Stamp


class Decision(NamedTuple):
    """The frame to send."""

    change: ChangeKind
    reason: Reason


UPSERT_CHANGED: Final = Decision(ChangeKind.UPSERT, Reason.CHANGED)
UPSERT_ENTERED: Final = Decision(ChangeKind.UPSERT, Reason.ENTERED)
UPSERT_MOVED: Final = Decision(ChangeKind.UPSERT, Reason.MOVED)
REMOVE_LEFT: Final = Decision(ChangeKind.REMOVE, Reason.LEFT)
REMOVE_DELETED: Final = Decision(ChangeKind.REMOVE, Reason.DELETED)
REMOVE_LOST: Final = Decision(ChangeKind.REMOVE, Reason.ACCESS)
TELL: Final = Decision(ChangeKind.EVENT, Reason.FOUND)


def decide(*, stamp: Stamp, known: Stamp | None, is_allowed: bool, is_in_view: bool) -> Decision | None:
    """Decide what an audience hears of a new picture.

    ``known`` is the stamp under which the audience holds the object, ``None`` if it does not hold it. A picture
    older than the one held is ignored: a snapshot overtook it, and telling it would turn the clock back.
    """
    if known is None:
        return UPSERT_ENTERED if is_allowed and is_in_view else None
    if stamp.is_older_than(known):
        return None
    if not is_allowed:
        return REMOVE_LOST
    return UPSERT_CHANGED if is_in_view else REMOVE_LEFT


def decide_deletion(*, known: Stamp | None) -> Decision | None:
    """Decide what an audience hears of the end of an object: only those who hold it hear of it."""
    return None if known is None else REMOVE_DELETED


def decide_blindly(*, is_deletion: bool, may_have_known: bool, is_allowed: bool, is_in_view: bool) -> Decision | None:
    """Decide the same for a client that comes back, whose picture we do not know.

    It may be told to forget what it never held, which does no harm; but only of objects that it was permitted
    to see (``may_have_known``), or the frame would betray that they exist.
    """
    if is_allowed and is_in_view and not is_deletion:
        return UPSERT_CHANGED
    if not may_have_known:
        return None
    if is_deletion:
        return REMOVE_DELETED
    return REMOVE_LEFT if is_allowed else REMOVE_LOST
