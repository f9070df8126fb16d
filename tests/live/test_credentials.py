"""Who gets in: session, key, ticket, first frame, origin; and hostile clients."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from websockets.exceptions import InvalidStatus

from apps.access.types import SYSTEM
from apps.core import clock
from apps.core.types import NotAllowed
from apps.live.credentials import address_of
from apps.live.models import FeedTicket
from apps.live.services import RedeemedTicket, issue_ticket, redeem_ticket
from tests.factories.access import Cast, make_cast, make_user, signed_in, with_key
from tests.factories.core import NOON, after
from tests.live.client import FeedClient, Frame

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    return make_cast()


def hello(client: FeedClient) -> Frame:
    return client.wait(lambda frame: frame["type"] == "hello")


def test_by_key(cast, connect) -> None:
    assert hello(connect(headers=with_key(cast.bob)))["authenticated"] is True


def test_by_ticket_once(cast, connect) -> None:
    response = signed_in(cast.bob).post("/api/v1/feed-tickets")
    assert (response.status_code, set(response.json())) == (201, {"ticket", "expires_at"})
    query = f"?ticket={response.json()['ticket']}"
    assert hello(connect(query=query))["authenticated"] is True
    assert connect(query=query).close_code() == 4401


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([], "10.0.0.1"),
        ([b"192.0.2.1"], "192.0.2.1"),
        ([b"198.51.100.1, 192.0.2.1"], "192.0.2.1"),
        ([b"198.51.100.1", b"192.0.2.1"], "192.0.2.1"),
    ],
    ids=["none", "one", "in one line", "in two lines"],
)
def test_behind_a_proxy_the_last_address_counts(settings, lines, found) -> None:
    scope = {"client": ("10.0.0.1", 1), "headers": [(b"x-forwarded-for", line) for line in lines]}

    assert address_of(scope) == "10.0.0.1"
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    assert address_of(scope) == found


def test_by_first_frame(cast, connect) -> None:
    token = with_key(cast.bob)["authorization"].removeprefix("Bearer ")
    client = connect()
    assert hello(client)["authenticated"] is False
    refused = client.ask("subscribe", sub="a", topic="assets")
    assert refused["problem"]["type"] == "urn:watchfloor:problem:not_authenticated"
    assert client.ask("auth", token=token) == {"type": "authenticated", "id": 2, "label": "bob"}
    assert client.ask("auth", token=token)["problem"]["type"] == "urn:watchfloor:problem:already_authenticated"
    assert client.subscribe("a", "assets")["type"] == "subscribed"


@pytest.mark.parametrize("frame", [{"token": "wf_nonsense"}, {"ticket": "wft_nonsense"}, {}])
def test_a_wrong_first_frame_ends_it(connect, frame) -> None:
    client = connect()
    client.send("auth", **frame)
    assert client.close_code() == 4401


def test_who_says_nothing_is_sent_away(connect, set_limits) -> None:
    set_limits(auth_s=0.2)
    assert connect().close_code() == 4401


def test_a_wrong_key_does_not_fall_back_to_the_session(cast, connect) -> None:
    client = connect(cast.bob, headers={"Authorization": "Bearer wf_nonsense"})
    assert client.close_code() == 4401


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
def test_a_foreign_page_is_refused_even_with_a_session(cast, connect, origin) -> None:
    with pytest.raises(InvalidStatus, match="403"):
        connect(cast.bob, headers={"Origin": origin})


def test_our_own_page_and_a_trusted_one_get_in(cast, connect, feed_address, settings) -> None:
    settings.CSRF_TRUSTED_ORIGINS = ["https://screens.example"]
    for origin in (f"http://{feed_address}", "https://screens.example"):
        assert hello(connect(cast.bob, headers={"Origin": origin}))["authenticated"] is True


def test_another_protocol_is_refused(cast, connect) -> None:
    with pytest.raises(InvalidStatus, match="403"):
        connect(cast.bob, protocol="watchfloor.feed.v2")


def test_a_tool_that_cannot_ask_for_a_protocol_gets_in(cast, connect) -> None:
    assert hello(connect(cast.bob, protocol=None))["authenticated"] is True


def test_a_ticket_is_a_hash_that_dies_on_use_or_by_time(cast) -> None:
    actor = cast.actor("bob")
    issued = issue_ticket(actor=actor, at=NOON)
    assert issued.expires_at == after(30)
    assert issued.ticket not in str(FeedTicket.objects.values())
    assert redeem_ticket(issued.ticket, address=None, at=after(29.9)) == RedeemedTicket(actor=actor, session_key="")
    assert redeem_ticket(issued.ticket, address=None, at=after(29.9)) is None
    late = issue_ticket(actor=actor, at=NOON)
    assert redeem_ticket(late.ticket, address=None, at=after(30)) is None
    assert FeedTicket.objects.count() == 0


def test_old_tickets_are_swept_and_only_users_get_one(cast) -> None:
    for seconds in (0, 100):
        issue_ticket(actor=cast.actor("bob"), at=after(seconds))
    assert FeedTicket.objects.count() == 1
    with pytest.raises(NotAllowed):
        issue_ticket(actor=SYSTEM, at=NOON)


def test_a_ticket_of_a_key_is_confined_like_the_key(cast) -> None:
    client = signed_in(make_user())
    headers = with_key(cast.bob, "assets.view")
    ticket = client.post("/api/v1/feed-tickets", headers=headers).json()["ticket"]
    redeemed = redeem_ticket(ticket, address=None, at=clock.now() + timedelta(seconds=1))
    assert redeemed is not None
    assert redeemed.session_key == ""
    actor = redeemed.actor
    assert (actor.user_id, actor.scopes) == (cast.bob.pk, frozenset({"assets.view"}))
    assert actor.key_id is not None


def test_a_ticket_of_a_disabled_user_is_worth_nothing(cast) -> None:
    issued = issue_ticket(actor=cast.actor("bob"), at=NOON)
    cast.bob.is_active = False
    cast.bob.save()
    assert redeem_ticket(issued.ticket, address=None, at=after(1)) is None


def test_a_ticket_of_a_session_ends_with_it(cast, connect) -> None:
    client = signed_in(cast.bob)
    used, kept = (client.post("/api/v1/feed-tickets").json()["ticket"] for _ in range(2))
    socket = connect(query=f"?ticket={used}")
    assert hello(socket)["authenticated"] is True

    client.logout()

    assert socket.close_code() == 4401
    assert connect(query=f"?ticket={kept}").close_code() == 4401


def test_nobody_gets_no_ticket(client) -> None:
    response = client.post("/api/v1/feed-tickets")
    assert (response.status_code, response.json()["type"]) == (401, "urn:watchfloor:problem:not_authenticated")


@pytest.mark.parametrize("text", ["", "[]", "nonsense", b"\x00\x01", " " * 70_000, '"x"'])
def test_what_is_no_frame_ends_it(cast, connect, text) -> None:
    bob = connect(cast.bob)
    bob.send_text(text)
    assert bob.close_code() == 4400


def test_wrong_frames_are_answered_and_the_socket_lives(cast, connect) -> None:
    bob = connect(cast.bob)
    answers = [
        bob.ask("subscribe", sub="a", topic="boats"),
        bob.ask("subscribe", sub="a", topic="zones", bbox=[0, 9, 1, 0]),
        bob.ask("subscribe", sub="a", topic="zones", filter=7),
        bob.ask("dance"),
        bob.ask("unsubscribe", sub="never"),
        bob.ask("update", sub="never", bbox=None),
    ]
    assert [(answer["type"], answer["problem"]["type"].rpartition(":")[2]) for answer in answers] == [
        ("error", "unknown_topic"),
        ("error", "bad_frame"),
        ("error", "bad_frame"),
        ("error", "bad_frame"),
        ("error", "unknown_subscription"),
        ("error", "unknown_subscription"),
    ]
    assert answers[0]["problem"]["details"]["topics"] == sorted(answers[0]["problem"]["details"]["topics"])
    assert bob.ask("ping") == {"type": "pong", "id": 7}


def test_the_same_name_twice_and_too_many(cast, connect, set_limits) -> None:
    set_limits(subscriptions=2)
    bob = connect(cast.bob)
    bob.subscribe("a", "assets")
    assert bob.ask("subscribe", sub="a", topic="assets")["problem"]["status"] == 409
    bob.subscribe("b", "zones")
    assert bob.ask("subscribe", sub="c", topic="zones")["problem"]["type"].endswith(":too_many_subscriptions")


def test_a_flood_of_frames_ends_it(cast, connect, set_limits) -> None:
    set_limits(frames_per_s=5)
    bob = connect(cast.bob)
    for _ in range(20):
        bob.send_text(json.dumps({"type": "ping"}))
    assert bob.close_code() == 4429


def test_who_gives_no_sign_of_life_is_sent_away(cast, connect, set_limits, monkeypatch) -> None:
    set_limits(silence_s=0.6)
    bob = connect(cast.bob)
    monkeypatch.setattr(bob, "_follow", lambda frame: None)
    assert bob.close_code() == 4510


def test_staff_without_the_second_factor_that_is_asked_of_them_follow_nothing(cast, connect, settings) -> None:
    settings.WATCHFLOOR = replace(settings.WATCHFLOOR, require_mfa=True)
    assert hello(connect(cast.bob))["authenticated"] is False
    assert hello(connect(headers=with_key(cast.bob)))["authenticated"] is True
    settings.WATCHFLOOR = replace(settings.WATCHFLOOR, require_mfa=False)
    assert hello(connect(cast.bob))["authenticated"] is True
