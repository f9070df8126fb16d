"""What is hostile is refused or answered, quickly and never with a crash: trees, texts, patterns, values."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.filters.queries import compile_predicate, compile_sql, parse
from apps.filters.rules.patterns import read_pattern
from apps.filters.types import FilterError
from tests.factories.conformance import naughty_strings
from tests.filters.things import THINGS, Thing, feature, make_table, store, thing

BOW_TIE = [[0, 0], [1, 1], [0, 1], [1, 0], [0, 0]]
POLICY = {"user.name": "string", "user.area": "geometry", "user.clearance": "number", "now": "instant"}


def _at(geometry):
    return {"op": "s_intersects", "args": [{"property": "place"}, geometry]}


def _deep(levels):
    tree: object = {"property": "flag"}
    for _ in range(levels):
        tree = {"op": "not", "args": [tree]}
    return tree


def _nested(levels):
    return "[" * levels + "]" * levels


NESTED = '{"op": "%s", "args": [{"property": "place"}, %s]}'


@pytest.mark.parametrize(
    ("tree", "code"),
    [
        ([], "type"),
        (None, "null"),
        ({}, "syntax"),
        ({"op": []}, "syntax"),
        ({"op": "and", "args": {}}, "syntax"),
        ({"op": "and", "args": []}, "arguments"),
        ({"op": "=", "args": [{"property": ["name"]}, "x"]}, "unknown_property"),
        ({"op": "=", "args": [{"property": "name"}, None]}, "null"),
        ({"op": "=", "args": [{"property": "name"}, "\0"]}, "bad_text"),
        ({"op": "=", "args": [{"property": "attributes.\0"}, "x"]}, "bad_text"),
        ({"op": "in", "args": [{"property": "name"}, []]}, "arguments"),
        ({"op": "=", "args": [{"property": "owner"}, "no id"]}, "type"),
        ({"op": "=", "args": [{"property": "weight"}, 10**400]}, "syntax"),
        (_at({"type": "Point", "coordinates": [1]}), "invalid_geometry"),
        (_at({"type": "Point", "coordinates": [1e9, 1]}), "invalid_geometry"),
        (_at({"type": "Polygon", "coordinates": [BOW_TIE]}), "invalid_geometry"),
        (_at({"type": "Point", "coordinates": {}}), "invalid_geometry"),
        (_at({"bbox": ["a", 1, 2, 3]}), "invalid_geometry"),
        ({"op": "t_after", "args": [{"property": "seen_at"}, {"timestamp": "yesterday"}]}, "timestamp"),
        ({"op": "t_after", "args": [{"property": "seen_at"}, {"interval": [1]}]}, "arguments"),
        ({"op": "filters_casei", "args": ["x"]}, "unknown_function"),
        (_deep(65), "too_deep"),
        (_deep(240), "syntax"),
        # As text, since nothing writes JSON this deep. Frames are counted with those of a request around them.
        (NESTED % ("=", '{"property": ' + _nested(900) + "}"), "too_deep"),
        (NESTED % ("s_intersects", '{"type": "Point", "coordinates": ' + _nested(900) + "}"), "too_deep"),
        (NESTED % ("s_intersects", '{"type": ' + _nested(140) + "}"), "too_deep"),
        ({"op": "a_contains", "args": [{"property": "tags"}, ["x" * 9_000]]}, "too_long"),
        (_at({"type": "MultiPoint", "coordinates": [[1, 1]] * 10_001}), "too_long"),
    ],
)  # fmt: skip
def test_a_tree_that_cannot_be_is_refused(tree, code):
    with pytest.raises(FilterError) as caught:
        parse(tree, queryables=THINGS, lang="cql2-json")

    assert caught.value.errors[0].code == code


def test_a_tree_as_deep_as_may_be_is_answered(db):
    make_table()
    store([thing(1, flag=True)])
    found = parse(_deep(60), queryables=THINGS)

    assert Thing.objects.filter(compile_sql(found)).count() == 1
    assert compile_predicate(found)(feature(thing(1, flag=True))) is True


@pytest.mark.parametrize("outside", ["CASEI", "ACCENTI"])
def test_functions_within_functions_are_read_and_written_at_once(outside):
    source = "name"
    for _ in range(30):
        source = f"{outside}(CASEI({source}))"
    began = time.thread_time()

    assert parse(f"{source} = 'x'", queryables=THINGS).text == f"{source} = 'x'"

    assert time.thread_time() - began < 5


def test_texts_are_in_the_order_of_their_characters_whatever_the_database_speaks():
    for source in ("name > 'a'", "name BETWEEN 'a' AND 'b'"):
        assert 'COLLATE "C"' in str(Thing.objects.filter(compile_sql(parse(source, queryables=THINGS))).query)


def test_naughty_texts_are_values_and_nothing_else(db):
    make_table()
    texts = [text for text in naughty_strings() if "\0" not in text and len(text) < 4_000]
    store([thing(number, name=text) for number, text in enumerate(texts, start=1)])
    for number, text in list(enumerate(texts, start=1))[::12]:
        found = parse({"op": "=", "args": [{"property": "name"}, text]}, queryables=THINGS)
        again = parse(found.text, queryables=THINGS)
        same = {other for other, each in enumerate(texts, start=1) if each == text}
        assert {key.int for key in Thing.objects.filter(compile_sql(again)).values_list("id", flat=True)} == same
        assert number in same


@pytest.mark.parametrize(
    "pattern",
    ["%a" * 500, "%" * 1_000, "%_" * 499 + "b", "a%" * 499 + "b", "%" + "a" * 997 + "b%", "%" + "a_" * 498 + "b%"],
    ids=["runs", "any", "one", "tail", "text", "gaps"],
)
def test_no_pattern_takes_long(pattern):
    found = parse(f"name LIKE '{pattern}'", queryables=THINGS)
    decide, long = compile_predicate(found), feature(thing(1, name="a" * 20_000))
    began = time.thread_time()

    decide(long)

    assert time.thread_time() - began < 5


def test_a_pattern_that_is_longer_than_what_one_looks_for_is_refused():
    with pytest.raises(FilterError, match="1000 characters"):
        parse(f"name LIKE CASEI('{'a' * 1_001}')", queryables=THINGS)


@settings(derandomize=True, deadline=None)
@given(st.text("ab%_\\.\n", max_size=8), st.text("ab%_\\.\n", max_size=8))
def test_a_pattern_fits_what_it_says(source, text):
    pattern = read_pattern(source)
    places = {0}
    for part in pattern.parts:
        if part is ...:
            places = set(range(min(places), len(text) + 1)) if places else places
        else:
            places = {place + 1 for place in places if part in (None, text[place : place + 1]) and place < len(text)}

    assert pattern.matcher()(text) == (len(text) in places)


def test_a_variable_is_a_value_and_only_where_there_is_one(db):
    make_table()
    store([thing(1, name="x' OR '1'='1"), thing(2, name="y")])
    found = parse("name = ${user.name}", queryables=THINGS, variables=POLICY)
    attack = {"user.name": "x' OR '1'='1"}

    assert Thing.objects.filter(compile_sql(found, values=attack)).count() == 1
    assert compile_predicate(found, values=attack)(feature(thing(2, name="y"))) is False
    assert compile_predicate(found)(feature(thing(2, name="y"))) is None
    assert Thing.objects.filter(compile_sql(found)).count() == 0
    # Within quotes it is text, as it stands.
    quoted = parse("name = '${user.name}'", queryables=THINGS, variables=POLICY)
    assert compile_predicate(quoted, values=attack)(feature(thing(2, name="${user.name}"))) is True
    with pytest.raises(FilterError, match="There is no"):
        parse("name = ${user.name}", queryables=THINGS)


@pytest.mark.parametrize(
    ("source", "values"),
    [
        ("weight > ${user.clearance}", {"user.clearance": "3"}),
        ("weight > ${user.clearance}", {"user.clearance": True}),
        ("S_WITHIN(place, ${user.area})", {"user.area": "POINT(1 1)"}),
        ("seen_at > ${now}", {"now": "2026-07-01T00:00:00Z"}),
    ],
)
def test_a_value_of_another_type_is_refused(source, values):
    found = parse(source, queryables=THINGS, variables=POLICY)

    for compiled in (compile_predicate, compile_sql):
        with pytest.raises(FilterError):
            compiled(found, values=values)
