"""Published definitions, as frozen values: those that are shipped as files, and those in the database.

What is published never changes, so a process keeps every definition that it has read once. Shipped ones are known
without the database; it has them too, so that people find all in one place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from apps.filters.queries import compile_predicate, parse
from apps.filters.registry import queryables_of
from apps.filters.types import Predicate
from apps.lifecycle.models import DefinitionVersion, Stateful
from apps.lifecycle.rules.checking import mistakes
from apps.lifecycle.rules.moving import stamp_fields, timer_fields
from apps.lifecycle.rules.reading import read_definition
from apps.lifecycle.types import Definition, DefinitionError, Status

if TYPE_CHECKING:
    from apps.lifecycle.registry.nouns import Guard

_shipped: Final[dict[tuple[str, int], tuple[Definition, str]]] = {}
_read: Final[dict[tuple[str, int], Definition]] = {}


def parse_definition(text: str, *, source: str) -> Definition:
    """Return the definition that a text describes; raises ``DefinitionError`` with every mistake.

    Filters are not looked into: what they ask about is known only when every app is ready.
    """
    reading = read_definition(text)
    found = [*reading.mistakes]
    if reading.definition is not None:
        found = mistakes(reading.definition, reading.marks, {})
    if reading.definition is None or found:
        raise DefinitionError(f"{source}:{found[0]}", mistakes=found)
    return reading.definition


def read_shipped(noun: str, folder: Path) -> list[tuple[Definition, str]]:
    """Return every version in a folder, with its text; ``<key>.v<n>.yaml`` must say what is in it."""
    found: list[tuple[Definition, str]] = []
    for path in sorted(folder.glob("*.v*.yaml")):
        text = path.read_text(encoding="utf-8")
        definition = parse_definition(text, source=path.name)
        if definition.noun != noun or path.name != f"{definition.key}.v{definition.version}.yaml":
            said = f"{definition.key} version {definition.version} of {definition.noun}"
            raise DefinitionError(f"{path.name}: it says that it is {said}.")
        found.append((definition, text))
    if not found:
        raise DefinitionError(f"There is no definition of «{noun}» in {folder.name}.")
    return found


def check_against_code(
    shipped_definition: tuple[Definition, str], model: type[Stateful], guards: Mapping[str, Guard]
) -> None:
    """Raise ``DefinitionError`` for a shipped definition that names columns or guards which do not exist."""
    definition, _ = shipped_definition
    place = f"{definition.key}.v{definition.version}"
    columns = {each.name for each in model._meta.get_fields()}
    if missing := (stamp_fields(definition) | timer_fields(definition)) - columns:
        raise DefinitionError(f"{place}: {model.__name__} has no {', '.join(sorted(missing))}.")
    named = {move.guard for move in definition.moves.values() if move.guard}
    if unknown := named - set(guards):
        raise DefinitionError(f"{place}: no guard is called {', '.join(sorted(unknown))}.")


def ship(noun: str, found: Iterable[tuple[Definition, str]]) -> None:
    """Make these the shipped definitions of a noun."""
    for key in [key for key, (definition, _) in _shipped.items() if definition.noun == noun]:
        del _shipped[key]
    _shipped.update({(definition.key, definition.version): (definition, text) for definition, text in found})


def shipped() -> list[tuple[Definition, str]]:
    """Return every shipped definition with its text."""
    return [_shipped[key] for key in sorted(_shipped)]


def find_definition(key: str, version: int) -> Definition | None:
    """Return a version that is or was published; ``None`` for no such one."""
    if (key, version) in _shipped:
        return _shipped[key, version][0]
    if (key, version) not in _read:
        row = DefinitionVersion.objects.exclude(status=Status.DRAFT).filter(key=key, number=version).first()
        definition = read_definition(row.document, version=version).definition if row else None
        if definition is None:
            return None
        _read[key, version] = definition
    return _read[key, version]


def definition_of(instance: Stateful) -> Definition:
    """Return the definition that a row is pinned to; raises ``LookupError`` for a row that follows none."""
    definition = find_definition(instance.lifecycle_key, instance.lifecycle_version or 0)
    if definition is None:
        raise LookupError(f"There is no lifecycle «{instance.lifecycle_key}» version {instance.lifecycle_version}.")
    return definition


def current(key: str) -> Definition:
    """Return the version of a key that new objects follow: the highest published one. Raises ``LookupError``."""
    rows = DefinitionVersion.objects.filter(key=key).exclude(status=Status.DRAFT)
    status_of: dict[int, str] = dict(rows.values_list("number", "status"))
    known = {version: Status.PUBLISHED for each, version in _shipped if each == key} | status_of
    versions = [version for version, status in known.items() if status == Status.PUBLISHED]
    definition = find_definition(key, max(versions)) if versions else None
    if definition is None:
        raise LookupError(f"No version of «{key}» is published.")
    return definition


def keys_of(noun: str) -> list[str]:
    """Return the keys that have a published version, which objects of the noun may begin to follow."""
    rows = DefinitionVersion.objects.filter(noun=noun, status=Status.PUBLISHED)
    return sorted({*rows.values_list("key", flat=True), *(each.key for each, _ in shipped() if each.noun == noun)})


def followed() -> list[Definition]:
    """Return every version that some object may follow: published and retired ones."""
    rows = DefinitionVersion.objects.exclude(status=Status.DRAFT).values_list("key", "number")
    found = (find_definition(key, number) for key, number in {*_shipped, *rows})
    return sorted((each for each in found if each), key=lambda each: (each.key, each.version))


def forget_definitions() -> None:
    """Forget what was read from the database: after it was replaced by another."""
    _read.clear()
    predicate.cache_clear()


@lru_cache(maxsize=4096)
def predicate(noun: str, text: str) -> Predicate:
    """Return a filter over a noun's objects, compiled; raises ``FilterError``."""
    return compile_predicate(parse(text, queryables=queryables_of(noun)))
