"""The AsyncAPI 3.0 document of the feed, the stream and webhooks: what is written by hand, and every type of event."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from apps.events.registry import EventType, event_types
from apps.events.rules import SOURCE

WRITTEN: Final = Path(__file__).parent / "asyncapi.yaml"
CHANNELS: Final = {"stream": "streamEvents", "webhook": "deliverWebhooks"}
# What is told beside the registered types.
OTHERS: Final = {
    "removedEvent": "Something is out of its reader's sight from now on.",
    "relayedEvent": "An event of another system.",
}
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
CLOUD_EVENTS: Final = "application/cloudevents+json"


@cache
def asyncapi_document() -> dict[str, Any]:
    """Return the whole document; the same for everybody."""
    document: dict[str, Any] = yaml.safe_load(WRITTEN.read_text(encoding="utf-8"))
    for event_type in event_types.all():
        name = _name(event_type)
        document["components"]["schemas"][name] = envelope_schema(event_type)
        _add(document, name, event_type.description)
    for name, summary in OTHERS.items():
        _add(document, name, summary)
    return document


def envelope_schema(event_type: EventType) -> dict[str, Any]:
    """Return the JSON Schema of a whole event of a type, as a part of the document."""
    named = {"type": {"const": event_type.type}, "source": {"const": SOURCE}, "data": told_schema(event_type)}
    return {"allOf": [{"$ref": "#/components/schemas/cloudEvent"}, {"properties": named}]}


def told_schema(event_type: EventType) -> dict[str, Any]:
    """Return the JSON Schema of the data as readers get them: without what a policy hides from them."""
    parts = dict(event_type.schema["properties"])  # type: ignore[call-overload]  # a JSON Schema is a mapping of objects
    parts["object"] = _with_holes(parts["object"])
    for name in ("previous", "lifecycle"):
        parts[name] = {"anyOf": [_with_holes(parts[name]), {"type": "null"}]}
    rest = {key: value for key, value in event_type.schema.items() if key != "$schema"}
    return {**rest, "properties": parts}


def _with_holes(thing: Mapping[str, Any]) -> dict[str, Any]:
    properties = thing.get("properties", {}).get("properties")
    if properties is None:
        return dict(thing)
    kept = {key: value for key, value in properties.items() if key != "required"}
    return {**thing, "properties": {**thing["properties"], "properties": kept}}


def _add(document: dict[str, Any], name: str, summary: str) -> None:
    payload = {"$ref": f"#/components/schemas/{name}"}
    document["components"]["messages"][name] = {"summary": summary, "contentType": CLOUD_EVENTS, "payload": payload}
    for channel, operation in CHANNELS.items():
        document["channels"][channel]["messages"][name] = {"$ref": f"#/components/messages/{name}"}
        place = {"$ref": f"#/channels/{channel}/messages/{name}"}
        document["operations"][operation]["messages"].append(place)


def _name(event_type: EventType) -> str:
    return event_type.type.replace(".", "_")
