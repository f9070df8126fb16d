"""The few building blocks that every REST view of a noun is made of."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from django.db.models import QuerySet
from django.utils.cache import patch_cache_control, patch_vary_headers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from apps.core.api.etags import etag, is_unchanged
from apps.core.api.json import JSONParser, MergePatchParser
from apps.core.api.paging import MAX_LIMIT, KeysetPaginator
from apps.core.types import FieldError, Invalid


class NounView(APIView):
    """A view of one noun: lists are paged by ``ordering``, bodies are JSON, patches are merge patches."""

    pagination_class = KeysetPaginator
    ordering: tuple[str, ...] = ("pk",)
    sort_fields: Sequence[str] = ()
    # Query parameters that are read for the view, not by it.
    list_parameters: Collection[str] = frozenset()
    max_limit: int = MAX_LIMIT

    def get_parsers(self) -> list[Any]:
        """Return the parser of the method: a PATCH is a merge patch, the rest is JSON."""
        method = self.request.method if getattr(self, "request", None) else None
        return [MergePatchParser()] if method == "PATCH" else [JSONParser()]

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Response:
        """Return the response, marked as this person's own: no cache on the way may show it to the next."""
        answer: Response = super().finalize_response(request, response, *args, **kwargs)
        patch_cache_control(answer, private=True, no_cache=True)
        patch_vary_headers(answer, ["Authorization", "Cookie"])
        return answer


def page(view: NounView, request: Request, queryset: QuerySet[Any], shape: type[Serializer[Any]]) -> Response:
    """Answer one page of a queryset that the doors have narrowed already."""
    paginator = view.pagination_class()
    rows = paginator.paginate_queryset(queryset, request, view)
    return paginator.get_paginated_response(shape(rows, many=True, context={"request": request}).data)


def one(request: Request, body: object, *, version: int) -> Response:
    """Answer one object with its ETag; 304 when the caller has this version already."""
    headers = {"ETag": etag(version)}
    if request.method == "GET" and is_unchanged(request, version):
        return Response(status=304, headers=headers)
    return Response(body, headers=headers)


def created(body: object, *, location: str, version: int) -> Response:
    """Answer what has just been made, where it is, and its ETag."""
    return Response(body, status=201, headers={"Location": location, "ETag": etag(version)})


def deleted() -> Response:
    """Answer that it is gone."""
    return Response(status=204)


def read_body(request: Request, shape: type[Serializer[Any]], *, partial: bool = False) -> dict[str, Any]:
    """Return the request's body as the serializer understands it.

    Raises ``Invalid`` with a pointer to every fault; a field that the serializer does not know is one, since a
    misspelt name that is silently ignored is the worst answer to a change.
    """
    if not isinstance(request.data, Mapping):
        error = FieldError(pointer="", code="not_an_object", detail="Expected a JSON object.")
        raise Invalid("The body is a JSON object.", errors=[error])
    serializer = shape(data=request.data, partial=partial, context={"request": request})
    _require_known(request.data, (name for name, field in serializer.fields.items() if not field.read_only))
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def _require_known(body: Mapping[str, object], known: Iterable[str]) -> None:
    unknown = sorted(set(body) - set(known))[:20]
    if unknown:
        errors = [
            FieldError(pointer=f"/{name[:100]}", code="unknown_field", detail="No such field.") for name in unknown
        ]
        raise Invalid("The body has fields that do not exist.", errors=errors)
