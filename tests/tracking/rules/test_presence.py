"""What one fix, or the passing of time, makes of a presence: timelines without a database."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from apps.core.types import ZoneId
from apps.incidents.types import FindingKind
from apps.tracking.rules.presence import Outcome, connectivity_at, elapse, hear, heard_of, next_due, next_silence, step
from apps.tracking.types import Connectivity
from apps.zones.types import ZoneRef
from tests.tracking.rules.timeline import PATIENCE, fact, minute, online, stay, zone, zone_id

ENTERED, LEFT, DWELT = FindingKind.ENTERED, FindingKind.LEFT, FindingKind.DWELT
A, B = zone("A"), zone("B")
BOTH = {each.id: each for each in (A, B)}.get


def nothing(_: ZoneId) -> ZoneRef | None:
    return None


def test_a_first_fix_inside_enters() -> None:
    assert step(online(), minute(0), (A,), BOTH) == Outcome(
        online(fixed_at=minute(0), stays=(stay("A", 0),)), (fact(ENTERED, 0, "A"),)
    )


def test_a_fix_that_changes_nothing_only_moves() -> None:
    presence = online(fixed_at=minute(0), stays=(stay("A", 0),))
    assert step(presence, minute(1), (A,), BOTH) == Outcome(replace(presence, fixed_at=minute(1)))


def test_one_fix_may_leave_one_zone_and_enter_another() -> None:
    presence = online(fixed_at=minute(0), stays=(stay("B", 0),))
    assert step(presence, minute(1), (A,), BOTH) == Outcome(
        online(fixed_at=minute(1), stays=(stay("A", 1),)),
        (fact(LEFT, 1, "B", since=0), fact(ENTERED, 1, "A")),
        (stay("B", 0, left=1),),
    )


def test_a_dwell_counts_from_the_entry_and_is_found_once() -> None:
    zones = {zone_id("A"): zone("A", dwell=10)}
    hits = tuple(zones.values())
    presence = online(fixed_at=minute(0), stays=(stay("A", 0),))
    dwelling, facts, _ = step(presence, minute(12), hits, zones.get)
    assert facts == (fact(DWELT, 10, "A", since=0),)
    assert step(dwelling, minute(30), hits, zones.get)[1] == ()


def test_who_leaves_after_the_dwell_has_dwelt_first() -> None:
    zones = {zone_id("A"): zone("A", dwell=10)}
    presence = online(fixed_at=minute(0), stays=(stay("A", 0),))
    assert step(presence, minute(12), (), zones.get)[1] == (fact(DWELT, 10, "A", since=0), fact(LEFT, 12, "A", since=0))


def test_a_zone_that_ended_was_left_at_its_end_and_not_at_the_next_fix() -> None:
    zones = {zone_id("A"): zone("A", ends=5)}
    presence = online(fixed_at=minute(0), stays=(stay("A", 0),))
    assert step(presence, minute(9), (), zones.get)[1] == (fact(LEFT, 5, "A", since=0),)


def test_a_zone_that_is_gone_is_left_at_the_next_fix() -> None:
    presence = online(fixed_at=minute(0), stays=(stay("A", 0),))
    assert step(presence, minute(9), (), nothing)[1] == (fact(LEFT, 9, "A", since=0),)


@pytest.mark.parametrize("at", [0, -1])
def test_a_fix_that_is_not_later_is_a_mistake_of_the_caller(at: float) -> None:
    with pytest.raises(ValueError, match="not the latest"):
        step(online(fixed_at=minute(0)), minute(at), (), BOTH)


@pytest.mark.parametrize(
    ("silence", "expected"),
    [
        (0, Connectivity.ONLINE),
        (4.99, Connectivity.ONLINE),
        (5, Connectivity.LATE),
        (14.99, Connectivity.LATE),
        (15, Connectivity.LOST),
    ],
)
def test_the_limits_of_silence_belong_to_the_worse_state(silence: float, expected: Connectivity) -> None:
    assert connectivity_at(minute(0), minute(silence), PATIENCE) is expected
    silent_at = next_silence(expected, minute(0), PATIENCE)
    assert heard_of(minute(0), minute(silence), PATIENCE) == (expected, silent_at)


def test_who_was_never_heard_of_is_lost() -> None:
    assert connectivity_at(None, minute(0), PATIENCE) is Connectivity.LOST


def test_contact_is_lost_when_the_limit_passed_and_not_when_the_clock_looked() -> None:
    assert elapse(online(fixed_at=minute(0)), minute(40), BOTH, PATIENCE) == Outcome(
        online(fixed_at=minute(0), connectivity=Connectivity.LOST),
        (fact(FindingKind.LOST_CONTACT, 15, since=0),),
    )


def test_contact_is_lost_once() -> None:
    lost = online(fixed_at=minute(0), connectivity=Connectivity.LOST)
    assert elapse(lost, minute(60), BOTH, PATIENCE) == Outcome(lost)


def test_an_asset_may_be_late_without_being_found_so() -> None:
    assert elapse(online(fixed_at=minute(0)), minute(6), BOTH, PATIENCE) == Outcome(
        online(fixed_at=minute(0), connectivity=Connectivity.LATE),
        (),
    )


def test_a_fresh_fix_regains_contact() -> None:
    lost = online(fixed_at=minute(0), connectivity=Connectivity.LOST)
    assert hear(lost, minute(30), minute(31), PATIENCE) == Outcome(
        replace(lost, connectivity=Connectivity.ONLINE),
        (fact(FindingKind.REGAINED_CONTACT, 30, since=0),),
    )


def test_an_old_buffered_fix_regains_nothing() -> None:
    lost = online(fixed_at=minute(0), connectivity=Connectivity.LOST)
    assert hear(lost, minute(10), minute(60), PATIENCE) == Outcome(lost)


def test_an_asset_first_heard_of_in_an_old_fix_is_lost_without_ado() -> None:
    assert hear(online(), minute(0), minute(60), PATIENCE) == Outcome(online(connectivity=Connectivity.LOST))


def test_the_clock_alone_finds_dwells_and_ends() -> None:
    zones = {zone_id("A"): zone("A", dwell=10), zone_id("B"): zone("B", ends=12)}
    presence = online(fixed_at=minute(0), stays=(stay("A", 0), stay("B", 0)))
    after, facts, over = elapse(presence, minute(14), zones.get, PATIENCE)
    assert facts == (fact(DWELT, 10, "A", since=0), fact(LEFT, 12, "B", since=0))
    assert (after.stays, over) == ((stay("A", 0, dwelt=10),), (stay("B", 0, left=12),))


def test_the_clock_finds_that_a_zone_is_gone() -> None:
    presence = online(fixed_at=minute(0), stays=(stay("A", 0),))
    assert elapse(presence, minute(1), nothing, PATIENCE)[1] == (fact(LEFT, 1, "A", since=0),)


@pytest.mark.parametrize(
    ("dwell", "ends", "connectivity", "expected"),
    [
        (None, None, Connectivity.ONLINE, 5),
        (None, None, Connectivity.LATE, 15),
        (None, None, Connectivity.LOST, None),
        (3, None, Connectivity.ONLINE, 3),
        (10, 4, Connectivity.LOST, 4),
    ],
)
def test_the_clock_is_due_at_the_first_thing_that_it_could_find(
    dwell: float | None, ends: float | None, connectivity: Connectivity, expected: float | None
) -> None:
    zones = {zone_id("A"): zone("A", dwell=dwell, ends=ends)}
    presence = online(fixed_at=minute(0), stays=(stay("A", 0),), connectivity=connectivity)
    assert next_due(presence, zones.get, PATIENCE) == (None if expected is None else minute(expected))


def test_what_is_due_is_never_due_again_at_once() -> None:
    """Otherwise the clock would spin on one presence for ever."""
    zones = {zone_id("A"): zone("A", dwell=10, ends=30)}
    presence = online(fixed_at=minute(0), stays=(stay("A", 0),))
    due, looks = next_due(presence, zones.get, PATIENCE), 0
    while due is not None:
        presence, _, _ = elapse(presence, due, zones.get, PATIENCE)
        following = next_due(presence, zones.get, PATIENCE)
        assert following is None or following > due
        due, looks = following, looks + 1
    assert (looks, presence.stays, presence.connectivity) == (4, (), Connectivity.LOST)
    assert presence.fixed_at == minute(0)
    assert timedelta(0) < PATIENCE.late_after
