"""Who sees what on every surface: REST, the admin and the feed's topics, for owner, member, stranger and nobody."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from jsonschema import Draft202012Validator

from apps.access.queries import actor_of_user, visible
from apps.access.registry import all_actions
from apps.events.models import Event
from apps.events.registry import event_types, topics
from apps.events.rules import cloud_event
from tests.factories.access import signed_in
from tests.flows.matrix import ADMIN_PAGES, FOR_SUPERUSERS, MATRIX, TOPICS, Address, Kind, Page
from tests.flows.world import MARK, World, make_world
from tests.live.asyncapi import judge_event

pytestmark = pytest.mark.django_db
DJANGOS_OWN = ("changelist", "add", "change", "delete", "history")
STATUSES = {
    Page.FREE: {200, 302},
    Page.ONE: {403, 404},
    Page.POST: {200, 302, 403, 404, 405, 422},
    Page.SUPERUSERS: {403},
}

READABLE = {name: address for name, address in MATRIX.items() if address.reads}
OBJECTS = {name: address for name, address in MATRIX.items() if address.kind is Kind.ONE}
# What has no text of the organisation's in it, even for its owner.
SILENT = {
    *("incident-calls", "asset-calls", "zone-calls", "operation-calls", "operation-approvals"),
    "operation-conformance",
    # It has no words in it.
    "operation-intent",
    *("operation-history", "operation-transitions"),
    *("assignment", "assignments", "grants", "incident-transitions", "incident-history"),
    *("asset-transitions", "asset-history", "zone-transitions", "zone-history"),
    *("positions", "asset-track", "zone-inside", "webhook-deliveries", "webhook-delivery"),
}


@pytest.fixture
def world() -> World:
    """One of everything."""
    return make_world(frozenset(all_actions()))


def test_every_address_of_the_api_is_in_the_matrix() -> None:
    assert {name for name, _ in _api_routes()} == set(MATRIX)


def test_every_page_of_the_admin_is_in_the_matrix() -> None:
    meta = [model._meta for model in admin.site._registry]
    made = {f"{each.app_label}_{each.model_name}_{page}" for each in meta for page in DJANGOS_OWN}
    found = {str(pattern.name) for route, pattern in _flat(get_resolver()) if route.startswith("admin/")}
    named = {name for name in found if name != "None" and not name.startswith(FOR_SUPERUSERS)}
    assert named - made == set(ADMIN_PAGES) - {"django_rq_home"}


def test_every_topic_of_the_feed_is_in_the_matrix() -> None:
    assert {topic.name: topic.view_action.partition(".")[0] for topic in topics.all()} == TOPICS


def test_the_owner_meets_the_mark_so_that_its_absence_means_something(world: World) -> None:
    client = signed_in(world.alice)
    silent = {name for name, address in READABLE.items() if MARK not in _text(client.get(_path(address, world)))}
    telling = {name for name, each in READABLE.items() if each.kind in (Kind.LIST, Kind.ONE)}
    assert silent & telling == SILENT


def test_nobody_in_particular_is_asked_who_they_are(world: World) -> None:
    answers = {name: Client().get(_path(address, world)) for name, address in READABLE.items()}
    public = {name for name, address in READABLE.items() if address.kind is Kind.PUBLIC}
    assert {name for name, answer in answers.items() if answer.status_code == 200} == public
    assert {name for name, answer in answers.items() if answer.status_code != 401} == public
    assert [name for name, answer in answers.items() if MARK in _text(answer)] == []


@pytest.mark.parametrize("who", ["charlie", "dana"])
def test_a_stranger_reads_nothing_of_it(world: World, who: str) -> None:
    client = signed_in(getattr(world, who))
    for name, address in READABLE.items():
        answer = client.get(_path(address, world))
        assert (name, answer.status_code) == (name, 404 if address.kind is Kind.ONE else 200)
        text = _text(answer)
        ids = [part for part, value in world.private.items() if address.kind is Kind.LIST and str(value) in text]
        assert (name, MARK in text, ids) == (name, False, [])


def test_a_stranger_changes_nothing_and_learns_nothing(world: World) -> None:
    client, owner = signed_in(world.charlie), signed_in(world.alice)
    for name, address in OBJECTS.items():
        for method in address.writes:
            answer = _write(client, method, _path(address, world))
            assert (name, method, answer.status_code) in {(name, method, status) for status in (400, 404, 422)}
            assert (name, MARK in _text(answer)) == (name, False)
        assert not address.reads or (name, owner.get(_path(address, world)).status_code) == (name, 200)


def test_a_member_who_may_only_look_changes_nothing(world: World) -> None:
    client = signed_in(world.bob)
    for name, address in OBJECTS.items():
        if address.reads and set(address.writes) & {"patch", "delete"}:
            seen = client.get(_path(address, world))
            for method in address.writes:
                answer = _write(client, method, _path(address, world), etag=seen.headers.get("ETag", "*"))
                assert (name, method, answer.status_code in (403, 404)) == (name, method, True), answer.content
            again = client.get(_path(address, world))
            assert (name, again.status_code, again.headers.get("ETag")) == (
                name,
                seen.status_code,
                seen.headers.get("ETag"),
            )


def test_a_stranger_meets_nothing_in_any_list_or_form_of_the_admin(world: World) -> None:
    client = signed_in(world.charlie)
    for model in admin.site._registry:
        listing = client.get(reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"))
        assert listing.status_code in (200, 302, 403), model
        assert MARK not in _text(listing), model
        for row in model._default_manager.all()[:5]:
            form = client.get(reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[row.pk]))
            assert MARK not in _text(form), model


def test_a_stranger_meets_nothing_in_any_page_of_the_admin(world: World) -> None:
    client = signed_in(world.charlie)
    for name, (path, kind) in ADMIN_PAGES.items():
        address = path.format(**world.parts, mark=MARK)
        answer = client.post(address) if kind is Page.POST and name != "logout" else client.get(address)
        assert (name, answer.status_code in STATUSES[kind]) == (name, True), answer.status_code
        assert (name, MARK in _text(answer).replace(address, "")) == (name, False)


def test_nobody_in_particular_is_shown_no_page_of_the_admin(world: World) -> None:
    for name, (path, kind) in ADMIN_PAGES.items():
        answer = Client().get(path.format(**world.parts, mark=MARK))
        assert (name, answer.status_code in (200, 302, 401, 404, 405)) == (name, True), kind
        assert (name, MARK in _text(answer).replace(MARK, "", path.count("{mark}"))) == (name, False)


def test_the_owner_meets_it_in_the_admin(world: World) -> None:
    client = signed_in(world.alice)
    for name in ("assets_asset", "zones_zone", "incidents_incident", "incidents_rule", "operations_operation"):
        assert MARK in _text(client.get(reverse(f"admin:{name}_changelist"))), name


def test_a_stranger_finds_nothing_under_any_topic_of_the_feed(world: World) -> None:
    for topic in topics.all():
        rows = {
            who: visible(topic.queryset(), actor_of_user(getattr(world, who)), topic.view_action).count()
            for who in ("alice", "bob", "charlie", "dana")
        }
        assert rows == {"alice": 1, "bob": 1, "charlie": 0, "dana": 0}, topic.name


def _path(address: Address, world: World) -> str:
    return (address.path + address.query).format(**world.parts)


def _text(response: Any) -> str:
    content: bytes = b"".join(response.streaming_content) if response.streaming else response.content
    return content.decode()


def _write(client: Client, method: str, path: str, etag: str = '"1"') -> HttpResponse:
    kind = "application/merge-patch+json" if method == "patch" else "application/json"
    send = getattr(client, method)
    response: HttpResponse = send(path, data={}, content_type=kind, headers={"If-Match": etag})
    return response


def _api_routes() -> Iterator[tuple[str, str]]:
    for entry in _flat(get_resolver()):
        route, pattern = entry
        if route.startswith("api/v1/"):
            yield str(pattern.name), route


def _flat(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for entry in resolver.url_patterns:
        route = prefix + str(entry.pattern).removeprefix("^")
        if isinstance(entry, URLPattern):
            yield route, entry
        else:
            yield from _flat(entry, route)


def test_every_event_of_it_is_as_described(world: World) -> None:
    rows = list(Event.objects.filter(offset__isnull=False))
    assert len({row.type for row in rows}) > 5
    for row in rows:
        judge_event(cloud_event(row))
        assert list(Draft202012Validator(event_types.get(row.type).schema).iter_errors(row.data)) == []
