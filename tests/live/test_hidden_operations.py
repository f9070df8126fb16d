"""The whole life of an operation, as those are told of it from whom a policy keeps what it is and where."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from apps.access.types import SYSTEM
from apps.core.clock import now
from apps.core.types import Datum
from apps.events import jobs
from apps.events import services as events
from apps.operations import services
from apps.operations.models import Operation
from tests.factories.access import Cast, assign, make_cast, make_policy, with_key
from tests.factories.operations import band, decide_all, make_operation, make_operation_kind, make_review_rule, submit
from tests.factories.operations import volume as volume_of
from tests.factories.webhooks import make_webhook, receiving
from tests.factories.zones import square

pytestmark = pytest.mark.django_db(transaction=True)
HIDDEN = ["title", "description", "contact", "geometry"]
MARKS = ("Secret survey", "Desk 4", "7.03125", "Another secret")


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    return make_cast()


def live_through(cast: Cast) -> Operation:
    """Let an operation be planned, changed, reviewed, overruled, begun, declared contingent, recovered and ended."""
    kind = make_operation_kind(is_reviewed=True)
    make_review_rule(cast.harbour, name="Everything")
    begins = now().replace(microsecond=0) - timedelta(minutes=5)
    planned = [volume_of(square(7.03125, 50), heights=band(0, 120, Datum.AMSL), starts_at=begins)]
    mine = make_operation("Secret survey", kind=kind, organisation=cast.harbour, volumes=planned, contact="Desk 4")
    operation = services.update_operation(mine.pk, description="Another secret", actor=SYSTEM, at=now())
    operation = submit(operation)
    decide_all(operation)
    beside = [volume_of(square(7, 50), starts_at=begins)]
    submit(make_operation(organisation=cast.elsewhere, volumes=beside, priority=50))
    for transition in ("activate", "declare", "recover", "end"):
        operation.refresh_from_db()
        operation = services.move_operation(operation, transition, actor=SYSTEM, at=now())
    draft = make_operation("Another secret", kind=kind, organisation=cast.harbour, volumes=planned, contact="Desk 4")
    services.delete_operation(draft.pk, actor=SYSTEM, at=now())
    return operation


def test_nothing_of_what_is_hidden_is_told_on_any_way_out(
    cast: Cast, client: Client, connect: Any, publish: Callable[[], int], settings: Any
) -> None:
    settings.WATCHFLOOR = replace(settings.WATCHFLOOR, outbound_hosts=frozenset({"127.0.0.1"}))
    assign(cast.charlie, ["operations.view", "approvals.view"], cast.harbour)
    for noun in ("operations.view", "approvals.view"):
        hidden = HIDDEN if noun == "operations.view" else ["operation_title", "contact", "geometry"]
        make_policy("limit", [noun], organisation=cast.harbour, users=[cast.charlie], hidden_fields=hidden)
    told: dict[str, dict[str, str]] = {"bob": {}, "charlie": {}}
    with receiving() as bobs, receiving() as charlies:
        receivers = {"bob": bobs, "charlie": charlies}
        for name, receiver in receivers.items():
            make_webhook(getattr(cast, name), receiver.url)
        publish()
        sockets = {name: connect(getattr(cast, name)) for name in told}
        for socket in sockets.values():
            socket.subscribe("o", "operations")
        operation = live_through(cast)
        offset = publish()
        for name, socket in sockets.items():
            socket.catch_up("o", offset)
            told[name]["feed"] = str(socket.log)
        events.owe_events(now())
        jobs.deliver()
        for name, receiver in receivers.items():
            told[name]["webhook"] = str([each.event for each in receiver.received])
            user = getattr(cast, name)
            page = client.get("/api/v1/events?limit=100", headers=with_key(user, "operations.view", "approvals.view"))
            told[name]["log"] = json.dumps(page.json())
    assert operation.state == "ended"
    for way in ("feed", "webhook", "log"):
        assert str(operation.pk) in told["charlie"][way]
        assert [mark for mark in MARKS if mark not in told["bob"][way]] == []
        assert [mark for mark in MARKS if mark in told["charlie"][way]] == []
