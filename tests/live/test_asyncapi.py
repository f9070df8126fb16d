"""The description of the feed is whole, and speaks of the frames that the code knows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

import msgspec
from jsonschema import Draft202012Validator

from apps.live.rules import frames
from apps.live.types import ChangeKind, GapReason, Reason
from tests.live.asyncapi import document


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for child in node.values():
            yield from references(child)
    elif isinstance(node, list):
        for child in node:
            yield from references(child)


def resolve(reference: str) -> Any:
    node: Any = document()
    for step in reference.removeprefix("#/").split("/"):
        node = node[step]
    return node


def test_every_reference_leads_somewhere() -> None:
    assert document()["asyncapi"] == "3.0.0"
    for reference in references(document()):
        assert resolve(reference) is not None


def test_every_schema_is_one() -> None:
    for schema in document()["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_it_names_the_client_frames_that_are_understood() -> None:
    told = document()["operations"]["receiveFromClient"]["messages"]
    schemas = [resolve(resolve(resolve(each["$ref"])["$ref"])["payload"]["$ref"]) for each in told]
    described = {schema["properties"]["type"]["const"]: set(schema["properties"]) - {"type"} for schema in schemas}
    understood = {
        str(kind.__struct_config__.tag): {field.name for field in msgspec.structs.fields(kind)}
        for kind in get_args(frames.ClientFrame)
    }
    assert set(described) == set(understood)
    for kind, members in described.items():
        assert members <= understood[kind]


def test_it_names_every_change_and_reason() -> None:
    schemas = document()["components"]["schemas"]
    event, gap = schemas["event"]["properties"], schemas["gap"]["properties"]
    assert set(event["change"]["enum"]) == {each.value for each in ChangeKind}
    assert set(event["reason"]["enum"]) == {each.value for each in Reason}
    assert set(gap["reason"]["enum"]) == {each.value for each in GapReason}
