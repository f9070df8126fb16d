"""Enter, change, leave: the whole grid, and the law that a picture kept by frames equals the truth."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.live.rules.decide import (
    REMOVE_DELETED,
    REMOVE_LEFT,
    REMOVE_LOST,
    UPSERT_CHANGED,
    UPSERT_ENTERED,
    decide,
    decide_blindly,
    decide_deletion,
)
from apps.live.types import ChangeKind, Stamp


@pytest.mark.parametrize(
    ("known", "is_allowed", "is_in_view", "expected"),
    [
        (None, True, True, UPSERT_ENTERED),
        (None, True, False, None),
        (None, False, True, None),
        (None, False, False, None),
        (Stamp(1), True, True, UPSERT_CHANGED),
        (Stamp(1), True, False, REMOVE_LEFT),
        (Stamp(1), False, True, REMOVE_LOST),
        (Stamp(1), False, False, REMOVE_LOST),
        (Stamp(2), True, True, UPSERT_CHANGED),  # the same picture once more does no harm
        (Stamp(3), True, True, None),  # a snapshot was newer
        (Stamp(3), True, False, None),
        (Stamp(3), False, False, None),
    ],
)
def test_every_case(known, is_allowed, is_in_view, expected) -> None:
    assert decide(stamp=Stamp(2), known=known, is_allowed=is_allowed, is_in_view=is_in_view) == expected


def test_only_those_who_hold_it_hear_of_its_end() -> None:
    assert decide_deletion(known=None) is None
    assert decide_deletion(known=Stamp(9)) == REMOVE_DELETED


def test_blindly_never_speaks_of_what_was_never_permitted() -> None:
    for is_deletion, is_in_view in itertools.product((True, False), repeat=2):
        assert (
            decide_blindly(is_deletion=is_deletion, may_have_known=False, is_allowed=False, is_in_view=is_in_view)
            is None
        )


@pytest.mark.parametrize(
    ("is_deletion", "is_allowed", "is_in_view", "expected"),
    [
        (False, True, True, UPSERT_CHANGED),
        (False, True, False, REMOVE_LEFT),
        (False, False, True, REMOVE_LOST),
        (True, True, True, REMOVE_DELETED),
        (True, False, True, REMOVE_DELETED),
    ],
)
def test_blindly(is_deletion, is_allowed, is_in_view, expected) -> None:
    decision = decide_blindly(
        is_deletion=is_deletion, may_have_known=True, is_allowed=is_allowed, is_in_view=is_in_view
    )
    assert decision == expected


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=30), st.integers(0, 30))
def test_a_snapshot_and_what_follows_show_what_is_true(history, taken_at) -> None:
    """The snapshot is taken after ``taken_at`` changes; all changes are then told, those before it as well."""
    taken_at = min(taken_at, len(history))
    before = history[:taken_at]
    shown = Stamp(taken_at) if before and all(before[-1]) else None
    for version, (is_allowed, is_in_view) in enumerate(history, start=1):
        decision = decide(stamp=Stamp(version), known=shown, is_allowed=is_allowed, is_in_view=is_in_view)
        if decision is not None:
            shown = Stamp(version) if decision.change is ChangeKind.UPSERT else None
    truly_shown = bool(history) and all(history[-1])
    assert shown == (Stamp(len(history)) if truly_shown else None)
