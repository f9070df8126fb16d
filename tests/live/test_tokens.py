"""Programs on the feed: keys and OAuth tokens that end, at once and by themselves, and where they may come from."""

from __future__ import annotations

from datetime import timedelta

import pytest

from apps.access import services as access
from apps.access.models import ApiKey, User
from apps.access.types import SYSTEM
from apps.core import clock
from tests.factories.access import assign, give_access_token, make_organisation, with_key
from tests.factories.assets import make_asset
from tests.factories.core import NOON
from tests.live.client import FeedClient

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def robot(transactional_db: None) -> User:
    """A service account that sees the one asset of its organisation."""
    harbour = make_organisation("Harbour")
    account = access.create_user(username="robot", organisation_id=harbour.pk, is_service=True, actor=SYSTEM, at=NOON)
    assign(account, ["assets.view"], harbour)
    make_asset("Tug 7", organisation=harbour)
    return account


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def follow(client: FeedClient) -> str:
    """Subscribe to assets and return the one that is seen."""
    client.subscribe("a", "assets")
    (seen,) = client.pictures["a"]
    return seen


def test_a_token_opens_the_feed_by_header_frame_and_ticket(robot, connect, publish, client) -> None:
    publish()
    _, text = give_access_token(robot, "assets.view")

    by_header, by_frame = connect(headers=bearer(text)), connect()
    assert by_frame.ask("auth", token=text) == {"type": "authenticated", "id": 1, "label": "robot"}
    ticket = client.post("/api/v1/feed-tickets", headers={"authorization": f"Bearer {text}"}).json()["ticket"]
    by_ticket = connect(query=f"?ticket={ticket}")

    assert len({follow(each) for each in (by_header, by_frame, by_ticket)}) == 1
    refused = by_header.ask("subscribe", sub="z", topic="zones")
    assert refused["type"] == "subscribed" or refused["problem"]["status"] in (403, 404)


@pytest.mark.parametrize("end", ["token", "client", "secret", "account", "time", "mapping"])
def test_what_ends_a_token_closes_an_open_socket(robot, connect, publish, let_pass, end) -> None:
    publish()
    row, text = give_access_token(robot, "assets.view", seconds=600)
    feed = connect(headers=bearer(text))
    follow(feed)

    pk = row.application_id
    match end:
        case "time":
            let_pass(600)
        case "token":
            row.revoke()
        case "client":
            access.delete_oauth_client(pk, actor=SYSTEM, at=NOON)
        case "secret":
            access.renew_oauth_secret(pk, actor=SYSTEM, at=NOON)
        case "account":
            access.change_user(robot.pk, {"is_active": False}, actor=SYSTEM, at=NOON)
        case "mapping":
            other = access.create_user(username="other", is_service=True, actor=SYSTEM, at=NOON)
            access.change_oauth_client(pk, name="planner", account_id=other.pk, actor=SYSTEM, at=NOON)

    assert feed.close_code() == 4401
    assert connect(headers=bearer(text)).close_code() == 4401


@pytest.mark.parametrize("end", ["revoked", "expired"])
def test_what_ends_a_key_closes_an_open_socket(robot, connect, publish, let_pass, end) -> None:
    publish()
    expires_at = clock.now() + timedelta(minutes=10) if end == "expired" else None
    key, text = access.create_api_key(
        user_id=robot.pk, name="k", scopes=["assets.view"], expires_at=expires_at, actor=SYSTEM, at=clock.now()
    )
    feed = connect(headers=bearer(text))
    follow(feed)

    if end == "revoked":
        access.revoke_api_key(key.pk, actor=SYSTEM, at=NOON)
    else:
        let_pass(600)

    assert feed.close_code() == 4401
    assert connect(headers=bearer(text)).close_code() == 4401


def test_a_key_is_good_only_from_its_networks_also_by_frame_and_ticket(robot, connect, client) -> None:
    headers = with_key(robot, "assets.view")
    ticket = client.post("/api/v1/feed-tickets", headers=headers).json()["ticket"]
    ApiKey.objects.update(networks=["192.0.2.0/24"])
    text = headers["authorization"].removeprefix("Bearer ")

    by_frame = connect()
    by_frame.send("auth", token=text)
    closed = [connect(headers=headers), by_frame, connect(query=f"?ticket={ticket}")]

    assert [each.close_code() for each in closed] == [4401, 4401, 4401]


def test_behind_our_proxy_a_key_is_judged_by_what_the_proxy_says(robot, connect, settings) -> None:
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    headers = with_key(robot, "assets.view")
    ApiKey.objects.update(networks=["192.0.2.0/24"])

    inside = connect(headers={**headers, "X-Forwarded-For": "198.51.100.9, 192.0.2.7"})
    outside = connect(headers={**headers, "X-Forwarded-For": "192.0.2.7, 198.51.100.9"})

    assert inside.wait(lambda frame: frame["type"] == "hello")["authenticated"] is True
    assert outside.close_code() == 4401


def test_a_key_whose_networks_are_narrowed_closes_an_open_socket(robot, connect, publish) -> None:
    publish()
    headers = with_key(robot, "assets.view")
    feed = connect(headers=headers)
    follow(feed)

    ApiKey.objects.update(networks=["192.0.2.0/24"])

    assert feed.close_code() == 4401
