"""Merge patches (RFC 7396) applied to a whole object, which is then judged as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rest_framework.request import Request
from rest_framework.serializers import Serializer

from apps.core.api.json import merge_patch
from apps.core.types import FieldError, Invalid


def read_patch(
    request: Request,
    shape: type[Serializer[Any]],
    current: Mapping[str, object],
    *,
    together: Iterable[frozenset[str]] = (),
) -> dict[str, Any]:
    """Return the fields that a PATCH names, as the serializer understands them after the patch.

    ``current`` is the object as it is shown. A member that is ``null`` in the patch goes back to the field's
    default, or is an error where the field is required. Fields that mean something only ``together`` are all returned
    when the patch names one of them. Raises ``Invalid`` with a pointer to every fault.
    """
    writable = [name for name, field in shape().fields.items() if not field.read_only]
    unknown = sorted(set(request.data) - set(writable))[:20]
    if unknown:
        detail = "There is no such field, or it cannot be changed."
        errors = [FieldError(pointer=f"/{name[:100]}", code="unknown_field", detail=detail) for name in unknown]
        raise Invalid("The patch names fields that cannot be changed.", errors=errors)
    merged = merge_patch({name: current[name] for name in writable if current[name] is not None}, request.data)
    serializer = shape(data=merged, context={"request": request})
    serializer.is_valid(raise_exception=True)
    named = set(request.data).union(*(group for group in together if group & set(request.data)))
    return {name: value for name, value in serializer.validated_data.items() if name in named}
