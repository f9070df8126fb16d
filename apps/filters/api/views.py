"""``GET /api/v1/queryables``: what may be asked about each noun."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.api.parameters import require_known
from apps.core.api.views import NounView
from apps.core.types import NotFound
from apps.filters.registry import all_queryables, queryables_for
from apps.filters.rules.schema import json_schema


class QueryablesLinkSerializer(serializers.Serializer[Any]):
    """Where the queryables of a noun are."""

    noun = serializers.CharField()
    href = serializers.CharField()


class QueryablesIndexSerializer(serializers.Serializer[Any]):
    """Every noun that can be filtered."""

    items = QueryablesLinkSerializer(many=True)


class QueryablesIndexView(NounView):
    """Every noun that can be filtered."""

    @extend_schema(operation_id="queryables_index", responses=QueryablesIndexSerializer)
    def get(self, request: Request) -> Response:
        """List the nouns that can be filtered."""
        require_known(request, ())
        items = [{"noun": each.noun, "href": reverse("queryables", args=[each.noun])} for each in all_queryables()]
        return Response({"items": items})


class QueryablesView(NounView):
    """What may be asked about one noun."""

    @extend_schema(operation_id="queryables_show", responses={(200, "application/schema+json"): OpenApiTypes.OBJECT})
    def get(self, request: Request, noun: str) -> Response:
        """Show as JSON Schema what may be asked about a noun: types, units, enumerations and the geometry's role."""
        require_known(request, ())
        try:
            found = queryables_for(request, noun)
        except LookupError:
            raise NotFound("There is no such noun.") from None
        address = request.build_absolute_uri(reverse("queryables", args=[noun]))
        return Response(json_schema(found, address=address), content_type="application/schema+json")
