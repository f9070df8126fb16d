"""``manage.py describe_events``: writes docs/events/ and docs/asyncapi.yaml from what is registered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from django.conf import settings
from django.core.management.base import BaseCommand

from apps.events.registry import EventType, event_types
from apps.live.description import DIALECT, asyncapi_document, told_schema

DOCS: Final = Path(settings.BASE_DIR) / "docs"
HEAD: Final = (
    "# Written by `manage.py describe_events` from apps/live/description/asyncapi.yaml and the registered events.\n"
)
INDEX: Final = """# Events

The data of every type of event, as JSON Schema (2020-12). The number at the end of a type is its version: what changes
so that a reader must change gets a new one. Members may be added; readers ignore those that they do not know. Where a
policy hides fields from a reader, these are absent.

| type | what happened |
|---|---|
"""


class Command(BaseCommand):
    """The descriptions of events, for people and machines."""

    help = (
        "Write a JSON Schema for every type of event to docs/events/, and the AsyncAPI document to docs/asyncapi.yaml."
    )

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002  Django's signature
        """Write what has changed, and delete what is no more."""
        wanted = descriptions()
        for stale in {str(each.relative_to(DOCS)) for each in (DOCS / "events").glob("*")} - set(wanted):
            (DOCS / stale).unlink()
        for name, text in wanted.items():
            path = DOCS / name
            path.parent.mkdir(exist_ok=True)
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                path.write_text(text, encoding="utf-8")
        self.stdout.write(f"{len(wanted)} files are current.")


def descriptions() -> Mapping[str, str]:
    """Return every file, by its path below docs/, with what belongs into it."""
    files = {f"events/{each.type}.json": _schema_of(each) for each in event_types.all()}
    return {**files, "events/README.md": _index(), "asyncapi.yaml": HEAD + _yaml(asyncapi_document())}


def _schema_of(event_type: EventType) -> str:
    schema = {
        "$schema": DIALECT,
        "$id": f"urn:watchfloor:schema:{event_type.type}",
        "title": event_type.type,
        "description": f"{event_type.description} This is the schema of the event's data.",
        **told_schema(event_type),
        "examples": [event_type.example],
    }
    return json.dumps(schema, indent=2, ensure_ascii=False, default=dict) + "\n"


def _index() -> str:
    lines = [f"| [`{each.type}`]({each.type}.json) | {each.description} |" for each in event_types.all()]
    return INDEX + "\n".join(lines) + "\n"


def _yaml(document: Mapping[str, Any]) -> str:
    plain = json.loads(json.dumps(document, default=dict))
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=120)
