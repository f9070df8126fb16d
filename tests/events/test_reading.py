"""Who reads what of the log: each event is judged by what it speaks of, in the query and over REST."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from django.test import Client

from apps.access.types import Subject
from apps.core.ids import new_id
from apps.events import queries, services
from apps.events.models import Event
from apps.events.registry import event_types, topics, view_action
from apps.events.types import Cursor
from tests.factories.access import Cast, assign, make_cast, make_user, signed_in, with_key
from tests.factories.core import after
from tests.factories.events import logged, new_event

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def titles_for(cast: Cast, name: str) -> list[str]:
    start = Cursor(epoch=queries.head().epoch, offset=0)
    page = queries.visible_page(cast.actor(name), after=start, limit=100, scan=1000)
    return [envelope["data"]["object"]["properties"]["title"] for envelope in page.items]  # type: ignore[index]


def test_everybody_reads_of_what_is_theirs(cast: Cast) -> None:
    logged(
        new_event(organisation_id=cast.harbour.pk, title="in the harbour"),
        new_event(organisation_id=cast.elsewhere.pk, title="elsewhere"),
    )
    assert titles_for(cast, "alice") == ["in the harbour"]
    assert titles_for(cast, "bob") == ["in the harbour"]
    assert titles_for(cast, "charlie") == ["elsewhere"]


def test_an_event_about_two_things_is_for_who_may_see_both(cast: Cast) -> None:
    zone = Subject(noun="zones", id=new_id(), organisation_id=cast.elsewhere.pk)
    logged(new_event(organisation_id=cast.harbour.pk, title="entered", also=(zone,)))
    assert titles_for(cast, "alice") == []
    assign(cast.alice, ["zones.view"], cast.elsewhere)
    assert titles_for(cast, "alice") == ["entered"]


def test_who_loses_an_object_learns_that_and_nothing_else(cast: Cast) -> None:
    [moved] = logged(
        new_event(organisation_id=cast.elsewhere.pk, previous_organisation_id=cast.harbour.pk, title="a secret")
    )
    start = Cursor(epoch=queries.head().epoch, offset=0)
    [envelope] = queries.visible_page(cast.actor("alice"), after=start, limit=10, scan=10).items
    assert envelope["subject"] == f"incidents/{moved.object_id}"
    assert envelope["data"] == {"change": "removed", "object": None, "previous": None, "lifecycle": None}
    assert "a secret" not in str(envelope)
    assert titles_for(cast, "charlie") == ["a secret"]


def test_an_event_of_a_noun_that_is_gone_is_for_nobody(cast: Cast) -> None:
    logged(new_event(organisation_id=cast.harbour.pk, noun="ghosts"))
    assert titles_for(cast, "alice") == []


def test_a_page_ends_where_its_reader_goes_on(cast: Cast) -> None:
    logged(*[new_event(organisation_id=cast.harbour.pk, title=str(number)) for number in range(5)])
    actor, cursor = cast.actor("alice"), Cursor(epoch=queries.head().epoch, offset=0)
    seen = []
    while cursor != queries.head():
        page = queries.visible_page(actor, after=cursor, limit=2, scan=3)
        seen += [envelope["sequence"] for envelope in page.items]
        cursor = page.cursor
    assert seen == [f"{number:020d}" for number in range(1, 6)]


def test_a_reader_of_nothing_still_comes_to_the_end(cast: Cast) -> None:
    logged(*[new_event(organisation_id=cast.harbour.pk) for _ in range(5)])
    start = Cursor(epoch=queries.head().epoch, offset=0)
    page = queries.visible_page(cast.actor("charlie"), after=start, limit=2, scan=3)
    assert (page.items, page.cursor.offset, page.head.offset) == ((), 3, 5)


def get(client: Client, url: str) -> tuple[int, Any]:
    answer = client.get(url)
    return answer.status_code, answer.json()


def test_rest_pages_through_the_log(cast: Cast) -> None:
    logged(*[new_event(organisation_id=cast.harbour.pk) for _ in range(3)])
    client = signed_in(cast.alice)
    status, first = get(client, "/api/v1/events?limit=2")
    assert status == 200
    assert [each["sequence"][-1] for each in first["items"]] == ["1", "2"]
    status, second = get(client, f"/api/v1/events?after={first['cursor']}")
    assert status == 200
    assert [each["sequence"][-1] for each in second["items"]] == ["3"]
    assert second["cursor"] == second["head"] == str(queries.head())


def test_rest_refuses_what_is_too_old_or_makes_no_sense(cast: Cast) -> None:
    logged(new_event(), new_event())
    services.forget_before(after(days=10_000), limit=1)
    epoch = queries.head().epoch
    client = signed_in(cast.alice)
    status, problem = get(client, f"/api/v1/events?after={epoch}:0")
    assert (status, problem["type"], problem["earliest"]) == (410, "urn:watchfloor:problem:cursor_gone", f"{epoch}:1")
    status, problem = get(client, "/api/v1/events?after=yesterday")
    assert (status, problem["type"]) == (422, "urn:watchfloor:problem:malformed_cursor")
    status, problem = get(client, "/api/v1/events?since=0")
    assert (status, problem["errors"][0]["pointer"]) == (422, "?since")


def test_rest_is_for_who_is_signed_in(cast: Cast) -> None:
    logged(new_event(organisation_id=cast.harbour.pk))
    status, problem = get(Client(), "/api/v1/events")
    assert (status, problem["type"]) == (401, "urn:watchfloor:problem:not_authenticated")


def test_a_key_reads_within_its_scopes(cast: Cast) -> None:
    logged(new_event(organisation_id=cast.harbour.pk))
    for scope, number in (("zones.view", 0), ("incidents.view", 1)):
        answer = Client().get("/api/v1/events", headers=with_key(cast.alice, scope))
        assert (answer.status_code, len(answer.json()["items"])) == (200, number)


def test_a_superuser_reads_everything(cast: Cast) -> None:
    logged(new_event(), new_event(organisation_id=cast.harbour.pk))
    status, page = get(signed_in(make_user(is_superuser=True)), "/api/v1/events")
    assert (status, len(page["items"])) == (200, Event.objects.count())


def test_every_topic_is_judged_by_the_action_that_it_names() -> None:
    assert {topic.name: view_action(topic.name) for topic in topics.all()} == {
        topic.name: topic.view_action for topic in topics.all()
    }
    assert view_action("rules") == "rules.view"


def test_every_example_is_what_its_schema_says() -> None:
    wrong = []
    for each in event_types.all():
        validator = jsonschema.Draft202012Validator(each.schema)
        validator.check_schema(each.schema)
        wrong += [f"{each.type}: {error.message}" for error in validator.iter_errors(each.example)]
    assert wrong == []
    assert len(event_types.all()) > 4
