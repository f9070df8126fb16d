"""Keyset paging: a page begins after a row, not after a number of rows, so it stays fast and misses nothing.

The cursor is opaque and signed: it carries the place, bound to the path and the order, and cannot be made by hand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any, ClassVar, cast
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from django.core import signing
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.db.models import Field, Model, Q
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core.api.parameters import bad_parameter
from apps.core.api.texts import page_of_texts
from apps.core.branches import count_up_to, first_of

DEFAULT_LIMIT = 100
MAX_LIMIT = 1_000
MOST_SORTED = 4
# How far a capped count goes: one further than what a page says as "1,000".
MOST_COUNTED = 1_001
SALT = "apps.core.api.paging"


class KeysetPaginator(BasePagination):
    """Pages through a queryset by its order; a view may narrow it with two attributes.

    ``ordering``: the default, such as ``("-opened_at",)``; the primary key is appended to make it total.
    ``sort_fields``: what ``?sort=name,-recorded_at`` may name. Fields must not be null and should be indexed.
    ``max_limit``: how many rows one page may have, where rows are small.
    """

    ordering: ClassVar[Sequence[str]] = ("pk",)
    sort_fields: ClassVar[Sequence[str]] = ()

    def paginate_queryset(self, queryset: Any, request: Request, view: APIView | None = None) -> list[Any]:
        """Return one page of rows, and remember what the answer needs; one query, one more for ``?count=``."""
        found, order, limit = self._first(queryset, request, view)
        rows = list(found)
        self.next = self._next_url(rows[limit - 1], order, queryset.model) if len(rows) > limit else None
        return rows[:limit]

    def paginate_texts(self, queryset: Any, request: Request, view: APIView | None = None) -> list[str]:
        """Return one page of what the database writes as the ``text`` of each row; otherwise as above."""
        found, order, limit = self._first(queryset, request, view)
        keys = [_field(queryset.model, name).attname for name in order]
        texts, last = page_of_texts(found, keys, limit)
        self.next = self._next_url(last, order, queryset.model) if len(texts) > limit else None
        return texts[:limit]

    def narrowed(self, queryset: Any, _request: Request, _view: APIView | None) -> Any:
        """Return the rows that are paged through: all of them here."""
        return queryset

    def _first(self, queryset: Any, request: Request, view: APIView | None) -> tuple[Any, tuple[str, ...], int]:
        """Return the rows of the page and one more, the order, and how many the page has at most."""
        queryset = self.narrowed(queryset, request, view)
        self.request = request
        order = self._order(request, view)
        limit = read_limit(request, maximum=getattr(view, "max_limit", MAX_LIMIT))
        self.count = _count(queryset, request)
        ordered = queryset.order_by(*order)
        cursor = request.query_params.get("cursor")
        if cursor is not None:
            ordered = ordered.filter(after(order, read_cursor(cursor, request.path, order, queryset.model)))
        return first_of(ordered, order, limit + 1), order, limit

    def get_paginated_response(self, data: Any) -> Response:
        """Return the page: ``items``, ``next`` (also as ``Link``) and, if it was asked for, ``count``."""
        body: dict[str, object] = {"items": data, "next": self.next}
        if self.count is not None:
            body["count"] = self.count
        headers = {"Link": f'<{self.next}>; rel="next"'} if self.next else {}
        return Response(body, headers=headers)

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Describe a page for OpenAPI."""
        return {
            "type": "object",
            "required": ["items", "next"],
            "properties": {
                "items": schema,
                "next": {"type": ["string", "null"], "format": "uri", "description": "Where the next page is."},
                "count": {"type": "integer", "description": "How many there are; only with `count`."},
            },
        }

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        """Describe the query parameters for OpenAPI."""
        most = getattr(view, "max_limit", MAX_LIMIT)
        limit = {"type": "integer", "minimum": 1, "maximum": most, "default": DEFAULT_LIMIT}
        parameters = [
            described("limit", limit, "At most so many; more than the maximum is the maximum."),
            described("cursor", {"type": "string"}, "From `next`; opaque."),
            described(
                "count",
                {"type": "string", "enum": ["exact", "capped"]},
                f"Count them: all, which may be slow, or no further than {MOST_COUNTED:,}.",
            ),
        ]
        if fields := getattr(view, "sort_fields", self.sort_fields):
            names = [sign + name for name in fields for sign in ("", "-")]
            schema = {"type": "array", "items": {"type": "string", "enum": names}, "maxItems": MOST_SORTED}
            sort = described("sort", schema, "The order, the first field counting most; `-` is descending.")
            parameters.append(sort | {"style": "form", "explode": False})
        return parameters

    def _order(self, request: Request, view: APIView | None) -> tuple[str, ...]:
        asked = request.query_params.get("sort")
        if asked is None:
            return with_key(getattr(view, "ordering", self.ordering))
        order = tuple(asked.split(","))
        fields = [name.removeprefix("-") for name in order]
        if not set(fields) <= set(getattr(view, "sort_fields", self.sort_fields)):
            raise bad_parameter("sort", "This cannot be sorted by.")
        if len(fields) > MOST_SORTED or len(set(fields)) < len(fields):
            raise bad_parameter("sort", f"It names up to {MOST_SORTED} fields, each once.")
        return with_key(order)

    def _next_url(self, last: Model | Mapping[str, Any], order: Sequence[str], model: type[Model]) -> str:
        cursor = make_cursor(last, self.request.path, order, model)
        parts = urlsplit(self.request.build_absolute_uri())
        query = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name != "cursor"]
        return urlunsplit(parts._replace(query=urlencode([*query, ("cursor", cursor)])))


