"""The doors of filters: read an expression, and compile it to SQL or to Python, which agree.

Only TRUE lets a row or a feature through; FALSE and NULL keep it out.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import orjson
from django.db.models import Expression

from apps.core.clock import now
from apps.filters.queries.sql import condition
from apps.filters.rules import words
from apps.filters.rules.checking import check
from apps.filters.rules.evaluating import Clock, predicate
from apps.filters.rules.reading import read_text
from apps.filters.rules.walking import asks_clock, is_deeper, property_names
from apps.filters.rules.writing import to_json, to_text
from apps.filters.types import Filter, FilterError, Predicate, Queryables, Type, Values

__all__ = [
    "CQL2_JSON",
    "CQL2_TEXT",
    "compile_predicate",
    "compile_sql",
    "compile_sql_ternary",
    "parse",
    "require_askable",
]

CQL2_TEXT = "cql2-text"
CQL2_JSON = "cql2-json"
# An operation is an object and the list of its arguments; the positions of a geometry lie a little deeper.
MOST_LEVELS: Final = 2 * words.DEEPEST + 8


def parse(
    source: str | Mapping[str, Any] | bool,  # noqa: FBT001 - CQL2 JSON may be `true`
    *,
    queryables: Queryables,
    lang: str | None = None,
    variables: Mapping[str, str] | None = None,
) -> Filter:
    """Return a checked filter from CQL2 text, from CQL2 JSON as text, or from its decoded tree.

    ``lang`` is ``cql2-text`` or ``cql2-json``; without it, a text is CQL2 text and a tree is CQL2 JSON. ``variables``
    are the names that may stand for values, with the names of their types; a public filter has none. Raises
    ``FilterError`` with the place: ``#char=12`` in a text that cannot be read, a JSON Pointer into the CQL2 JSON for
    everything else.
    """
    types = tuple(sorted((name, Type(of)) for name, of in (variables or {}).items()))
    if isinstance(source, str) and lang in (None, CQL2_TEXT):
        return _parse_text(_bounded(source), queryables, types)
    if lang == CQL2_TEXT:
        raise FilterError("CQL2 text is a text.", code="language")
    return _checked(_tree(source), queryables, types)


def require_askable(found: Filter, queryables: Queryables) -> None:
    """Raise ``FilterError`` if a filter asks for what is not among the queryables, as where they hide more by now."""
    check(found.json, queryables, dict(found.variables))


def compile_sql(found: Filter, *, values: Values | None = None) -> Expression:
    """Return the filter as an expression for ``queryset.filter(...)``: TRUE includes, FALSE and NULL exclude.

    ``values`` binds the variables; one that is missing is NULL. ``values["now"]`` is what ``now()`` answers, else the
    database's clock is. Raises ``FilterError`` for a value that is not of its variable's type.
    """
    return condition(found.root, values or {})


def compile_sql_ternary(found: Filter, *, values: Values | None = None) -> Expression:
    """Return the filter as a boolean that may be NULL, to be judged by the caller: ``deny IS NOT FALSE``.

    It is the same expression as ``compile_sql`` gives; the name says that somebody looks at all three answers.
    """
    return condition(found.root, values or {})


def compile_predicate(found: Filter, *, values: Values | None = None, clock: Clock = now) -> Predicate:
    """Return the filter as a function of a feature: true, false, or ``None`` where it is not known.

    Bound once, it may be kept and called from any thread. ``now()`` asks the clock whenever it is called, unless
    ``values["now"]`` is there.
    """
    fixed = (values or {}).get("now")
    if fixed is not None and not isinstance(fixed, datetime):
        raise FilterError("now is not an instant.", code="variable")
    return predicate(found.root, values or {}, clock if fixed is None else lambda: fixed)


def _bounded(source: str) -> str:
    if len(source) > words.MOST_BYTES or len(source.encode(errors="replace")) > words.MOST_BYTES:
        raise FilterError(f"A filter has at most {words.MOST_BYTES} bytes.", code="too_long")
    if "\0" in source:
        raise FilterError("It contains a character that cannot be stored.", code="bad_text")
    return source


def _tree(source: object) -> Any:
    try:
        text = source if isinstance(source, str) else orjson.dumps(source).decode()
        tree = orjson.loads(_bounded(text))
    except (orjson.JSONDecodeError, TypeError, RecursionError) as error:
        raise FilterError(f"It is not CQL2 JSON: {str(error)[:200]}.", code="syntax") from error
    if is_deeper(tree, MOST_LEVELS):
        # Whoever goes down it, be it only to show it in an error, would run out of frames.
        raise FilterError(f"It is nested deeper than {words.DEEPEST} levels.", code="too_deep")
    return tree


@lru_cache(maxsize=1_024)
def _parse_text(source: str, queryables: Queryables, variables: tuple[tuple[str, Type], ...]) -> Filter:
    return _checked(read_text(source), queryables, variables)


def _checked(tree: Any, queryables: Queryables, variables: tuple[tuple[str, Type], ...]) -> Filter:
    root = check(tree, queryables, dict(variables))
    return Filter(
        noun=queryables.noun,
        text=to_text(root),
        json=to_json(root),
        root=root,
        properties=property_names(root),
        variables=frozenset(variables),
        uses_clock=asks_clock(root),
    )
