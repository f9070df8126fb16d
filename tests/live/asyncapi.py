"""docs/asyncapi.yaml as a judge: every frame that a test receives is held against it."""

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
    loaded: dict[str, Any] = yaml.safe_load(PLACE.read_text(encoding="utf-8"))
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
