"""The description of the feed is whole, and speaks of the frames that the code knows."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from django.test import Client
from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for

from apps.events.registry import event_types
from apps.live.management.commands.describe_events import DOCS, descriptions
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


def test_the_standard_takes_it_for_a_document() -> None:
    modules = os.environ.get("WATCHFLOOR_IDENTITY_MODULES")
    if not modules:
        pytest.skip("AsyncAPI's own schema comes by npm")
    schema = json.loads((Path(modules) / "@asyncapi/specs/schemas/3.0.0.json").read_text(encoding="utf-8"))
    validator = validator_for(schema)(schema)
    assert [(list(error.absolute_path), error.message[:200]) for error in validator.iter_errors(document())] == []


def test_what_stands_in_docs_is_what_is_registered() -> None:
    """When it fails: `./dev manage describe_events`."""
    wanted = descriptions()
    docs = {name: (DOCS / name) for name in wanted}
    assert [
        name for name, path in docs.items() if not path.exists() or path.read_text(encoding="utf-8") != wanted[name]
    ] == []
    assert {f"events/{path.name}" for path in (DOCS / "events").iterdir()} == {name for name in wanted if "/" in name}


def test_it_names_every_type_of_event_for_streams_and_webhooks() -> None:
    types = {each.type.replace(".", "_") for each in event_types.all()}
    for operation in ("streamEvents", "deliverWebhooks"):
        told = {each["$ref"].rpartition("/")[2] for each in document()["operations"][operation]["messages"]}
        assert told - {"removedEvent", "relayedEvent", "webhookTested"} == types


def test_it_is_served_to_everybody() -> None:
    answer = Client().get("/api/v1/asyncapi.json")
    assert (answer.status_code, answer.json()) == (200, document())