def read_limit(request: Request, *, default: int = DEFAULT_LIMIT, maximum: int = MAX_LIMIT) -> int:
    """Return ``?limit=``, clamped to the maximum; raises ``Invalid`` for what is no positive number."""
    text = request.query_params.get("limit", str(default))
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text) > 0):
        raise bad_parameter("limit", "It must be a positive whole number.")
    return min(int(text), maximum)


def with_key(order: Sequence[str]) -> tuple[str, ...]:
    """Return the order made total by the primary key, in the direction of its last field."""
    if any(name.removeprefix("-") in ("pk", "id") for name in order):
        return tuple(order)
    descending = bool(order) and order[-1].startswith("-")
    return (*order, "-pk" if descending else "pk")


def after(order: Sequence[str], values: Sequence[object]) -> Q:
    """Return the condition for everything behind a row, in an order of mixed directions.

    ``a >= x AND (a > x OR (a = x AND b > y))``: the first part is what an index can begin at.
    """
    condition = Q()
    for name, value in reversed(list(zip(order, values, strict=True))):
        field, beyond = name.removeprefix("-"), "lt" if name.startswith("-") else "gt"
        behind = Q(**{f"{field}__{beyond}": value})
        condition = behind | (Q(**{field: value}) & condition) if condition else behind
    first, beyond = order[0].removeprefix("-"), "lte" if order[0].startswith("-") else "gte"
    return Q(**{f"{first}__{beyond}": values[0]}) & condition


def make_cursor(
    row: Model | Mapping[str, Any], path: str, order: Sequence[str], model: type[Model] | None = None
) -> str:
    """Return the signed place of a row in an order."""
    texts = [_text(row, name, model) for name in order]
    return signing.dumps([path, ",".join(order), texts], salt=SALT)


def read_cursor(cursor: str, path: str, order: Sequence[str], model: type[Model]) -> list[object]:
    """Return the place that a cursor stands for; raises ``Invalid`` when it is not ours, or for something else."""
    try:
        made_for, made_order, texts = signing.loads(cursor, salt=SALT)
        if (made_for, made_order) != (path, ",".join(order)):
            raise bad_parameter("cursor", "It belongs to another list or another order.")
        return [_field(model, name).to_python(text) for name, text in zip(order, texts, strict=True)]
    except (signing.BadSignature, TypeError, ValueError, ValidationError) as error:
        raise bad_parameter("cursor", "It is not one that we gave out.") from error


def _field(model: type[Model], name: str) -> Field[Any, Any]:
    *path, last = name.removeprefix("-").split("__")
    for step in path:
        related = model._meta.get_field(step).related_model
        if not isinstance(related, type):
            raise ImproperlyConfigured(f"{name} leads nowhere.")
        model = related
    field = model._meta.pk if last == "pk" else model._meta.get_field(last)
    if not isinstance(field, Field) or field.null:
        raise ImproperlyConfigured(f"{model.__name__}.{last} may be null: a page cannot begin after it.")
    return field


def _text(row: Model | Mapping[str, Any], name: str, model: type[Model] | None) -> str:
    """Return the value of a field as text; a row of ``values()`` has its own columns only, under their names."""
    if isinstance(row, Mapping) and model is not None:
        return _field(model, name).value_to_string(cast("Any", SimpleNamespace(**row)))
    return _field(cast("type[Model]", type(row)), name).value_to_string(_owner(cast("Model", row), name))


def _owner(row: Model, name: str) -> Any:
    owner: Any = row
    for step in name.removeprefix("-").split("__")[:-1]:
        owner = getattr(owner, step)
    return owner


def _count(queryset: Any, request: Request) -> int | None:
    match request.query_params.get("count"):
        case None:
            return None
        case "exact":
            return int(queryset.count())
        case "capped":
            return count_up_to(queryset, MOST_COUNTED)
    raise bad_parameter("count", "It is exact or capped.")


def described(name: str, schema: Mapping[str, Any], description: str) -> dict[str, Any]:
    """Return a query parameter as OpenAPI describes it."""
    return {"name": name, "in": "query", "required": False, "schema": dict(schema), "description": description}
