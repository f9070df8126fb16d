"""Every list and every topic can be asked about all that it says can be asked, and SQL and Python answer alike."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import get_resolver, reverse

from apps.access.registry import all_actions
from apps.core.types import Feature
from apps.events.registry import Topic, topics
from apps.filters.api.lists import ListView
from apps.filters.queries import compile_predicate, compile_sql_ternary, parse
from apps.filters.registry import queryables_of
from apps.filters.rules.properties import read_property
from apps.filters.types import Property, Queryable, Type
from tests.factories.access import signed_in
from tests.flows.matrix import MATRIX, Kind
from tests.flows.world import World, make_world

WRITTEN = {
    Type.INSTANT: lambda value: {"timestamp": value},
    Type.GEOMETRY: lambda value: value,
}


@pytest.fixture
def world(db: None) -> World:
    return make_world(all_actions())


def shown(answer: Any) -> Any:
    """Return what a list shows, whatever it is written in."""
    return answer.json()["items"] if answer["Content-Type"] == "application/json" else answer.content


def test_every_list_answers_about_every_queryable_of_its_noun(world: World) -> None:
    client = signed_in(world.alice)
    lists = dict(_lists())
    for name, noun in lists.items():
        address = MATRIX[name]
        path = (address.path + address.query).format(**world.parts)
        everything = shown(client.get(path))
        for each in queryables_of(noun).names:
            member = f"{each}.some" if queryables_of(noun).by_name[each].type is Type.ANY else each
            source = f'"{member}" IS NULL OR "{member}" IS NOT NULL'
            answer = client.get(path, {"filter": source})
            assert (name, each, answer.status_code) == (name, each, 200), answer.content
            assert (name, each, shown(answer)) == (name, each, everything)
    assert {"assets", "zones", "incidents", "positions", "events", "users", "incident-comments"} <= set(lists)


def test_every_list_hides_from_a_filter_what_it_hides(world: World) -> None:
    client = signed_in(world.charlie)
    for name, _ in _lists():
        address = MATRIX[name]
        if address.kind is Kind.REFERENCE:
            continue
        answer = client.get(address.path.format(**world.parts), {"filter": "TRUE"})
        hidden = [part for part, value in world.private.items() if str(value) in answer.content.decode()]
        assert (name, answer.status_code in (200, 404), hidden) == (name, True, [])


def test_every_address_with_a_limit_has_a_filter(client: Any) -> None:
    document = client.get(reverse("openapi")).json()
    parameters = {
        path: {each["name"] for each in methods["get"].get("parameters", [])}
        for path, methods in document["paths"].items()
        if "get" in methods
    }
    paged = {path for path, names in parameters.items() if "limit" in names}
    assert {path for path in paged if not {"filter", "filter-lang", "filter-crs"} <= parameters[path]} == set()
    assert len(paged) > 15


def test_features_and_rows_answer_alike_about_every_topic(world: World) -> None:
    asked = 0
    for topic in topics.all():
        features = {feature.id: feature for feature in topic.features(topic.queryset())}
        assert features, topic.name
        for queryable in queryables_of(topic.noun).by_name.values():
            for tree in _questions(queryable, list(features.values())):
                found = parse(tree, queryables=queryables_of(topic.noun))
                decide = compile_predicate(found)
                said = {key: decide(feature) for key, feature in features.items()}
                assert (found.text, _answers(topic, found)) == (found.text, said)
                asked += 1
    assert asked > 60


def _questions(queryable: Queryable, features: list[Feature]) -> list[dict[str, Any]]:
    """Return whether it is null, and whether it equals what it is."""
    if queryable.read is None:
        return []
    name = {"property": f"{queryable.name}.some" if queryable.type is Type.ANY else queryable.name}
    questions: list[dict[str, Any]] = [{"op": "isNull", "args": [name]}]
    if queryable.type in (Type.ANY, Type.INTERVAL, Type.STRING_ARRAY):
        return questions
    read = read_property(Property(queryable.type, queryable))
    shown = [feature for feature in features if read(feature) is not None]
    op = "s_equals" if queryable.type is Type.GEOMETRY else "="
    for feature in shown[:1]:
        value = feature.geometry if queryable.type is Type.GEOMETRY else _shown(queryable, feature)
        written = WRITTEN.get(queryable.type, lambda value: value)(value)
        questions.append({"op": op, "args": [name, written]})
    return questions


def _shown(queryable: Queryable, feature: Feature) -> Any:
    if queryable.name in ("id", "organisation_id"):
        return str(getattr(feature, queryable.name))
    return feature.properties[queryable.name]


def _answers(topic: Topic, found: Any) -> dict[Any, bool | None]:
    rows = topic.queryset().annotate(answer=compile_sql_ternary(found))
    return dict(rows.values_list("pk", "answer"))


def _lists() -> list[tuple[str, str]]:
    """Return the names of the addresses that list, and what they list."""
    found = []
    for name, address in MATRIX.items():
        if not address.reads:
            continue
        pattern = get_resolver().reverse_dict.getlist(name)
        assert pattern, name
        view = _view_of(name)
        if isinstance(view, type) and issubclass(view, ListView):
            found.append((name, view.queryables))
    return found


def _view_of(name: str) -> Any:
    todo = list(get_resolver().url_patterns)
    while todo:
        entry = todo.pop()
        todo += getattr(entry, "url_patterns", [])
        if getattr(entry, "name", None) == name:
            return getattr(entry.callback, "cls", None)
    return None
