"""Keys and networks, without a database."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.access.rules import API_KEY, DEVICE_KEY, is_in_networks, new_token, parse_token, wrong_networks


def test_a_token_is_read_back_and_proves_itself_only() -> None:
    token, other = new_token(API_KEY), new_token(API_KEY)

    assert parse_token(str(token), API_KEY) == token
    assert parse_token(str(token), DEVICE_KEY) is None
    assert token.proves(token.secret_sha256())
    assert not token.proves(other.secret_sha256())
    assert len(token.secret) == 43


@settings(deadline=None)
@given(st.text(max_size=120))
def test_any_text_is_a_token_or_none(text: str) -> None:
    token = parse_token(text, API_KEY)

    assert token is None or str(token) == text


@pytest.mark.parametrize(
    ("address", "networks", "expected"),
    [
        ("10.0.0.1", [], True),
        (None, [], True),
        (None, ["10.0.0.0/8"], False),
        ("not an address", ["0.0.0.0/0"], False),
        ("10.0.0.1", ["10.0.0.0/8"], True),
        ("10.0.0.1", ["10.0.0.1"], True),
        ("11.0.0.1", ["10.0.0.0/8", "11.0.0.0/24"], True),
        ("::ffff:10.0.0.1", ["10.0.0.0/8"], True),
        ("2001:db8::1", ["2001:db8::/32"], True),
        ("2001:db8::1", ["10.0.0.0/8"], False),
    ],
)
def test_networks_are_kept_to(address: str | None, networks: list[str], *, expected: bool) -> None:
    assert is_in_networks(address, networks) is expected


def test_what_is_no_network_is_named() -> None:
    assert wrong_networks(["10.0.0.0/8", "10.0.0.1", "10.0.0.0/33", "", "x", "::/0"]) == ["10.0.0.0/33", "", "x"]
