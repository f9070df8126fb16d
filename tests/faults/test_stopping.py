"""A graceful stop and a death of ``live``, as a screen meets them: told to come back, and nothing missed on return."""

from __future__ import annotations

import signal
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.faults.counting import head_of_all
from tests.faults.floor import STOP_SECONDS
from tests.faults.harbour import Harbour
from tests.faults.reporter import Reporter, crossings
from tests.live.client import FeedClient

pytestmark = pytest.mark.faults

MOVED = "UPDATE tracking_presence SET lon = lon + 0.01, fixed_at = fixed_at + interval '1 second'"


def feed(harbour: Harbour) -> FeedClient:
    """Return a screen of the replay's account."""
    address = harbour.floor.url("live", "/ws/feed").replace("http:", "ws:")
    return FeedClient(address, headers={"Authorization": f"Bearer {harbour.key}"})


def longitude(frame: dict[str, Any]) -> float | None:
    """Return where a frame says that somebody is now, if it does."""
    return float(frame["feature"]["geometry"]["coordinates"][0]) if frame.get("change") == "upsert" else None


def test_a_graceful_stop_tells_screens_when_to_come_back(harbour: Harbour) -> None:
    harbour.floor.start("live")
    with feed(harbour) as screen:
        screen.subscribe("i", "incidents")
        process = harbour.floor.processes["live"]
        process.send_signal(signal.SIGTERM)
        assert screen.wait(lambda frame: frame["type"] == "goaway")["retry_after_ms"] > 0
        with pytest.raises(ConnectionClosed):
            screen.wait(lambda frame: False)
    process.wait(STOP_SECONDS)


def test_a_screen_that_comes_back_after_a_kill_has_missed_nothing(harbour: Harbour) -> None:
    floor, vessels = harbour.floor, harbour.take(5)
    floor.start("live")
    floor.start("clock")
    with feed(harbour) as screen:
        screen.subscribe("p", "positions")
        cursor = screen.resume("p")
        floor.kill("live")
    floor.start("web")
    Reporter(floor.url("web", ""), harbour.key, crossings(vessels, harbour.inside, rounds=6)).start().finish()
    head = head_of_all(floor)
    floor.start("live")
    with feed(harbour) as screen:
        answer = screen.subscribe("p", "positions", resume=cursor)
        assert answer["recovered"] is True
        owed = floor.rows(
            'SELECT id::text, "offset" FROM events_event'
            ' WHERE noun = %s AND "offset" > %s AND "offset" <= %s ORDER BY "offset"',
            *("positions", cursor["offset"], head),
        )
        screen.wait(lambda frame: frame["type"] == "event" and frame.get("offset", 0) >= owed[-1][1])
        # The clock may find more meanwhile: vessels of other tests fall silent.
        told = [frame for frame in screen.log if frame["type"] == "event" and frame.get("offset", head + 1) <= head]
        assert [(frame["event"]["id"], frame["offset"]) for frame in told] == owed


def test_what_a_killed_process_stored_and_did_not_say_is_seen_when_it_is_back(harbour: Harbour) -> None:
    floor, (vessel,) = harbour.floor, harbour.take(1)
    for name in ("live", "clock", "web"):
        floor.start(name)
    Reporter(floor.url("web", ""), harbour.key, crossings([vessel], harbour.inside, rounds=1)).start().finish()
    asset_id = floor.value("SELECT asset_id::text FROM assets_identifier WHERE value = %s", vessel)
    with feed(harbour) as screen:
        screen.subscribe("p", "positions")
        for name in ("web", "clock"):
            floor.kill(name)
            # As if it had died between its commit and its word to Redis.
            [(lon,)] = floor.rows(f"{MOVED} WHERE asset_id = %s RETURNING lon", asset_id)
            floor.start(name)
            # What was reported before may come only now.
            screen.wait(lambda frame, lon=lon: frame.get("id") == asset_id and longitude(frame) == lon)  # type: ignore[misc]
