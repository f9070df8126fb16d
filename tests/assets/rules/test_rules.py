"""How identifiers are written, and what a schema and the attributes under it may be."""

from __future__ import annotations

from datetime import timedelta

import pytest

from apps.assets import rules
from apps.assets.types import IdentifierPair
from apps.core.types import FieldError

VESSEL = {
    "type": "object",
    "properties": {
        "flag": {"type": "string", "minLength": 2, "maxLength": 2},
        "crew": {"type": "array", "items": {"type": "object", "required": ["name"]}},
        "a/b": {"type": "integer"},
    },
    "required": ["flag"],
    "additionalProperties": False,
}


def found(errors: object) -> list[tuple[str, str]]:
    """Return the pointers and codes of errors."""
    return [(error.pointer, error.code) for error in errors]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        (("mmsi", "367000001"), ("mmsi", "367000001")),
        ((" MMSI ", " 3669999 "), ("mmsi", "003669999")),
        (("mmsi", "not a number"), ("mmsi", "not a number")),
        (("mmsi", "٣٦٧"), ("mmsi", "٣٦٧")),
        (("icao24", "4CA7F2"), ("icao24", "4ca7f2")),
        (("plate", " B-AB 123 "), ("plate", "B-AB 123")),
    ],
)
def test_an_identifier_is_written_in_one_way(given: tuple[str, str], stored: tuple[str, str]) -> None:
    written = rules.normalise_identifier(IdentifierPair(*given))
    assert written == stored
    assert rules.normalise_identifier(written) == written


def test_faults_of_identifiers_are_told_with_their_place() -> None:
    pairs = [
        IdentifierPair("mmsi", "367000001"),
        IdentifierPair("Bad Scheme", "1"),
        IdentifierPair("plate", ""),
        IdentifierPair("mmsi", "367000001"),
        IdentifierPair("plate", "a\0"),
    ]
    assert found(rules.identifier_errors(pairs)) == [
        ("/identifiers/1/scheme", "bad_slug"),
        ("/identifiers/2/value", "bad_text"),
        ("/identifiers/3", "repeated"),
        ("/identifiers/4/value", "bad_text"),
    ]


def test_an_asset_has_a_bounded_number_of_identifiers() -> None:
    pairs = [IdentifierPair("n", str(number)) for number in range(rules.MOST_IDENTIFIERS + 1)]
    assert found(rules.identifier_errors(pairs)) == [("/identifiers", "too_many")]


@pytest.mark.parametrize("late_s", [0, -1, 400 * 86_400])
def test_a_silence_is_bounded(late_s: int) -> None:
    late = timedelta(seconds=late_s)
    assert ("/late_after_s", "out_of_range") in found(rules.silence_errors(late, late + timedelta(seconds=1)))


def test_lost_comes_after_late() -> None:
    minute = timedelta(minutes=1)
    assert found(rules.silence_errors(minute, minute)) == [("/lost_after_s", "out_of_range")]
    assert found(rules.silence_errors(minute, 2 * minute)) == []


@pytest.mark.parametrize("schema", [{}, VESSEL, {"$defs": {"x": {}}, "properties": {"a": {"$ref": "#/$defs/x"}}}])
def test_good_schemas(schema: dict[str, object]) -> None:
    assert list(rules.schema_errors(schema)) == []


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ([], [("/attributes_schema", "not_a_schema")]),
        ("{}", [("/attributes_schema", "not_a_schema")]),
        ({"type": "objekt"}, [("/attributes_schema/type", "not_a_schema")]),
        ({"properties": {"a": {"pattern": "(["}}}, [("/attributes_schema/properties/a/pattern", "not_a_schema")]),
        ({"$ref": "https://example.org/schema"}, [("/attributes_schema/$ref", "bad_reference")]),
        ({"$ref": "file:///etc/passwd"}, [("/attributes_schema/$ref", "bad_reference")]),
        ({"properties": {"a": {"$ref": "#/nowhere"}}}, [("/attributes_schema/properties/a/$ref", "bad_reference")]),
        ({"$ref": "#"}, [("/attributes_schema", "not_a_schema")]),
        ({"title": "a\0b"}, [("/attributes_schema/title", "bad_text")]),
        ({"const": float("nan")}, [("/attributes_schema/const", "not_finite")]),
        ({"description": "x" * 70_000}, [("/attributes_schema", "too_large")]),
    ],
)
def test_what_is_no_schema_is_told_with_its_place(schema: object, expected: list[tuple[str, str]]) -> None:
    assert found(rules.schema_errors(schema)) == expected


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"flag": "NO"}, []),
        ([], [("/attributes", "not_an_object")]),
        ({}, [("/attributes", "schema_required")]),
        ({"flag": "N"}, [("/attributes/flag", "schema_minLength")]),
        ({"flag": "NO", "crew": [{"name": "x"}, {}]}, [("/attributes/crew/1", "schema_required")]),
        ({"flag": "NO", "a/b": "x"}, [("/attributes/a~1b", "schema_type")]),
        ({"flag": "NO", "more": 1}, [("/attributes", "schema_additionalProperties")]),
        ({"flag": "N\0"}, [("/attributes/flag", "bad_text")]),
        ({"flag": "\ud800"}, [("/attributes/flag", "bad_text")]),
        ({"flag": float("inf")}, [("/attributes/flag", "not_finite")]),
        ({"flag": 2**70}, [("/attributes/flag", "bad_number")]),
        ({"flag": 1e300}, [("/attributes/flag", "bad_number")]),
        ({"flag": 10**400}, [("/attributes/flag", "bad_number")]),
        ({"flag": -(2.0**64)}, [("/attributes/flag", "bad_number")]),
    ],
)
def test_attributes_are_judged_by_their_kind(attributes: object, expected: list[tuple[str, str]]) -> None:
    assert found(rules.attribute_errors(attributes, VESSEL)) == expected


def test_the_message_says_what_is_asked_for_and_not_what_stands_there() -> None:
    assert list(rules.attribute_errors({"flag": 7}, VESSEL)) == [
        FieldError(pointer="/attributes/flag", code="schema_type", detail='The kind asks for type: "string"')
    ]


def test_attributes_nested_too_deep_are_refused_before_anything_follows_them_down() -> None:
    deep: dict[str, object] = {}
    for _ in range(200):
        deep = {"a": deep}
    assert [code for _, code in found(rules.attribute_errors(deep, {}))] == ["too_deep"]


def test_errors_are_bounded() -> None:
    many = {"type": "object", "additionalProperties": {"type": "integer"}}
    attributes = {f"key{number}": "x" for number in range(500)}
    assert len(list(rules.attribute_errors(attributes, many))) == rules.MOST_ERRORS
