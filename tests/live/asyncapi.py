"""docs/asyncapi.yaml as a judge: every frame and every event that a test receives is held against it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

PLACE = Path(__file__).resolve().parents[2] / "docs" / "asyncapi.yaml"


@cache
def document() -> dict[str, Any]:
    """Return the description."""
    loaded: dict[str, Any] = yaml.load(PLACE.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    return loaded


@cache
def server_frames() -> Mapping[str, Draft202012Validator]:
    """Return a validator for each type of frame that the server sends."""
    names = [each["$ref"].rpartition("/")[2] for each in document()["operations"]["sendToClient"]["messages"]]
    shared = {"components": document()["components"]}
    return {name: Draft202012Validator({"$ref": f"#/components/schemas/{name}", **shared}) for name in names}


def judge(frame: Mapping[str, Any]) -> None:
    """Raise unless the frame is as described."""
    server_frames()[frame["type"]].validate(frame)


@cache
def events() -> Mapping[str, Draft202012Validator]:
    """Return a validator for each message that a webhook or a stream may carry, by its name."""
    told = [
        *document()["operations"]["deliverWebhooks"]["messages"],
        *document()["operations"]["streamEvents"]["messages"],
    ]
    shared = {"components": document()["components"]}
    names = {each["$ref"].rpartition("/")[2] for each in told}
    return {name: Draft202012Validator({"$ref": f"#/components/schemas/{name}", **shared}) for name in names}


def judge_event(event: Mapping[str, Any]) -> None:
    """Raise unless an event is as described; one without data is of an object that is out of sight."""
    if not str(event["type"]).startswith("watchfloor."):
        name = "relayedEvent"
    elif event["type"] == "watchfloor.webhook.tested.v1":
        name = "webhookTested"
    else:
        name = "removedEvent" if event["data"]["change"] == "removed" else str(event["type"]).replace(".", "_")
    events()[name].validate(event)
