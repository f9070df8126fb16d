"""Pure decisions about assets: how an identifier is written, what attributes a kind allows, what may be named what."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import islice
from typing import Any

import orjson
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from apps.assets.types import IdentifierPair
from apps.core.text import escape_pointer, json_errors, text_error
from apps.core.types import FieldError

SLUG = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
MOST_IDENTIFIERS = 50
MOST_ERRORS = 20
LARGEST_JSON = 64 * 1024
LONGEST_SILENCE = timedelta(days=365)

# Nothing is ever fetched to judge a schema: a reference leads inside the same document, or nowhere.
NO_OTHER_DOCUMENTS: Registry[Any] = Registry()


def normalise_identifier(pair: IdentifierPair) -> IdentifierPair:
    """Return the pair as it is stored and searched for.

    Schemes are lower case. An MMSI is nine digits, also where a spreadsheet has eaten its zeros (ITU-R M.585);
    an ICAO 24-bit address is lower-case hexadecimal (Annex 10, volume III). Other values lose outer space only.
    """
    scheme, value = pair.scheme.strip().lower(), pair.value.strip()
    if scheme == "mmsi" and value.isascii() and value.isdecimal():
        value = value.zfill(9)
    elif scheme == "icao24":
        value = value.lower()
    return IdentifierPair(scheme=scheme, value=value)


def identifier_errors(pairs: Sequence[IdentifierPair], pointer: str = "/identifiers") -> Iterator[FieldError]:
    """Yield what is wrong with the identifiers of one asset, given as they are stored."""
    if len(pairs) > MOST_IDENTIFIERS:
        yield FieldError(
            pointer=pointer, code="too_many", detail=f"An asset has at most {MOST_IDENTIFIERS} identifiers."
        )
        return
    seen: set[IdentifierPair] = set()
    for index, pair in enumerate(pairs):
        yield from slug_errors(pair.scheme, f"{pointer}/{index}/scheme", max_length=32)
        yield from text_error(pair.value, f"{pointer}/{index}/value", max_length=200)
        if pair in seen:
            yield FieldError(pointer=f"{pointer}/{index}", code="repeated", detail="It stands here twice.")
        seen.add(pair)


def slug_errors(value: str, pointer: str, *, max_length: int = 64) -> Iterator[FieldError]:
    """Yield the error of a word that addresses and filters are made of."""
    if len(value) > max_length or not SLUG.fullmatch(value):
        detail = f"Use lower-case letters, digits and single dashes or underscores, {max_length} at most."
        yield FieldError(pointer=pointer, code="bad_slug", detail=detail)


def silence_errors(late_after: timedelta, lost_after: timedelta) -> Iterator[FieldError]:
    """Yield what is wrong with the silences after which an asset is late and lost."""
    if not timedelta(0) < late_after <= LONGEST_SILENCE:
        yield FieldError(pointer="/late_after_s", code="out_of_range", detail="It must be from 1 s to a year.")
    if not late_after < lost_after <= LONGEST_SILENCE:
        detail = "It must be longer than late_after_s, and a year at most."
        yield FieldError(pointer="/lost_after_s", code="out_of_range", detail=detail)


def schema_errors(schema: object, pointer: str = "/attributes_schema") -> Iterator[FieldError]:
    """Yield why a JSON Schema cannot be used: not one, too large, or leading out of itself.

    An empty schema allows everything. References may lead inside the document only, and not in a circle
    that consumes nothing, which is found by asking the schema once.
    """
    if not isinstance(schema, Mapping):
        yield FieldError(pointer=pointer, code="not_a_schema", detail="A schema is a JSON object.")
        return
    if errors := list(_storable_errors(schema, pointer)):
        yield from errors
        return
    try:
        Draft202012Validator.check_schema(schema)
        if errors := list(_reference_errors(schema, _lookup(schema), pointer)):
            yield from errors
            return
        list(_validator(schema).iter_errors({}))
    except SchemaError as error:
        yield FieldError(pointer=pointer + _path(error), code="not_a_schema", detail=error.message[:500])
    except (Unresolvable, RecursionError, re.error):
        yield FieldError(pointer=pointer, code="not_a_schema", detail="It cannot be evaluated: look at its $ref.")


def attribute_errors(
    attributes: object, schema: Mapping[str, object], pointer: str = "/attributes"
) -> Iterator[FieldError]:
    """Yield where attributes do not meet their kind's schema, at most ``MOST_ERRORS``, in a stable order."""
    if not isinstance(attributes, Mapping):
        yield FieldError(pointer=pointer, code="not_an_object", detail="Attributes are a JSON object.")
        return
    if errors := list(_storable_errors(attributes, pointer)):
        yield from errors
        return
    try:
        found = list(islice(_validator(schema).iter_errors(attributes), MOST_ERRORS))
    except (Unresolvable, RecursionError):
        yield FieldError(pointer=pointer, code="bad_schema", detail="The kind's schema cannot be evaluated.")
        return
    for error in sorted(found, key=lambda error: [str(step) for step in error.absolute_path]):
        # What the schema asks for, never what stands there: whoever reads this may not be allowed to see it.
        asked = json.dumps(error.validator_value, ensure_ascii=False)
        detail = f"The kind asks for {error.validator}: {asked}"[:500]
        yield FieldError(pointer=pointer + _path(error), code=f"schema_{error.validator}", detail=detail)


def _storable_errors(value: Mapping[str, object], pointer: str) -> Iterator[FieldError]:
    if errors := list(islice(json_errors(value, pointer), MOST_ERRORS)):
        yield from errors
        return
    size = len(orjson.dumps(value))
    if size > LARGEST_JSON:
        yield FieldError(
            pointer=pointer, code="too_large", detail=f"It takes {size} bytes; {LARGEST_JSON} are allowed."
        )


def _reference_errors(node: object, leads_somewhere: Callable[[str], bool], pointer: str) -> Iterator[FieldError]:
    """Yield references that lead out of the document, which others would fetch, or that lead nowhere."""
    if isinstance(node, Mapping):
        for word in ("$ref", "$dynamicRef"):
            target = node.get(word)
            if isinstance(target, str) and not leads_somewhere(target):
                detail = f"{word} must lead to a place in this schema, and {target[:200]!r} does not."
                yield FieldError(pointer=f"{pointer}/{word}", code="bad_reference", detail=detail)
        for key, inner in node.items():
            yield from _reference_errors(inner, leads_somewhere, f"{pointer}/{escape_pointer(str(key))}")
    elif isinstance(node, list):
        for index, inner in enumerate(node):
            yield from _reference_errors(inner, leads_somewhere, f"{pointer}/{index}")


def _lookup(schema: Mapping[str, object]) -> Callable[[str], bool]:
    """Return a function that says whether a reference leads to a place in the schema."""
    resolver = NO_OTHER_DOCUMENTS.with_resource("", DRAFT202012.create_resource(schema)).resolver()

    def leads_somewhere(target: str) -> bool:
        try:
            return target.startswith("#") and bool(resolver.lookup(target))
        except Unresolvable:
            return False

    return leads_somewhere


def _validator(schema: Mapping[str, object]) -> Draft202012Validator:
    return Draft202012Validator(schema, registry=NO_OTHER_DOCUMENTS, format_checker=Draft202012Validator.FORMAT_CHECKER)


def _path(error: ValidationError | SchemaError) -> str:
    return "".join(f"/{escape_pointer(str(step))}" for step in error.absolute_path)
