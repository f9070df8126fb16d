"""What operators ask."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from apps.core.api import health


def test_alive_without_anything(client: Client) -> None:
    assert (client.get("/livez").status_code, client.get("/livez").json()) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_ready_with_database_and_redis(client: Client) -> None:
    response = client.get("/readyz")

    assert (response.status_code, response.json()) == (
        200,
        {"status": "ok", "checks": {"database": "ok", "redis": "ok"}},
    )


@pytest.mark.django_db
def test_ready_without_redis_which_only_delays(client: Client, settings: Any) -> None:
    settings.WATCHFLOOR = dataclasses.replace(settings.WATCHFLOOR, redis_url="unix:///nowhere/redis.sock")

    response = client.get("/readyz")

    assert (response.status_code, response.json()["checks"]) == (200, {"database": "ok", "redis": "failing"})


def test_not_ready_without_the_database(client: Client, monkeypatch: Any) -> None:
    class Gone:
        def cursor(self) -> Any:
            raise OperationalError("gone")

    monkeypatch.setattr(health, "connection", Gone())

    response = client.get("/readyz")

    assert (response.status_code, response.json()["checks"]["database"]) == (503, "failing")


def test_metrics_ask_for_their_key_where_one_is_set(client: Client, settings: Any) -> None:
    settings.WATCHFLOOR = dataclasses.replace(settings.WATCHFLOOR, metrics_key="schlüssel")

    answers = [
        client.get("/metrics", headers={"Authorization": given}).status_code
        for given in ("", "Bearer wrong", "schlüssel", "Bearer schlüssel")
    ]

    assert answers[:2] == [401, 401]
    settings.WATCHFLOOR = dataclasses.replace(settings.WATCHFLOOR, metrics_key="")
    assert client.get("/metrics").status_code == 200
