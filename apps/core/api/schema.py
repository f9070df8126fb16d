"""What OpenAPI says of every operation without being told again: problems, ETags, If-Match, Idempotency-Key."""

from __future__ import annotations

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import Direction, OpenApiParameter
from rest_framework import serializers

from apps.core.api.json import MergePatchParser
from apps.core.api.problems import CONTENT_TYPE

IF_MATCH = OpenApiParameter(
    "If-Match", OpenApiTypes.STR, OpenApiParameter.HEADER, required=True, description="The ETag that you read, or `*`."
)
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match", OpenApiTypes.STR, OpenApiParameter.HEADER, description="The ETag that you have; 304 if it stands."
)
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="Any text of your own: sent again within 24 hours it has its effect once and gets the same answer.",
)
ETAG = OpenApiParameter(
    "ETag",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    response=[200, 201],
    description="The version; send it as If-Match with a change.",
)


class FieldErrorSerializer(serializers.Serializer[Any]):
    """One thing wrong with one part of a request."""

    pointer = serializers.CharField(help_text="JSON Pointer into the body, or `?name` for a query parameter.")
    code = serializers.CharField()
    detail = serializers.CharField()


class ProblemSerializer(serializers.Serializer[Any]):
    """A problem (RFC 9457)."""

    type = serializers.CharField(help_text="`urn:watchfloor:problem:<code>`; stable.")
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    errors = FieldErrorSerializer(many=True)  # type: ignore[assignment]  # a field, not the property
    trace_id = serializers.CharField(allow_null=True)


class WatchfloorSchema(AutoSchema):
    """Adds to every operation what ``core.api`` does for it."""

    def get_override_parameters(self) -> list[Any]:
        """Return the headers that the handler's decorators and its method imply."""
        handler = getattr(self.view, self.method.lower(), None)
        parameters = [*super().get_override_parameters()]
        if getattr(handler, "needs_version", False):
            parameters += [IF_MATCH, ETAG]
        if getattr(handler, "is_idempotent", False):
            parameters.append(IDEMPOTENCY_KEY)
        return parameters

    def map_parsers(self) -> list[Any]:
        """Return the media types of the body: a PATCH is a merge patch."""
        return [MergePatchParser.media_type] if self.method == "PATCH" else super().map_parsers()

    def _get_response_bodies(self, direction: Direction = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        problem = self.resolve_serializer(ProblemSerializer(), "response")
        bodies.setdefault("default", {"description": "A problem", "content": {CONTENT_TYPE: {"schema": problem.ref}}})
        return bodies
