"""Writing definitions: drafts, publishing, retiring, and the copies of those that are shipped as files.

A published version never changes; a new one is a draft made from it. Objects go on following the version that they
began with, whatever becomes of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from django.db import transaction

from apps.access.queries import authorize, authorize_in
from apps.access.types import SYSTEM, Actor
from apps.core.constraints import broken_constraints
from apps.core.types import Conflict, FieldError, Invalid, NotFound
from apps.lifecycle.models import DefinitionVersion
from apps.lifecycle.queries.validation import Validated, validate
from apps.lifecycle.registry import shipped
from apps.lifecycle.rules.reading import LONGEST, read_definition
from apps.lifecycle.types import DefinitionError, Status

NOUN: Final = "lifecycles"

log = structlog.get_logger(__name__)


@transaction.atomic
def create_draft(document: str, *, actor: Actor, at: datetime) -> DefinitionVersion:
    """Return a new draft, which need not be right yet; it must say what it is: its key and its noun.

    Raises ``Conflict`` where the key has a draft already, or belongs to another noun.
    """
    authorize_in(actor, f"{NOUN}.add", None)
    document = _stored(document)
    key, noun, title = _called(document)
    row = DefinitionVersion(key=key, number=_next_number(key), noun=noun, title=title, document=document)
    row.changed_at = at
    _require_same_noun(row)
    with broken_constraints({"definition_one_draft": _has_draft, "definition_once": _has_draft}):
        row.save(force_insert=True)
    return row


@transaction.atomic
def draft_from(definition_id: UUID, *, actor: Actor, at: datetime) -> DefinitionVersion:
    """Return a new draft that says what another version says."""
    row = _lock(definition_id)
    authorize(actor, f"{NOUN}.view", row)
    return create_draft(_without_version(row.document), actor=actor, at=at)


@transaction.atomic
def change_draft(
    definition_id: UUID, document: str, *, actor: Actor, at: datetime, expected_version: int | None = None
) -> DefinitionVersion:
    """Return the draft with another text. What is published is never changed: ``Conflict``."""
    row = _lock(definition_id)
    authorize(actor, f"{NOUN}.change", row)
    row.require_version(expected_version)
    _require_draft(row)
    document = _stored(document)
    key, noun, title = _called(document)
    if key != row.key:
        raise Invalid("A draft keeps its key.", errors=[_error("key", f"This is a version of «{row.key}».")])
    if (document, noun, title) == (row.document, row.noun, row.title):
        return row
    row.document, row.noun, row.title = document, noun, title
    _require_same_noun(row)
    row.mark_changed(at)
    row.save()
    return row


@transaction.atomic
def delete_draft(definition_id: UUID, *, actor: Actor, at: datetime) -> None:
    """Delete a draft. What is published stays for ever: ``Conflict``."""
    row = _lock(definition_id)
    authorize(actor, f"{NOUN}.delete", row)
    _require_draft(row)
    DefinitionVersion.objects.filter(pk=row.pk).delete()


@transaction.atomic
def publish_definition(
    definition_id: UUID, *, actor: Actor, at: datetime, expected_version: int | None = None
) -> DefinitionVersion:
    """Publish a draft: new objects follow it from now on. Raises ``DefinitionError`` with everything that is wrong."""
    row = _lock(definition_id)
    authorize(actor, f"{NOUN}.publish", row)
    row.require_version(expected_version)
    _require_draft(row)
    found = checked(row)
    if found.mistakes or found.definition is None:
        raise DefinitionError(_summary(len(found.mistakes)), mistakes=found.mistakes)
    row.status, row.published_at, row.published_by = Status.PUBLISHED, at, actor.label[:200]
    row.mark_changed(at)
    row.save()
    return row


@transaction.atomic
def retire_definition(
    definition_id: UUID, *, actor: Actor, at: datetime, expected_version: int | None = None
) -> DefinitionVersion:
    """Let no new object follow a version; those that follow it go on. ``Conflict`` for the last one of its key."""
    row = _lock(definition_id)
    authorize(actor, f"{NOUN}.publish", row)
    row.require_version(expected_version)
    others = DefinitionVersion.objects.filter(key=row.key, status=Status.PUBLISHED).exclude(pk=row.pk)
    if row.status != Status.PUBLISHED:
        raise Conflict("Only a published version can be retired.", code="not_published")
    if not others.exists():
        raise Conflict("It is the only published version of its key.", code="last_version")
    row.status = Status.RETIRED
    row.mark_changed(at)
    row.save()
    return row


@transaction.atomic
def load_shipped(at: datetime) -> int:
    """Write down the shipped definitions that the database does not have; return how many. Safe to run twice."""
    known = {(row.key, row.number): row.document for row in DefinitionVersion.objects.filter(is_shipped=True)}
    rows = []
    for definition, text in shipped():
        if (definition.key, definition.version) not in known:
            rows.append(
                DefinitionVersion(
                    key=definition.key,
                    number=definition.version,
                    noun=definition.noun,
                    title=definition.title,
                    status=Status.PUBLISHED,
                    document=text,
                    is_shipped=True,
                    published_at=at,
                    published_by=SYSTEM.label,
                )
            )
        elif read_definition(known[definition.key, definition.version]).definition != definition:
            log.error("lifecycle.shipped_changed", key=definition.key, version=definition.version)
    DefinitionVersion.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def checked(row: DefinitionVersion) -> Validated:
    """Return what is wrong with a version, were it published now."""
    return validate(row.document, number=row.number, key=row.key)


def _lock(definition_id: UUID) -> DefinitionVersion:
    row = DefinitionVersion.objects.select_for_update().filter(pk=definition_id).first()
    if row is None:
        raise NotFound("There is no such lifecycle, or you may not see it.")
    return row


def _require_draft(row: DefinitionVersion) -> None:
    if row.status != Status.DRAFT:
        raise Conflict("It is published and never changes; make a new draft from it.", code="published")


def _require_same_noun(row: DefinitionVersion) -> None:
    others = DefinitionVersion.objects.filter(key=row.key).exclude(pk=row.pk).exclude(noun=row.noun)
    if others.exists():
        error = _error("noun", f"«{row.key}» is a lifecycle of {others[0].noun}.")
        raise Invalid("A key belongs to one noun.", errors=[error])


def _has_draft() -> Conflict:
    return Conflict("There is a draft of this lifecycle already; go on there.", code="has_draft")


def _next_number(key: str) -> int:
    taken = DefinitionVersion.objects.filter(key=key).order_by("-number").values_list("number", flat=True).first() or 0
    return max([taken, *(each.version for each, _ in shipped() if each.key == key)]) + 1


def _called(document: str) -> tuple[str, str, str]:
    """Return the key, the noun and the title that a text gives itself; ``Invalid`` where it cannot be read that far."""
    found = read_definition(document, version=1).document
    named = {name: found.get(name) for name in ("key", "noun", "title")} if isinstance(found, dict) else {}
    key, noun, title = named.get("key"), named.get("noun"), named.get("title")
    errors = [_error(name, "It must say what it is.") for name, each in (("noun", noun),) if not _is_name(each)]
    key = noun if key is None else key
    if not _is_name(key):
        errors.append(_error("key", "A key is a word of small letters, digits and hyphens."))
    if errors:
        raise Invalid("A lifecycle names its key and its noun.", errors=errors)
    return str(key), str(noun), title[:60] if isinstance(title, str) else ""


def _is_name(text: object) -> bool:
    return isinstance(text, str) and 0 < len(text) <= 40 and text.replace("-", "").isalnum() and text.isascii()


def _stored(document: str) -> str:
    if len(document) > LONGEST or "\0" in document:
        raise Invalid("This is no definition.", errors=list(_text_errors(document)))
    return document.replace("\r\n", "\n")


def _text_errors(document: str) -> Iterator[FieldError]:
    if "\0" in document:
        yield _error("", "It contains a character that cannot be stored.")
    if len(document) > LONGEST:
        yield _error("", f"It has {len(document)} characters; {LONGEST} are allowed.")


def _error(code: str, detail: str) -> FieldError:
    return FieldError(pointer="/document", code=code or "bad_text", detail=detail)


def _without_version(document: str) -> str:
    """Return a text without the line that says which version it is."""
    return "".join(line for line in document.splitlines(keepends=True) if not line.startswith("version:"))


def _summary(mistakes: int) -> str:
    return f"It has {mistakes} mistake{'s' if mistakes != 1 else ''}, so it cannot be published."
