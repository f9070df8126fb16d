"""At most one per asset and interval, and the newest; and frames within a rate."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from apps.live.rules.rate import Rate
from apps.live.rules.throttle import Throttle


def test_the_first_goes_at_once_and_the_newest_of_the_others_when_it_is_due() -> None:
    throttle: Throttle[str, int] = Throttle(1.0)
    assert [throttle.admit("ship", n, at) for n, at in enumerate((0.0, 0.2, 0.9))] == [True, False, False]
    assert throttle.next_due() == 1.0
    assert list(throttle.release(0.99)) == []
    assert list(throttle.release(1.0)) == [("ship", 2)]
    assert throttle.admit("ship", 3, 1.5) is False
    assert throttle.next_due() == 2.0


def test_assets_do_not_wait_for_each_other() -> None:
    throttle: Throttle[str, int] = Throttle(1.0)
    assert [throttle.admit(ship, 0, 0.0) for ship in "abc"] == [True, True, True]


def test_without_an_interval_everything_goes() -> None:
    throttle: Throttle[str, int] = Throttle(0)
    assert [throttle.admit("ship", n, 0.0) for n in range(3)] == [True, True, True]
    assert throttle.next_due() is None


def test_what_is_forgotten_does_not_come_back() -> None:
    throttle: Throttle[str, int] = Throttle(1.0)
    throttle.admit("ship", 0, 0.0)
    throttle.admit("ship", 1, 0.1)
    throttle.forget("ship")
    assert list(throttle.release(9.0)) == []
    assert throttle.admit("ship", 2, 0.2) is True


@given(st.lists(st.floats(0, 20), max_size=60).map(sorted))
def test_never_two_within_an_interval_and_the_last_always_arrives(instants) -> None:
    throttle: Throttle[str, int] = Throttle(1.0)
    sent: list[tuple[float, int]] = []
    for n, now in enumerate(instants):
        while (due := throttle.next_due()) is not None and due <= now:
            sent += [(due, value) for _, value in throttle.release(due)]
        if throttle.admit("ship", n, now):
            sent.append((now, n))
    while (due := throttle.next_due()) is not None:
        sent += [(due, value) for _, value in throttle.release(due)]
    assert all(later - earlier >= 1.0 - 1e-9 for (earlier, _), (later, _) in itertools.pairwise(sent))
    assert [value for _, value in sent] == sorted(value for _, value in sent)
    assert not instants or sent[-1][1] == len(instants) - 1


def test_a_burst_of_twice_the_rate_passes_and_then_the_rate() -> None:
    rate = Rate(10)
    assert sum(rate.admit(0.0) for _ in range(100)) == 20
    assert sum(rate.admit(1.0) for _ in range(100)) == 10
