"""Query parameters, read strictly: what is misspelt or makes no sense is told, never ignored."""

from __future__ import annotations

import math
from collections.abc import Collection
from datetime import UTC, datetime
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from apps.core.text import text_fault
from apps.core.types import BBox, FieldError, Invalid

PAGING = frozenset({"limit", "cursor", "count", "sort"})
BBOX = OpenApiParameter("bbox", OpenApiTypes.STR, description="`west,south,east,north` in degrees; touching counts.")


def require_known(request: Request, names: Collection[str]) -> None:
    """Raise ``Invalid`` for a parameter that is neither one of these nor read for the view (paging, filters)."""
    read_for_it = getattr((request.parser_context or {}).get("view"), "list_parameters", ())
    unknown = sorted(set(request.query_params) - set(names) - PAGING - set(read_for_it))[:20]
    if unknown:
        errors = [FieldError(pointer=f"?{name[:100]}", code="unknown_parameter", detail="No such.") for name in unknown]
        raise Invalid("There are parameters that do not exist.", code="invalid_parameter", errors=errors)


def read_text(request: Request, name: str, *, max_length: int = 200) -> str | None:
    """Return a text, or ``None`` when it is missing or empty."""
    text = request.query_params.get(name) or None
    if text is not None and (fault := text_fault(text, max_length=max_length, may_be_blank=True)):
        raise bad_parameter(name, fault)
    return text


def read_uuid(request: Request, name: str) -> UUID | None:
    """Return an id."""
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        return UUID(text)
    except ValueError:
        raise bad_parameter(name, "It is not an id.") from None


def read_flag(request: Request, name: str) -> bool | None:
    """Return ``true`` or ``false``."""
    text = request.query_params.get(name)
    if text is None:
        return None
    if text not in ("true", "false"):
        raise bad_parameter(name, "It is true or false.")
    return text == "true"


def read_instant(request: Request, name: str) -> datetime | None:
    """Return an instant, aware UTC."""
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        # In a query string a plus sign is a space.
        instant = datetime.fromisoformat(text.replace(" ", "+"))
        utc = instant.astimezone(UTC)
    except (ValueError, OverflowError):
        raise bad_parameter(name, "It is an instant, as in 2026-07-01T12:00:00Z.") from None
    if instant.utcoffset() is None:
        raise bad_parameter(name, "It needs its offset from UTC, as in 2026-07-01T12:00:00Z.")
    return utc


def read_bbox(request: Request, name: str = "bbox") -> BBox | None:
    """Return a box of degrees; ``west > east`` crosses the antimeridian."""
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        raise bad_parameter(name, "It is west,south,east,north in degrees.") from None
    if not all(math.isfinite(each) for each in (west, south, east, north)):
        raise bad_parameter(name, "A number in it is not finite.")
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90):
        raise bad_parameter(name, "It leaves the world, or its south lies above its north.")
    return BBox(west=west, south=south, east=east, north=north)


def bad_parameter(name: str, detail: str) -> Invalid:
    """Return the error of a parameter that is known and not right."""
    error = FieldError(pointer=f"?{name}", code=f"bad_{name}", detail=detail)
    return Invalid(f"The parameter {name} is not right.", code="invalid_parameter", errors=[error])
