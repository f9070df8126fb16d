"""The laws of detection: order, batches and repetition change nothing in what is found in the end."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from apps.tracking.rules.presence import elapse
from tests.tracking.rules.timeline import PATIENCE, Tracker, minute, zone

ZONES = (zone("A"), zone("B", dwell=3), zone("C", dwell=4, ends=12))
NOW = minute(1000)

letters = st.sets(st.sampled_from("ABC"), max_size=3).map(lambda found: "".join(sorted(found)))
tracks = st.dictionaries(st.integers(0, 20).map(minute), letters, min_size=1, max_size=9).map(
    lambda d: sorted(d.items())
)


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[tuple[datetime, str]], list[list[tuple[datetime, str]]]]:
    """Return a track, and the same fixes in another order, cut into batches, some sent twice."""
    track = draw(tracks)
    sent = draw(st.permutations(track + draw(st.lists(st.sampled_from(track), max_size=4))))
    cuts = sorted(draw(st.sets(st.integers(0, len(sent)), max_size=4)) | {0, len(sent)})
    return track, [list(sent[start:end]) for start, end in pairwise(cuts)]


def followed(batches: list[Any]) -> Tracker:
    tracker = Tracker(ZONES)
    for batch in batches:
        tracker.take(batch)
    return tracker


@given(tracks)
def test_replaying_one_by_one_equals_one_batch(track: list[tuple[datetime, str]]) -> None:
    one_by_one, batch = followed([[fix] for fix in track]), followed([track])
    assert (one_by_one.stays, one_by_one.facts) == (batch.stays, batch.facts)


@given(deliveries())
def test_neither_order_nor_repetition_changes_what_is_found(
    delivery: tuple[list[tuple[datetime, str]], list[list[tuple[datetime, str]]]],
) -> None:
    track, batches = delivery
    in_order, delivered = followed([track]), followed(batches)
    open_dwells_known_by_now(in_order)
    open_dwells_known_by_now(delivered)
    assert delivered.stays == in_order.stays
    assert sorted(map(str, delivered.facts)) == sorted(map(str, in_order.facts))


@given(tracks)
def test_facts_are_what_the_stays_amount_to(track: list[tuple[datetime, str]]) -> None:
    tracker = followed([track])
    assert set(tracker.facts) == tracker.told()
    assert len(tracker.facts) == len(tracker.told())


@given(tracks, st.lists(st.integers(0, 20), max_size=5))
def test_the_clock_looking_in_between_finds_nothing_else(track: list[tuple[datetime, str]], looks: list[int]) -> None:
    plain, watched = followed([track]), Tracker(ZONES)
    moments = sorted([(at, 1, letters) for at, letters in track] + [(minute(look + 0.5), 0, "") for look in looks])
    for at, is_fix, inside in moments:
        if is_fix:
            watched.take([(at, inside)])
        elif watched.presence.fixed_at is not None:
            look_at(watched, at)
    open_dwells_known_by_now(plain)
    open_dwells_known_by_now(watched)
    assert watched.stays == plain.stays
    assert sorted(map(str, watched.facts)) == sorted(map(str, plain.facts))


def open_dwells_known_by_now(tracker: Tracker) -> None:
    """Let the clock look once at the end, as it always does in the end."""
    look_at(tracker, NOW)


def look_at(tracker: Tracker, at: datetime) -> None:
    tracker.note(elapse(tracker.presence, at, tracker.zones.get, PATIENCE))
