"""``feed.mjs`` keeps the promise of docs/feed.md on the browser's side: the picture is whole, or begins again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route

from tests.browser.conftest import PATIENCE_MS

pytestmark = pytest.mark.browser

STATIC = Path(__file__).parents[2] / "apps/console/static"
# A socket that remembers what it was told and says what the test makes it say; time passes when the test says so.
HARNESS = """
globalThis.sockets = [];
class FakeSocket extends EventTarget {
  static OPEN = 1;
  readyState = 1;
  told = [];
  constructor(url, protocol) { super(); Object.assign(this, { url, protocol }); sockets.push(this); }
  send(text) { this.told.push(JSON.parse(text)); }
  close(code) { this.end(code); }
  end(code, reason = "") {
    this.readyState = 3;
    this.dispatchEvent(Object.assign(new Event("close"), { code, reason }));
  }
  say(...frames) {
    const data = JSON.stringify(frames.length === 1 ? frames[0] : frames);
    this.dispatchEvent(new MessageEvent("message", { data }));
  }
}
globalThis.WebSocket = FakeSocket;
Math.random = () => 0;
const { Feed } = await import("/console/live-map/feed.mjs");
globalThis.states = [];
globalThis.seen = [];
const feed = new Feed("ws://test/ws/feed", { onState: ({ name }) => states.push(name) });
feed.subscribe("zones", {
  topic: "zones",
  replace: (features) => seen.push(["replace", features.map(({ id }) => id)]),
  change: (frame) => seen.push([frame.change, frame.id]),
});
feed.open();
globalThis.ready = true;
"""


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page with the module, a fake socket and a clock that the test moves."""

    def answer(route: Route) -> None:
        path = STATIC / route.request.url.removeprefix("http://test/")
        if path.is_file():
            route.fulfill(body=path.read_bytes(), content_type="text/javascript")
        else:
            route.fulfill(body="<!doctype html><title>test</title>", content_type="text/html")

    page = browser.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.route("http://test/**", answer)
    page.clock.install(time=0)
    page.clock.pause_at(1_000)
    page.goto("http://test/")
    page.add_script_tag(content=HARNESS, type="module")
    page.wait_for_function("globalThis.ready")
    yield page
    page.close()


def say(page: Page, *frames: dict[str, Any]) -> None:
    """Let the server say something on the newest socket, in one message."""
    page.evaluate("frames => sockets.at(-1).say(...frames)", list(frames))


def told(page: Page, kind: str) -> list[dict[str, Any]]:
    """Return the frames of one type that the client has sent on the newest socket."""
    frames: list[dict[str, Any]] = page.evaluate("sockets.at(-1).told")
    return [frame for frame in frames if frame["type"] == kind]


def seen(page: Page) -> Any:
    """Return what the subscriber was told."""
    return json.loads(json.dumps(page.evaluate("seen")))


def hello(epoch: str = "e") -> dict[str, Any]:
    return {"type": "hello", "epoch": epoch, "head": 7, "heartbeat_s": 20}


def subscribed(*, recovered: bool = False, offset: int = 7) -> dict[str, Any]:
    return {"type": "subscribed", "sub": "zones", "epoch": "e", "offset": offset, "recovered": recovered, "view": "v"}


def snapshot(*ids: str, last: bool = True) -> dict[str, Any]:
    return {"type": "snapshot", "sub": "zones", "features": [{"id": id_} for id_ in ids], "last": last}


def event(id_: str, offset: int, change: str = "upsert") -> dict[str, Any]:
    return {"type": "event", "sub": "zones", "offset": offset, "change": change, "id": id_}


def test_it_asks_for_our_protocol_and_a_snapshot(page: Page):
    say(page, hello())
    assert page.evaluate("[sockets[0].url, sockets[0].protocol]") == ["ws://test/ws/feed", "watchfloor.feed.v1"]
    [frame] = told(page, "subscribe")
    assert (frame["sub"], frame["topic"], frame["snapshot"], frame["resume"]) == ("zones", "zones", True, None)


def test_a_snapshot_is_shown_when_all_of_it_is_there(page: Page):
    say(page, hello(), subscribed(), snapshot("a", last=False))
    assert seen(page) == []
    say(page, snapshot("b"))
    assert seen(page) == [["replace", ["a", "b"]]]


def test_what_happens_during_a_snapshot_is_applied_after_it(page: Page):
    say(page, hello(), subscribed(), snapshot("a", last=False), event("a", 8, "remove"), snapshot("b"))
    assert seen(page) == [["replace", ["a", "b"]], ["remove", "a"]]


def test_it_resumes_from_the_highest_offset(page: Page):
    say(page, hello(), subscribed(), snapshot("a"), event("a", 9))
    say(page, {"type": "bookmark", "sub": "zones", "offset": 12, "view": "w"})
    page.evaluate("sockets.at(-1).end(4503)")
    page.clock.run_for(30_000)
    say(page, hello())
    assert told(page, "subscribe")[0]["resume"] == {"epoch": "e", "offset": 12, "view": "w"}
    say(page, subscribed(recovered=True, offset=12), event("b", 13))
    assert seen(page)[-1] == ["upsert", "b"]
    assert page.evaluate("states") == ["connecting", "live", "waiting", "connecting", "live"]


def test_half_a_snapshot_is_nothing_to_resume_from(page: Page):
    say(page, hello(), subscribed(), snapshot("a", last=False))
    page.evaluate("sockets.at(-1).end(1006)")
    page.clock.run_for(30_000)
    say(page, hello())
    assert told(page, "subscribe")[0]["resume"] is None


def test_after_a_gap_the_next_snapshot_replaces_all(page: Page):
    say(page, hello(), subscribed(), snapshot("a"))
    say(page, {"type": "gap", "sub": "zones", "reason": "slow_consumer", "action": "resync"}, event("x", 20))
    say(page, snapshot("b"))
    assert seen(page) == [["replace", ["a"]], ["replace", ["b"]], ["upsert", "x"]]
    assert len(told(page, "subscribe")) == 1


def test_a_final_close_is_final(page: Page):
    say(page, hello())
    page.evaluate("sockets.at(-1).end(4401, 'signed out')")
    page.clock.run_for(120_000)
    assert (page.evaluate("sockets.length"), page.evaluate("states.at(-1)")) == (1, "refused")


def test_a_socket_without_heartbeat_is_given_up(page: Page):
    say(page, hello())
    page.clock.run_for(49_000)
    assert page.evaluate("sockets.length") == 1
    page.clock.run_for(2_000)
    assert page.evaluate("sockets.length") == 2


def test_it_answers_pings(page: Page):
    say(page, hello(), {"type": "ping"})
    assert len(told(page, "pong")) == 1


def test_waits_grow_and_stay_bounded(page: Page):
    waits = []
    for _ in range(8):
        before = page.evaluate("sockets.length")
        page.evaluate("sockets.at(-1).end(1006)")
        waited = 0
        while page.evaluate("sockets.length") == before:
            page.clock.run_for(100)
            waited += 100
        waits.append(waited)
    # The random part is none here: a fifth of 0.5, 1, 2, ... s, and at most of 20 s.
    assert waits == pytest.approx([100, 200, 400, 800, 1600, 3200, 4000, 4000], abs=200)


def test_an_unreadable_message_begins_again(page: Page):
    say(page, hello())
    page.evaluate("sockets.at(-1).dispatchEvent(new MessageEvent('message', { data: '{' }))")
    page.clock.run_for(5_000)
    assert page.evaluate("sockets.length") == 2
